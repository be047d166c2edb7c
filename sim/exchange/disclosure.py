"""Disclosure: what buyers believe of blocks, by how far the broker lets them try before they buy.

Whatever was believed, qualities, profits and welfare come from the whole validation set.

Core Objects: Disclosure, DISCLOSURES
"""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from agents.learning.trials import Trials
from markets.columns import Floats
from markets.refusals import InputError
from markets.registry import Registry

UNTRIED_WEIGHT = 0.5
"""With which a block is merged that could not be tried, unless the buyer's strategy chooses another."""


class Disclosure:
    """How far the broker lets buyers try. Subclasses are frozen dataclasses."""

    name: str
    tries: ClassVar[bool] = True
    """Whether blocks are tried at all."""

    def tested(self, classes: int, first: int | None) -> int:  # noqa: ARG002
        """Return on how many of the data's classes trials are made, `first` being `broker.trial_classes`."""
        return classes

    def believed(self, trials: Trials, loss: Floats, claimed: Floats, share: float) -> Trials:  # noqa: ARG002
        """Return what buyers believe of the trials of pairs [P]: by default what was measured.

        Parameters
        ----------
        trials : Trials
            What was measured on the examples that trials may use.
        loss, claimed : float64 [P]
            Validation loss of the buyer's model, and what the seller claims for its own, nats an example.
        share : float
            Of the validation examples on which trials were made.
        """
        return trials


DISCLOSURES: Registry[Disclosure] = Registry("disclosure", Disclosure)


@DISCLOSURES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class FullTrials(Disclosure):
    """Trials on the whole validation set: what a buyer believes is what its purchase will do there."""

    name: str = "full"


@DISCLOSURES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class WeakTrials(Disclosure):
    """Trials on the validation examples of the first `broker.trial_classes` classes alone.

    The merge weight is the best for these; the buyer takes the fall of their loss for real and the loss of
    all others for unchanged.
    """

    name: str = "weak"

    def tested(self, classes: int, first: int | None) -> int:
        """Return what is configured, or half of the classes; ``InputError`` if there are not so many."""
        if first is not None and first > classes:
            raise InputError(
                f"broker.trial_classes must be at most {classes}, the classes of the data; got {first}"
            )
        return first or max(1, classes // 2)

    def believed(self, trials: Trials, loss: Floats, claimed: Floats, share: float) -> Trials:  # noqa: ARG002
        """Return the trials, each with the share of its gain."""
        return _believed(trials, loss, trials.gain * share, trials.weight)


@DISCLOSURES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class NoTrials(Disclosure):
    """Nobody tries. A seller claims a validation loss for its model, by default the true one.

    A buyer merges half and half and expects the mean of its own loss and the one claimed, which is an upper
    bound where the loss is convex between the two models; it expects nothing of a claim above its own loss.
    """

    name: str = "none"
    tries: ClassVar[bool] = False

    def believed(self, trials: Trials, loss: Floats, claimed: Floats, share: float) -> Trials:  # noqa: ARG002
        """Return what the claims promise."""
        gain = (UNTRIED_WEIGHT * (loss - claimed)).clip(min=0)
        return _believed(trials, loss, gain, np.where(gain > 0, UNTRIED_WEIGHT, 0.0))


def _believed(trials: Trials, loss: Floats, gain: Floats, weight: Floats) -> Trials:
    return replace(trials, loss_before=loss, loss_after=loss - gain, gain=gain, weight=weight)
