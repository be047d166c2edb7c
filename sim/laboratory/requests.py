"""What worlds ask of the laboratory, and what it answers.

Requests of one type and `key` are answered together, by one batched computation; `phase` is the name of that
computation for whoever watches.

Core Objects: Train, Trained, Try, Merge, Mix, Evaluate, EvaluateTogether, Measured, Request
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from agents.learning.stack.offered import Assorted, Prepared
from agents.learning.stack.pairs import Pairs
from markets.columns import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train `slots` [n], which hold `organisation` [n] of a replicate, for the epochs of round `round`.

    Who does not train, `trains` [n] False, is measured alone. Examples of class k are labelled as class
    `relabelled` [n, K] of them when they are learnt from, never when they measure. `pooled`: everybody learns
    from the union of all endowments of the replicate. `pull` [n] is the strength of a proximal term that
    holds each model near what it was when this training began (see `agents.learning.training.epochs.Pull`).
    `most` [n] is on how many examples each trains at most.
    """

    phase: ClassVar[str] = "train"
    key: ClassVar[Hashable] = None

    slots: Ints
    organisation: Ints
    replicate: int
    round: int
    trains: Bools
    relabelled: Ints
    pooled: bool = False
    pull: Floats | None = None
    most: Ints | None = None


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Mean training loss, validation loss (nats an example), examples seen, and who `diverged`; all [n].

    Who diverged has its parameters of before this training back, and the validation loss that they have.
    """

    training_loss: Floats
    validation_loss: Floats
    examples: Ints
    diverged: Bools


@dataclass(frozen=True, kw_only=True)
class Try:
    """Try the block of each of `pairs` [P], which name slots, in its buyer's model."""

    phase: ClassVar[str] = "try"
    key: ClassVar[Hashable] = None

    pairs: Pairs
    replicate: int
    round: int


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Merge the blocks of `pairs` [T], which name slots, with `weight` [T], as their trials prepared it."""

    phase: ClassVar[str] = "merge"

    pairs: Pairs
    weight: Floats
    prepared: Prepared | Assorted

    @property
    def key(self) -> Hashable:
        """What was offered in the trials: those made together leave the same."""
        return self.prepared.offers


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Replace each model of `slots` [N] by the mean of all of them with its row of `weights` [N, N]."""

    phase: ClassVar[str] = "mix"
    key: ClassVar[Hashable] = None

    slots: Ints
    weights: Floats


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure `slots` [n] on the ``validation`` or the ``test`` part of their replicate."""

    phase: ClassVar[str] = "evaluate"

    slots: Ints
    part: str

    @property
    def key(self) -> Hashable:
        """The part of the data."""
        return self.part


@dataclass(frozen=True, kw_only=True)
class EvaluateTogether(Evaluate):
    """Measure the mean of the probabilities of `slots` [n], one ensemble, on a part of their replicate."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Loss (nats an example) and accuracy (share right), both [n]; of an ensemble [1]."""

    loss: Floats
    accuracy: Floats


Request = Train | Try | Merge | Mix | Evaluate | EvaluateTogether
