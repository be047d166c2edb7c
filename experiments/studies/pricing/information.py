"""What a broker may tell of a buyer's gain, from nothing to everything.

Core Objects: Told, tell
"""

from dataclasses import dataclass

import numpy as np

from agents.learning.bounds.gains import (
    GainBounds,
    lipschitz_bounds,
    probe_order,
    smoothness_bounds,
    steepest,
)
from agents.learning.bounds.path_slopes import PathSlopes
from markets.columns import Floats, Ints

PROBES = (0, 1, 2, 4, 8, 16)
"""Merge weights, beside 0, whose losses are told; the more hold the fewer."""
SLOPES_AT = (0.0, 0.5, 1.0)
"""Merge weights at which slopes and gradients are measured."""
CAUTION = 1.5
"""By how much slopes found there are taken to fall short of the steepest on the way."""

PRIOR, PAST, SMOOTHNESS, EVERYTHING = "prior", "past rounds", "slope and curvature", "everything"
NORMS, SLOPES, STEEPEST, PAST_SLOPES = (
    "norm and gradient",
    "slopes",
    "steepest slope",
    "past rounds and slopes",
)
LIPSCHITZ = (NORMS, SLOPES, PAST_SLOPES, STEEPEST)
"""Where the constant K of the bounds comes from; only with the last they are sure to hold."""
REMEMBERING = (PAST, PAST_SLOPES)
"""Where numbers are believed to be distributed as in past rounds, and not evenly over what is possible."""


@dataclass(frozen=True)
class Told:
    """What is told of P gains.

    Attributes
    ----------
    source : str
        Where it comes from.
    probes : int
        Merge weights whose losses are told beside that at 0.
    bounds : GainBounds
        Where the gains lie by that.
    steepness : float64 array, shape (P,)
        K of these bounds over the true one; NaN where there is no K.
    """

    source: str
    probes: int
    bounds: GainBounds
    steepness: Floats

    def of(self, rows: Ints) -> "Told":
        """Return what is told of some of the gains."""
        bounds = GainBounds(self.bounds.low[rows], self.bounds.high[rows])
        return Told(source=self.source, probes=self.probes, bounds=bounds, steepness=self.steepness[rows])


def tell(weights: Floats, losses: Floats, slopes: PathSlopes) -> list[Told]:
    """Return what there is to tell of P merges, from nothing to everything.

    - ``prior``: the buyer's loss alone, which is public and bounds the gain. ``past rounds`` narrows nothing,
      but says where numbers are likely to be.
    - ``slope and curvature``: see `smoothness_bounds`, the curvature being the fastest change of the slopes
      at `SLOPES_AT` times `CAUTION`.
    - `lipschitz_bounds` with 0 and more probes: K from the greatest gradient at `SLOPES_AT` and the distance
      of the models (``norm and gradient``), from the steepest slope there times `CAUTION` (``slopes``, alone
      or with what is known of past rounds), or the true one (``steepest slope``).
    - ``everything``: the gain.

    Parameters
    ----------
    weights : float64 array, shape (W,)
        The weights that trials compare, rising from 0.
    losses : float64 array, shape (P, W)
        What they find, nats an example.
    slopes : PathSlopes
        At `SLOPES_AT`.
    """
    before, gain = losses[:, 0], losses[:, 0] - losses.min(axis=1)
    nothing = GainBounds.of_loss(before)
    curvature = CAUTION * slopes.curvature(SLOPES_AT)
    smooth = smoothness_bounds(before, slopes.slope[:, 0], curvature)
    without = np.full(len(gain), np.nan)
    told = [Told(source=source, probes=0, bounds=nothing, steepness=without) for source in (PRIOR, PAST)]
    told.append(Told(source=SMOOTHNESS, probes=0, bounds=smooth, steepness=without))
    true, cautious = steepest(weights, losses), CAUTION * slopes.by_slopes
    constants = (slopes.by_norms, cautious, cautious, true)
    for source, lipschitz in zip(LIPSCHITZ, constants, strict=True):
        places = probe_order(weights, losses, lipschitz, PROBES[-1])
        steepness = np.divide(lipschitz, true, out=np.ones_like(true), where=true > 0)
        for probes in PROBES:
            known = places[:, : 1 + probes]
            found = np.take_along_axis(losses, known, axis=1)
            bounds = lipschitz_bounds(weights[known], found, lipschitz)
            told.append(Told(source=source, probes=probes, bounds=bounds, steepness=steepness))
    told.append(Told(source=EVERYTHING, probes=0, bounds=GainBounds(gain, gain), steepness=without))
    return told
