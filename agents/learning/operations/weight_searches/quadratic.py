"""A parabola through a few losses."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.learning.operations.weight_searches import WEIGHT_SEARCHES
from agents.learning.operations.weight_searches.base import IntervalSearch, LossAt
from markets.columns import Floats


@WEIGHT_SEARCHES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class QuadraticFit(IntervalSearch):
    """Fit a parabola to a few losses and measure at its lowest point, the closed form, as a check.

    The points are weight 0 and others evenly spaced up to `most`; the lowest point is clipped to the
    interval. Where the parabola has none, or a loss is not finite, the check repeats the best point. Exact
    where the loss is quadratic in the weight, as it nearly is between models in one basin.

    Parameters
    ----------
    points : int
        Losses that the parabola is fitted to, weight 0 among them; with more than 3, by least squares.
    """

    name: str = "quadratic"
    points: Annotated[int, Field(ge=3, le=1000)] = 3

    @property
    def evaluations(self) -> int:
        """The points and the check."""
        return self.points + 1

    def search(self, loss_at: LossAt, before: Floats) -> tuple[Floats, Floats]:
        """Return the points and the check with their losses (see `WeightSearch.search`)."""
        nodes = np.linspace(0, self.most, self.points)
        weights = np.tile(nodes, (len(before), 1))
        losses = np.column_stack([before, loss_at(weights[:, 1:])])
        best = nodes[losses.argmin(axis=1)]
        with np.errstate(all="ignore"):
            _, slope, curvature = np.linalg.pinv(np.vander(nodes, 3, increasing=True)) @ losses.T
            lowest = (-slope / (2 * curvature)).clip(self.least, self.most)
        check = np.where(np.isfinite(losses).all(axis=1) & (curvature > 0), lowest, best)[:, None]
        return np.column_stack([weights, check]), np.column_stack([losses, loss_at(check)])
