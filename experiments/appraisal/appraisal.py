"""What one model is worth to another: the trial that a market would make, with every merge operator.

The numbers are, to the bit, those of a run's trial of the same two models: both are made by the laboratory.

Core Objects: appraise, Appraisal, Merged
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from agents.learning.alignment.base import Alignment, Permutations, Unaligned
from agents.learning.networks.base import WHOLE
from agents.learning.operators import MERGE_OPERATORS, MergeOperator
from agents.learning.stack.pairs import Pairs
from agents.learning.trials import Trials
from experiments.appraisal.composition import Setup
from markets.columns import Floats, Ints
from markets.refusals import InputError
from sim.laboratory import Laboratory
from sim.laboratory.requests import Evaluate, Measured, Merge, Try
from sim.saved_models.fitting import SavedModel, fitted
from sim.saved_models.model_card import ModelCard
from sim.saved_models.model_file import content_of
from sim.saved_models.saving import own_tensors, told_of_all

BUYER, SELLER = "buyer", "seller"


@dataclass(frozen=True)
class Merged:
    """The best merged model: tensors by name, what its file tells, and its row of `Appraisal.operators`."""

    tensors: dict[str, Tensor]
    card: ModelCard
    row: dict[str, Any]


@dataclass(frozen=True)
class Appraisal:
    """What was found.

    Attributes
    ----------
    operators : DataFrame
        A row a block, operator and alignment: `weight` of least validation loss, `loss_before`, `loss_after`
        and `gain` on validation data (nats an example), `barrier` (how far the curve rises above the chord of
        its ends, nats; missing where it has no end at 1), `moved` (share of hidden units that the alignment
        puts elsewhere), `test_loss_before`, `test_loss_after`, `score_before`, `score_after` on test data,
        and `note`, why an operator could not be tried.
    curves : DataFrame
        A row a block, operator, alignment and merge `weight`: the validation `loss`.
    classes : DataFrame
        A row a model and class: the `accuracy` on test data; of the buyer, of the seller, and of what each
        operator makes. Empty where examples have no class.
    score : str
        What scores are, in words.
    merged : Merged or None
        The best merged model; None where none is better than the buyer's own.
    """

    operators: pd.DataFrame
    curves: pd.DataFrame
    classes: pd.DataFrame
    score: str
    merged: Merged | None


def appraise(buyer: SavedModel, seller: SavedModel, setup: Setup) -> Appraisal:
    """Try the seller's model in the buyer's, and merge it, with every operator.

    Parameters
    ----------
    buyer, seller : SavedModel
        The two models.
    setup : Setup
        The world in which they meet.

    Raises
    ------
    InputError
        If a model does not fit the network, or sees its data otherwise than the other.
    """
    rows: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    classes: list[dict[str, Any]] = []
    merged: Merged | None = None
    score = ""
    for operator, alignment in _ways(setup):
        key = {"operator": operator.name, "alignment": alignment.name}
        try:
            bench = _Bench(buyer, seller, setup, operator, alignment)
            trials = bench.tried()
        except InputError as error:
            if setup.operator or isinstance(error, MisfitError):
                raise
            rows.append({**key, "note": str(error)})
            continue
        score = bench.laboratory.task.score
        if not classes:
            classes += [*bench.by_class(BUYER, bench.buyer), *bench.by_class(SELLER, bench.seller)]
        for number, block in enumerate(bench.blocks):
            row = {"block": block, **key} | bench.row(trials, number)
            curve = {"weight": trials.compared[number], "loss": trials.losses[number]}
            curves.append(pd.DataFrame({"block": block, **key, **curve}))
            if row["gain"] > 0:
                row |= bench.merged(trials, number)
                classes += bench.by_class(told_of(row), bench.buyer)
                if merged is None or row["gain"] > merged.row["gain"]:
                    merged = bench.kept((buyer, seller), row)
                bench.undo()
            rows.append(row)
    return Appraisal(
        operators=pd.DataFrame(rows, columns=COLUMNS),
        curves=pd.concat(curves, ignore_index=True).sort_values([*KEYS, "weight"], kind="stable"),
        classes=pd.DataFrame(classes, columns=["model", "class", "accuracy"]),
        score=score,
        merged=merged,
    )


KEYS = ["block", "operator", "alignment"]
COLUMNS = [
    *KEYS,
    "weight",
    "loss_before",
    "loss_after",
    "gain",
    "barrier",
    "moved",
    "test_loss_before",
    "test_loss_after",
    "score_before",
    "score_after",
    "note",
]


class MisfitError(InputError):
    """Two models that are none of one world."""


def _ways(setup: Setup) -> Iterator[tuple[MergeOperator, Alignment]]:
    """Yield the operators, that of the configuration with its fields, and what alignment brings."""
    own, alignment = setup.config.learning.merge_operator, setup.config.broker.alignment
    for name in MERGE_OPERATORS:
        if setup.operator in ("", name):
            operator = own if own.name == name else MERGE_OPERATORS.build(name)
            yield operator, alignment
            if name == "interpolation" and not isinstance(alignment, Unaligned):
                yield operator, Unaligned()


def told_of(row: Mapping[Any, Any]) -> str:
    """Return what a row of `Appraisal.operators` is called."""
    block = "" if row["block"] == WHOLE else f" of {row['block']}"
    return f"{row['operator']}{block}{', unaligned' if row['alignment'] == Unaligned().name else ''}"


class _Bench:
    """The laboratory of an appraisal: two models in their places, and one way to merge."""

    def __init__(
        self,
        buyer: SavedModel,
        seller: SavedModel,
        setup: Setup,
        operator: MergeOperator,
        alignment: Alignment,
    ) -> None:
        config = dataclasses.replace(
            setup.config,
            learning=dataclasses.replace(setup.config.learning, merge_operator=operator),
            broker=dataclasses.replace(setup.config.broker, alignment=alignment),
        )
        # Two models of one organisation stand in two worlds.
        worlds = 2 if setup.buyer == setup.seller else 1
        self.setup = setup
        self.laboratory = Laboratory(config, setup.seed, (setup.replicate,), worlds)
        self.buyer = int(self.laboratory.slots_of(setup.replicate, 0)[setup.buyer])
        self.seller = int(self.laboratory.slots_of(setup.replicate, worlds - 1)[setup.seller])
        self._check_units(buyer)
        self._check_units(seller)
        self._own = _row(buyer, self.laboratory)
        self.laboratory.fleet.write([self.seller], _row(seller, self.laboratory))
        self.undo()
        self._before = self._tested()

    @property
    def blocks(self) -> list[str]:
        """The names of the blocks that are tried: ``model`` alone, if nothing else is asked for."""
        return list(self.laboratory.positions)

    def undo(self) -> None:
        """Let the buyer have its own model again."""
        self.laboratory.fleet.write([self.buyer], self._own)

    def tried(self) -> Trials:
        """Return the trials of all blocks, as far as the broker discloses them to who is told the truth."""
        request = Try(pairs=self._pairs(), replicate=self.setup.replicate, round=self.setup.round)
        (trials,) = self.laboratory.perform([request])
        slots, count = np.array([self.buyer, self.seller]), len(self.blocks)
        (known,) = self.laboratory.perform([Evaluate(slots=slots, part="validation")])
        loss, claimed = (np.full(count, one) for one in known.loss)
        disclosed = self.laboratory.config.broker.trials
        told: Trials = disclosed.believed(trials, loss, claimed, self.laboratory.trial_share)
        return told

    def row(self, trials: Trials, number: int) -> dict[str, Any]:
        """Return what the trial of a block found."""
        told = {
            name: float(getattr(trials, name)[number])
            for name in ("weight", "loss_before", "loss_after", "gain")
        }
        return told | {
            "barrier": barrier(trials.compared[number], trials.losses[number]),
            "moved": moved(trials.prepared.of(0).permutations, number),
            "test_loss_before": float(self._before.loss[0]),
            "score_before": float(self._before.accuracy[0]),
        }

    def merged(self, trials: Trials, number: int) -> dict[str, Any]:
        """Merge a block at the weight that its trial found, and return how the result does on test data."""
        rows = np.array([number])
        weight, prepared = trials.weight[rows], trials.prepared.take(rows)
        self.laboratory.perform([Merge(pairs=self._pairs().take(rows), weight=weight, prepared=prepared)])
        tested = self._tested()
        return {"test_loss_after": float(tested.loss[0]), "score_after": float(tested.accuracy[0])}

    def kept(self, models: tuple[SavedModel, SavedModel], row: dict[str, Any]) -> Merged:
        """Return the model that the buyer has now, merged as a row tells."""
        tensors = own_tensors(self.laboratory.module(self.buyer))
        buyer, seller = (saved.card for saved in models)
        lineage = set(buyer.lineage if buyer else ())
        if buyer and seller and not self.setup.remarks:  # Their numbers mean the same organisations.
            lineage |= set(seller.lineage)
        card = ModelCard(
            architecture=self.laboratory.architecture.signature,
            lineage=sorted(lineage),
            content=content_of(tensors),
            scaling=self.laboratory.scalings[self.setup.replicate].told(),
            origin=buyer.origin if buyer else None,
            merged={
                "operator": row["operator"],
                "weight": row["weight"],
                "buyer": models[0].content,
                "seller": models[1].content,
            },
            network=dataclasses.asdict(self.setup.config.network),
            **told_of_all(self.setup.config, self.laboratory.task),
        )
        return Merged(tensors, card, row)

    def by_class(self, model: str, slot: int) -> list[dict[str, Any]]:
        """Return the accuracy of a slot on the test examples of each class; nothing where there are none."""
        if self.laboratory.task.name != "classification":
            return []
        names = self.laboratory.task.vocabulary
        found = self.laboratory.accuracy_by_class(np.array([slot]))[0]
        return [{"model": model, "class": n, "accuracy": float(v)} for n, v in zip(names, found, strict=True)]

    def _pairs(self) -> Pairs:
        count = len(self.blocks)
        return Pairs.of([self.buyer] * count, [self.seller] * count, np.arange(count))

    def _tested(self) -> Measured:
        (found,) = self.laboratory.perform([Evaluate(slots=np.array([self.buyer]), part="test")])
        measured: Measured = found
        return measured

    def _check_units(self, saved: SavedModel) -> None:
        """Raise ``MisfitError`` where a model has other answers, or inputs in other units, than are here."""
        if saved.card is None:
            return
        here, own = self.laboratory.scalings[self.setup.replicate].told(), saved.card.scaling
        if (here is None) != (own is None):
            raise MisfitError(
                f"data.standardise must be {str(own is not None).lower()} for {saved.path}, which has seen "
                f"its data so; got {str(here is not None).lower()}"
            )
        if tuple(saved.card.vocabulary) != self.laboratory.task.vocabulary:
            raise MisfitError(
                f"{saved.path} must tell apart {', '.join(self.laboratory.task.vocabulary)}; it tells apart "
                f"{', '.join(saved.card.vocabulary)}"
            )


def _row(saved: SavedModel, laboratory: Laboratory) -> dict[str, Tensor]:
    try:
        return {name: leaf.unsqueeze(0) for name, leaf in fitted(saved, laboratory.architecture).items()}
    except InputError as error:
        raise MisfitError(str(error)) from error


def barrier(weights: Floats, losses: Floats) -> float:
    """Return how far losses rise above the chord between weights 0 and 1, at most, nats; NaN without an end.

    Source: Frankle, Dziugaite, Roy and Carbin (2020), "Linear Mode Connectivity and the Lottery Ticket
    Hypothesis", section 2, with the chord in the place of the mean of its ends, since ends differ here.
    """
    if len(weights) < 3 or not (weights == 1).any():
        return float("nan")
    ends = losses[weights == 0][0], losses[weights == 1][0]
    if not np.isfinite(ends).all():
        return float("nan")
    return float(np.max(losses - (1 - weights) * ends[0] - weights * ends[1]))


def moved(permutations: Permutations | None, row: int) -> float:
    """Return the share of hidden units that are put elsewhere; NaN where there are none."""
    orders: list[Ints] = [order[row].cpu().numpy() for order in (permutations or {}).values()]
    count = sum(map(len, orders))
    return sum(int((o != np.arange(len(o))).sum()) for o in orders) / count if count else float("nan")
