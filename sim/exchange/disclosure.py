"""Disclosure: what buyers believe of blocks, by how far the broker lets them try before they buy.

``full``: a trial on the whole validation set; what a buyer believes is what its purchase will do there.

``weak``: a trial on the validation examples of the first `trial_classes` classes alone. The merge weight is
the best for these; the buyer takes the fall of their loss for real and the loss of all others for unchanged.

``none``: nobody tries. A seller claims a validation loss for its model, by default the true one. A buyer
merges half and half and expects the mean of its own loss and the one claimed, which is an upper bound where
the loss is convex between the two models; it expects nothing of a claim above its own loss.

Whatever was believed, qualities, profits and welfare come from the whole validation set.

Core Objects: weakly_tried, untried
"""

from dataclasses import replace

import numpy as np

from markets.columns import Floats
from sim.laboratory.requests import Trials

UNTRIED_WEIGHT = 0.5
"""With which a block is merged that could not be tried, unless the buyer's strategy chooses another."""


def weakly_tried(trials: Trials, loss: Floats, share: float) -> Trials:
    """Return what buyers with a `loss` [P] on the whole validation set believe after trials on a `share`."""
    return _believed(trials, loss, trials.gain * share, trials.weight)


def untried(trials: Trials, loss: Floats, claimed: Floats) -> Trials:
    """Return what buyers with a `loss` [P] believe of models that are claimed to have another [P]."""
    gain = (UNTRIED_WEIGHT * (loss - claimed)).clip(min=0)
    return _believed(trials, loss, gain, np.where(gain > 0, UNTRIED_WEIGHT, 0.0))


def _believed(trials: Trials, loss: Floats, gain: Floats, weight: Floats) -> Trials:
    return replace(trials, loss_before=loss, loss_after=loss - gain, gain=gain, weight=weight)
