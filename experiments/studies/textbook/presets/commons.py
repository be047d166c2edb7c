"""Free riding: goods that everybody shares, under contributions, personal prices and the Clarke pivot.

P. Samuelson (1954), Review of Economics and Statistics 36; T. Bergstrom, L. Blume and H. Varian (1986), J.
Public Economics 29; E. Clarke (1971), Public Choice 11.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from matplotlib.figure import Figure
from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.figures.style import new_figure
from experiments.studies.textbook.base import RESULTS, TEXTBOOK, Preset, Tables
from experiments.studies.textbook.drawing import draw_series, of, size_axis
from experiments.studies.textbook.findings import Findings, ratio_samples
from markets import theory
from markets.columns import Floats
from sim.config.market import STRICT
from sim.streams import Streams
from sim.textbook.induced_market import play
from sim.textbook.induced_report import InducedReport

AMOUNT = "amount of the good a person"
REGRET = "gain from another contribution, credits"
GAINS = "project's gains, credits"
SHARE = "project's gains, share of first best"
TAX = "burnt tax a person, credits"
RIDE = "gain from bidding nothing, credits"

PANELS: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        AMOUNT,
        "amount a person",
        {"voluntary contributions, Nash": "contributions, Nash", "Lindahl prices": "Lindahl prices"},
    ),
    (
        RIDE,
        "gain from bidding 0",
        {"voluntary_contributions": "contributions", "lindahl": "Lindahl", "clarke_pivot": "Clarke"},
    ),
    (
        SHARE,
        "project's gains",
        {
            "lindahl, truthful": "Lindahl, truthful",
            "lindahl, understated": "Lindahl, understated",
            "clarke_pivot, truthful": "Clarke, truthful",
        },
    ),
)
"""What each panel of the figure shows: quantity, title, and cases with their labels."""

COLLECTED = {"name": "voluntary_contributions", "cost": 0.0}
"""Contributions are all that there is of the good: whatever is given buys it."""


@TEXTBOOK.register
@dataclass(frozen=True, config=STRICT)
class CommonsPreset(Preset):
    """What people pay for a good that everybody shares, and which rules stop free riding.

    Amounts: n people with the utility ln G - t of an amount G that costs a credit a unit. In the Nash
    equilibrium of voluntary contributions they give 1/n each, so that G = 1; personal (Lindahl) prices
    collect a credit from each, G = n, the efficient amount.

    Projects: a project costs `cost` credits a head and is worth an amount uniform on [0, 1] to each of n
    people. It is built or not, by the Clarke pivot with truthful people; by Lindahl prices with truthful
    people, and with people who all understate by the share `understated`. What a person would gain who bids
    nothing while the others tell the truth is measured on the same draws.

    Parameters
    ----------
    people : tuple of int
        Sizes of the group.
    groups : int
        Independent groups of each size, at most.
    orders : int
        Orders at most in a clearing; large groups are played fewer times.
    cost : float
        Of a project, credits a head.
    understated : float
        Share of their value that people keep silent about.
    """

    name: str = "commons"
    people: tuple[Annotated[int, Field(ge=2, le=200)], ...] = (2, 3, 5, 10, 20, 50)
    groups: Annotated[int, Field(ge=2, le=1_000_000)] = 10_000
    orders: Annotated[int, Field(ge=2, le=100_000_000)] = 200_000
    cost: Annotated[float, Field(gt=0, lt=1)] = 0.4
    understated: Annotated[float, Field(ge=0, le=1)] = 0.25

    varied: ClassVar[str] = "people"
    size_means: ClassVar[str] = "people"
    caption: ClassVar[str] = (
        "Left: amount of the good by voluntary contributions in equilibrium and by Lindahl prices. Middle: "
        "what a person gains by bidding nothing while others tell the truth; under the Clarke pivot, never "
        "anything. "
        "Right: gains of the project, as a share of the first best, when all tell the truth and when all "
        "understate. Dashed: theory."
    )

    def run(self, people: int, streams: Streams) -> Tables:
        """Let groups of a size provide the good."""
        findings = Findings()
        self._amounts(findings, people, streams)
        self._projects(findings, people, streams)
        self._temptations(findings, people, streams)
        return {RESULTS: findings.table()}

    def _amounts(self, findings: Findings, people: int, streams: Streams) -> None:
        nash = theory.voluntary_contributions(np.ones(people), 1.0)

        def give(rule: dict[str, Any], population: dict[str, Any]) -> Floats:
            taste = {"name": "schedule", "amounts": (1.0,)}
            report = _play(streams, people, 2, rule, population, values=taste)
            return report.paid

        gifts = give(COLLECTED, _shading(people, 1 - 1 / people))
        priced = give({"name": "lindahl", "cost": float(people)}, {})
        case = "voluntary contributions, Nash"
        findings.add(AMOUNT, gifts.sum(axis=1) / people, float(nash.sum()) / people, case=case, size=people)
        efficient = theory.samuelson_quantity(np.ones(people), 1.0) / people
        findings.add(AMOUNT, priced.sum(axis=1) / people, efficient, case="Lindahl prices", size=people)
        standing = _utility(gifts)
        for case, stranger in (("gives nothing", "recluse"), ("gives the efficient amount", "truthful")):
            other = give(COLLECTED, _one_among(stranger, people, 1 - 1 / people))
            gain = _utility(other) - standing
            findings.add(REGRET, gain, 0.0, case=case, size=people, relation="<=")

    def _projects(self, findings: Findings, people: int, streams: Streams) -> None:
        total = self.cost * people
        rule = {"name": "lindahl", "cost": total}
        populations = {
            "clarke_pivot, truthful": ({"name": "clarke_pivot", "cost": total, "shares": "equal"}, {}, total),
            "lindahl, truthful": (rule, {}, total),
            "lindahl, understated": (
                rule,
                _shading(people, self.understated),
                total / (1 - self.understated),
            ),
        }
        best = theory.project_gains(people, total)
        for case, (mechanism, population, threshold) in populations.items():
            report = _play(streams, people, self._groups(people), mechanism, population)
            gains = np.where(report.trades > 0, (report.value * report.bought).sum(axis=1) - total, 0.0)
            first_best = (report.value.sum(axis=1) - total).clip(min=0)
            told = theory.project_gains(people, total, threshold)
            findings.add(GAINS, gains, told, case=case, size=people)
            findings.add(SHARE, ratio_samples(gains, first_best), told / best, case=case, size=people)
            if mechanism["name"] == "clarke_pivot":
                findings.add(TAX, report.broker / people, case=case, size=people)

    def _temptations(self, findings: Findings, people: int, streams: Streams) -> None:
        total = self.cost * people
        for rule in ("voluntary_contributions", "lindahl", "clarke_pivot"):
            mechanism = {"name": rule, "cost": total} | (
                {"shares": "equal"} if rule == "clarke_pivot" else {}
            )
            honest, riding = (
                _play(streams, people, self._groups(people), mechanism, population)
                for population in ({}, _silent(people))
            )
            gain = riding.buyers_profit[:, 0] - honest.buyers_profit[:, 0]
            told = 0.0 if rule == "clarke_pivot" else np.nan
            findings.add(RIDE, gain, told, case=rule, size=people, relation="<=")

    def _groups(self, people: int) -> int:
        return max(2, min(self.groups, self.orders // people))

    def draw(self, tables: Tables) -> Figure:
        """Draw amounts, temptations and gains against the size of the group."""
        results = tables[RESULTS]
        figure = new_figure(5.2)
        panels = figure.subplots(1, 3)
        ticks = [size for size in self.people if size in (2, 5, 20, 50)] or list(self.people)
        for axes, (quantity, title, cases) in zip(panels, PANELS, strict=True):
            for style, (case, label) in enumerate(cases.items()):
                rows = of(results, quantity, case)
                draw_series(axes, rows, style, label, quantity != RIDE, shift=(0.95, 1.0, 1.05)[style])
            size_axis(axes, ticks, "people")
            axes.set_xlim(min(self.people) / 1.3, max(self.people) * 1.3)
            axes.set_title(title, fontsize=12)
            # Room for the legend above the marks.
            low, high = axes.get_ylim()
            axes.set_ylim(low, high + 0.32 * (high - low))
            axes.legend(loc="upper left", fontsize=10.5, handlelength=1.2, borderaxespad=0.1)
        panels[0].set_ylabel("units of the good")
        panels[1].set_ylabel("credits")
        panels[2].set_ylabel("share of first best")
        return figure


def _play(
    streams: Streams,
    people: int,
    groups: int,
    mechanism: dict[str, Any],
    population: dict[str, Any],
    values: Any = "uniform",
) -> InducedReport:
    """Let groups share what one seller offers them, at no cost but the mechanism's."""
    return play(
        streams,
        buyers=people,
        sellers=1,
        markets=groups,
        values=values,
        costs="schedule",
        mechanism=mechanism,
        population={"cash": 1e4} | population,
        broker={"licence": "copy"},
    )


def _shading(people: int, fraction: float) -> dict[str, Any]:
    """Return a population in which all bid that much less than their value."""
    return {"mix": {"shading": people + 1}, "parameters": {"shading": {"fraction": fraction}}}


def _silent(people: int) -> dict[str, Any]:
    """Return a population in which the first bids nothing and the others tell the truth."""
    return {"mix": {"shading": 1, "truthful": people}, "parameters": {"shading": {"fraction": 1.0}}}


def _one_among(stranger: str, people: int, fraction: float) -> dict[str, Any]:
    """Return a population in which the first follows another strategy than the rest, who shade."""
    return {
        "mix": {stranger: 1, "shading": people},
        "parameters": {"shading": {"fraction": fraction}},
    }


def _utility(gifts: Floats) -> Floats:
    """Return ln G - t of the first person of each group, where a credit buys a unit of the good."""
    return np.log(gifts.sum(axis=1)) - gifts[:, 0]
