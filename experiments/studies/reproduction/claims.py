"""What Huang, Vishwakarma and Sala (2023) claim or let expect, and how each claim is measured here.

"Train 'n Trade: Foundations of Parameter Markets", NeurIPS 2023, arXiv 2312.04740. Claims come from its
abstract, or are what its released experiments were made to show; which of the two, each claim says.

Core Objects: Claim, CLAIMS, Verdict
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from experiments.studies.reproduction.readings import (
    Reading,
    between_cells,
    difference,
    differences_by_cell,
    gain_of_each,
    price_readings,
    rates,
    saved,
    trend,
)

ABSTRACT = "abstract"
RELEASED = "released experiment"
PRICING = "pricing"
"""In the place of a preset: the records of ``parabourse pricing``."""


class Verdict(StrEnum):
    """What the readings say of a claim."""

    REPRODUCED = "reproduced"
    CONTRADICTED = "not reproduced: contradicted"
    NOT_REPRODUCED = "not reproduced: inconclusive"
    NOT_TESTABLE = "not testable here"


@dataclass(frozen=True)
class Claim:
    """A claim and how it is measured.

    Attributes
    ----------
    name : str
        Of its section on the page.
    text : str
        The claim as it is tested, in one sentence.
    source : str
        Where it comes from.
    preset : str
        The experiment whose records are read; empty where nothing can be played.
    read : callable or None
        Makes readings from these records; None where nothing can be measured.
    full : tuple of str
        Commands of the experiment at full scale.
    note : str
        What a reader must know to read it right.
    """

    name: str
    text: str
    source: str
    preset: str
    read: Callable[[pd.DataFrame], list[Reading]] | None
    full: tuple[str, ...]
    note: str = ""

    def judge(self, readings: list[Reading]) -> Verdict:
        """Return the verdict.

        Reproduced if the whole interval of every reading that the claim speaks of is above 0, contradicted if
        that of any is below; bounds can be contradicted, but no number of rounds shows that they hold.
        """
        told = [reading for reading in readings if reading.claimed]
        if any(reading.contradicts for reading in told):
            return Verdict.CONTRADICTED
        if not told or all(reading.bound for reading in told):
            return Verdict.NOT_TESTABLE
        return Verdict.REPRODUCED if all(reading.holds for reading in told) else Verdict.NOT_REPRODUCED


def _twins(preset: str, *scales: str) -> tuple[str, ...]:
    return tuple(f"parabourse reproduce {preset} scale={scale}" for scale in scales)


BOTH = ("mnist", "cifar10")

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "Both sides gain",
        "Two organisations that trade whole aligned models both end more accurate than alone.",
        ABSTRACT,
        "two_organisations",
        lambda r: gain_of_each(r, "aligned", "silo"),
        _twins("two_organisations", *BOTH),
    ),
    Claim(
        "Alignment",
        "A market in which the broker aligns models before they are merged beats one in which it does not.",
        RELEASED + " alignment_optimizer",
        "two_organisations",
        lambda r: [
            difference(r, "aligned", "unaligned"),
            difference(r, "aligned", "unaligned", "test_loss").beside("less is better"),
            difference(r, "unaligned", "silo").beside("a market without alignment"),
        ],
        _twins("two_organisations", *BOTH),
        "Models that merged once lie in one basin; alignment is worth most where they first meet.",
    ),
    Claim(
        "Market and federated averaging",
        "The aligned market beats federated averaging of the same two models in the same rounds.",
        RELEASED + " baseline, with averaging",
        "two_organisations",
        lambda r: [
            difference(r, "aligned", "fedavg_late"),
            difference(r, "aligned", "fedavg").beside(
                "not the published comparison: common start, every round"
            ),
            difference(r, "aligned", "fedprox").beside("the same, held near the mean, strength tuned"),
            difference(r, "aligned", "gossip").beside("averages of random pairs"),
        ],
        _twins("two_organisations", *BOTH),
    ),
    Claim(
        "Upper bound",
        "Training on everybody's data in one place is better than the market.",
        RELEASED + " baseline, bank",
        "two_organisations",
        lambda r: [
            difference(r, "pooled", "aligned"),
            difference(r, "deep_ensemble", "silo").beside("an ensemble of the two lone models"),
        ],
        _twins("two_organisations", *BOTH),
    ),
    Claim(
        "Skew",
        "Trading gains at every skew, and most where organisations own least of each other's classes.",
        RELEASED + " deduction",
        "skew",
        lambda r: [
            *differences_by_cell(r, "data.kept", "aligned", "silo"),
            trend(r, "data.kept", "aligned", "silo", "0.1", "0.8"),
        ],
        _twins("skew", *BOTH),
    ),
    Claim(
        "Optimisers",
        "Trading gains with plain gradient descent as with Adam.",
        RELEASED + " alignment_optimizer",
        "optimisers",
        lambda r: differences_by_cell(r, "learning", "aligned", "silo"),
        _twins("optimisers", *BOTH),
    ),
    Claim(
        "Start of trading",
        "Trading gains whether it starts at once or after some epochs alone.",
        RELEASED + " period",
        "start",
        lambda r: differences_by_cell(r, "broker.start_round", "aligned", "silo"),
        _twins("start", *BOTH),
    ),
    Claim(
        "Frequency of trading",
        "Trading gains in every epoch as in every tenth.",
        RELEASED + " freq",
        "every",
        lambda r: differences_by_cell(r, "broker.every", "aligned", "silo"),
        _twins("every", *BOTH),
    ),
    Claim(
        "Three organisations",
        "Three organisations gain as two do.",
        RELEASED + " three_agent_trade",
        "three_organisations",
        lambda r: gain_of_each(r, "aligned", "silo"),
        _twins("three_organisations", *BOTH),
    ),
    Claim(
        "More organisations",
        "The gain persists with more organisations.",
        "extension: the published experiments stop at three",
        "many_organisations",
        lambda r: differences_by_cell(r, "organisations", "aligned", "silo"),
        _twins("many_organisations", "mnist"),
    ),
    Claim(
        "Parts of models",
        "Single layers and subsets of layers can be traded instead of whole models, and each gains.",
        ABSTRACT + ": sets of weights",
        "layers",
        lambda r: differences_by_cell(r, "broker.blocks", "aligned", "silo"),
        _twins("layers", *BOTH),
    ),
    Claim(
        "Merge weight",
        "A merge weight that the broker chooses on its data beats one half.",
        RELEASED + " of TinyImageNet, which uses one half",
        "merge_weight",
        lambda r: [
            between_cells(r, "merge_weight", "grid", "half", "aligned"),
            between_cells(r, "merge_weight", "golden", "grid", "aligned").beside(
                "golden section, fewer passes"
            ),
            between_cells(r, "merge_weight", "quadratic", "grid", "aligned").beside(
                "a parabola, three passes"
            ),
            *(w.beside("") for w in differences_by_cell(r, "merge_weight", "aligned", "silo")),
        ],
        _twins("merge_weight", *BOTH),
    ),
    Claim(
        "Networks",
        "Trading gains for residual networks and for VGG as for the multilayer perceptron.",
        RELEASED + "s of CIFAR-10",
        "networks",
        lambda r: differences_by_cell(r, "network", "aligned", "silo"),
        _twins("networks", "cifar10"),
    ),
    Claim(
        "Different tasks",
        "Organisations with different tasks gain by trading trunks and keeping their heads.",
        RELEASED + " multi_task",
        "towers",
        lambda r: gain_of_each(r, "aligned", "silo", key="data"),
        _twins("towers", "mnist"),
        "Turned digits share lines with upright ones, but no shape; whether a digit is odd asks for what the "
        "first task has learnt.",
    ),
    Claim(
        "Time to a loss",
        "Organisations in the market reach the loss that they could reach alone in fewer rounds.",
        "extension: of the convergence analysis",
        "convergence",
        lambda r: [
            *saved(r, "data.kept", "aligned", "round"),
            *(s.beside("with the cost of trials") for s in saved(r, "data.kept", "aligned", "flops")),
        ],
        _twins("convergence", *BOTH),
        "Ratios are over replicates in which both reached it; operations are those of training and trials.",
    ),
    Claim(
        "Rate",
        "Trading keeps the O(1/sqrt(T)) rate of stochastic gradient descent.",
        "convergence analysis, section 5",
        "rate",
        lambda r: [
            one if one.label.startswith(("aligned", "unaligned")) else one.beside("without a market")
            for one in rates(r)
        ],
        _twins("rate", *BOTH),
        "No experiment shows a theorem, but one could contradict it; this one does not. "
        "Measured is the gradient of an organisation's own loss, of which a merge knows nothing.",
    ),
    Claim(
        "Competitors: models",
        "Rivals that decide by their profits still trade, and both end more accurate than alone.",
        ABSTRACT + ': "mutually gain", "even in competitive settings"',
        "competition",
        lambda r: gain_of_each(r, "competitive", "silo", key="setting.demand.tau"),
        _twins("competition", *BOTH),
        "Tau is how much consumers' tastes differ: the smaller, the fiercer is competition.",
    ),
    Claim(
        "Competitors: profits",
        "Rivals also earn more than they would without the market.",
        ABSTRACT + ": the same, in money; the paper has no consumers' market",
        "competition",
        lambda r: gain_of_each(r, "competitive", "silo", "net", key="setting.demand.tau"),
        _twins("competition", *BOTH),
        "Each deal is rational by its trial. Consumers get what rivals with better models compete away. "
        "Prices under information: docs/pricing.md.",
    ),
    Claim(
        "Prices",
        "The more the broker tells of a gain, the nearer prices come to those of full information.",
        ABSTRACT + ': "means for agents to monetize parameters"; pricing under information is our own',
        PRICING,
        price_readings,
        (),
        "Bounds from the norm of the difference and the gradients alone tell nothing: docs/pricing.md.",
    ),
    Claim(
        "TinyImageNet",
        "The gains hold on TinyImageNet with ResNet-20 and 200 classes.",
        RELEASED + "s of TinyImageNet",
        "",
        None,
        (),
        "OpenML has no copy of this data set under a number that these loaders know.",
    ),
)
