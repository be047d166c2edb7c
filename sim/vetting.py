"""Vetting: what buyers believe of blocks, by how far the broker lets them try before they buy.

``full``: a trial on the whole validation set; what a buyer believes is what its purchase will do there.

``weak``: a trial on the validation examples of the first `trial_classes` classes alone. The merge weight is
the best for these; the buyer takes the fall of their loss for real and the loss of all others for unchanged.

``none``: nobody tries. A seller claims a validation loss for its model, by default the true one. A buyer
merges half and half and expects the mean of its own loss and the one claimed, which is an upper bound where
the loss is convex between the two models; it expects nothing of a claim above its own loss.

Whatever was believed, qualities, profits and welfare come from the whole validation set.

Core Objects: vetted
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agents.strategies import ClaimView

if TYPE_CHECKING:
    from sim.broker import Catalogue, Shortlist
    from sim.market import ParameterMarket
    from sim.requests import Tried

Floats = NDArray[np.float64]

UNTRIED_WEIGHT = 0.5
"""With which a block is merged that could not be tried, unless the buyer's strategy chooses another."""


def vetted(world: "ParameterMarket", catalogue: "Catalogue", tries: "Shortlist", tried: "Tried") -> "Tried":
    """Return what buyers believe: losses before and after, on all of the validation set, gain and weight [P].

    Parameters
    ----------
    world : ParameterMarket
        The world.
    catalogue : Catalogue
        What is on offer.
    tries : Shortlist
        Who is interested in what.
    tried : Tried
        What the laboratory measured on the examples that trials may use.
    """
    trials = world.config.broker.trials
    if trials == "full":
        return tried
    before = world.validation_loss[tries.buyer]
    if trials == "weak":
        gain, weight = tried.gain * world.laboratory.trial_share, tried.weight
    else:
        gain = (UNTRIED_WEIGHT * (before - _claims(world, catalogue)[tries.listing])).clip(min=0)
        weight = np.where(gain > 0, UNTRIED_WEIGHT, 0.0)
    return replace(tried, loss_before=before, loss_after=before - gain, gain=gain, weight=weight)


def _claims(world: "ParameterMarket", catalogue: "Catalogue") -> Floats:
    """Return the validation loss claimed for each listing [L]; where organisations cooperate, the true one.

    A claim below 0, which no loss can be, counts as 0, and no claim (NaN) as one that promises nothing.
    """
    loss = world.validation_loss[catalogue.seller]
    if world.config.setting.cooperates:
        return loss
    claimed = loss.copy()
    best = float(world.validation_loss[world.active].min(initial=np.inf))
    for strategy, follows in world.strategies:
        own = np.flatnonzero(follows[catalogue.seller])
        claimed[own] = strategy.claim(ClaimView(catalogue.seller[own], own, loss[own], best))
    return np.nan_to_num(claimed, nan=np.inf, posinf=np.inf).clip(min=0)
