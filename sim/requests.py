"""What worlds ask of the laboratory, and what it answers.

Core Objects: Train, Trained, Try, Tried, Merge, Evaluate, Measured, Request
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.learning.alignment import Permutations

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Train:
    """Train `slots` [n], which hold `organisation` [n] of a replicate, for the epochs of round `round`.

    Who does not train, `trains` [n] False, is measured alone. Examples of class k are labelled as class
    `taught` [n, K] of them when they are learnt from, never when they measure.
    """

    slots: Ints
    organisation: Ints
    replicate: int
    round: int
    trains: Bools
    taught: Ints


@dataclass(frozen=True)
class Trained:
    """Mean training loss, validation loss (nats an example), examples seen, and who `diverged`; all [n].

    Who diverged has its parameters of before this training back, and the validation loss that they have.
    """

    training_loss: Floats
    validation_loss: Floats
    examples: Ints
    diverged: Bools


@dataclass(frozen=True)
class Try:
    """Try the block at `position` [P] of the slot `seller` [P] in the model of the slot `buyer` [P]."""

    buyer: Ints
    seller: Ints
    position: Ints
    replicate: int
    round: int


@dataclass(frozen=True)
class Tried:
    """Losses before and at the best merge weight (nats), that weight, the gain, the alignment; all [P]."""

    loss_before: Floats
    loss_after: Floats
    weight: Floats
    gain: Floats
    permutations: Permutations


@dataclass(frozen=True)
class Merge:
    """Merge the blocks bought, with `weight` [T]; permutations are those of the trials."""

    buyer: Ints
    seller: Ints
    position: Ints
    weight: Floats
    permutations: Permutations


@dataclass(frozen=True)
class Evaluate:
    """Measure `slots` [n] on the ``validation`` or the ``test`` part of a replicate."""

    slots: Ints
    part: str
    replicate: int


@dataclass(frozen=True)
class Measured:
    """Loss (nats an example) and accuracy (share right), both [n]."""

    loss: Floats
    accuracy: Floats


Request = Train | Try | Merge | Evaluate
