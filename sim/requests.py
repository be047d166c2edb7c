"""What worlds ask of the laboratory, and what it answers.

Core Objects: Train, Trained, Try, Tried, Merge, Mix, Evaluate, EvaluateTogether, Measured, Consult, Request
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agents.learning.alignment import Permutations

if TYPE_CHECKING:
    from sim.broker import Appraisal, Catalogue, Offers, Shortlist

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Train:
    """Train `slots` [n], which hold `organisation` [n] of a replicate, for the epochs of round `round`.

    Who does not train, `trains` [n] False, is measured alone. Examples of class k are labelled as class
    `taught` [n, K] of them when they are learnt from, never when they measure. `pooled`: everybody learns
    from the union of all endowments of the replicate. `pull` [n] is the strength of a proximal term that
    holds each model near what it was when this training began (see `agents.learning.training.Pull`).
    """

    slots: Ints
    organisation: Ints
    replicate: int
    round: int
    trains: Bools
    taught: Ints
    pooled: bool = False
    pull: Floats | None = None


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
    """Losses before and at the best merge weight (nats), that weight, the gain, the alignment; all [P].

    `compared` and `losses` [P, W]: the merge weights that each trial compared, and what it found there.
    """

    loss_before: Floats
    loss_after: Floats
    weight: Floats
    gain: Floats
    compared: Floats
    losses: Floats
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
class Mix:
    """Replace each model of `slots` [N] by the mean of all of them with its row of `weights` [N, N]."""

    slots: Ints
    weights: Floats
    replicate: int


@dataclass(frozen=True)
class Evaluate:
    """Measure `slots` [n] on the ``validation`` or the ``test`` part of a replicate."""

    slots: Ints
    part: str
    replicate: int


@dataclass(frozen=True)
class EvaluateTogether:
    """Measure the mean of the probabilities of `slots` [n], one ensemble, on a part of a replicate."""

    slots: Ints
    part: str
    replicate: int


@dataclass(frozen=True)
class Measured:
    """Loss (nats an example) and accuracy (share right), both [n]; of an ensemble [1]."""

    loss: Floats
    accuracy: Floats


@dataclass(frozen=True)
class Consult:
    """Let people see the offers that strategies make in their places, and answer with the offers to bring.

    Only a world that `consults` asks this, and whoever plays its rounds answers; a laboratory cannot.

    Attributes
    ----------
    catalogue, tries : Catalogue, Shortlist
        What is on offer, and who tried what: P trials.
    gain : float64 [P]
        What each trial found, nats an example.
    worth : Appraisal
        What it is worth to its buyer and costs its seller.
    offers : Offers
        What the strategies bid and ask. The answer is another, with the same number of rows.
    """

    catalogue: "Catalogue"
    tries: "Shortlist"
    gain: Floats
    worth: "Appraisal"
    offers: "Offers"


Request = Train | Try | Merge | Mix | Evaluate | EvaluateTogether | Consult
