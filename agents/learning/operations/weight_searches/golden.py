"""Golden section for the merge weight."""

import math
from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.learning.operations.weight_searches import WEIGHT_SEARCHES
from agents.learning.operations.weight_searches.base import IntervalSearch, LossAt
from markets.columns import Floats

INVERSE_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
Tolerance = Annotated[float, Field(gt=0, le=1)]


@WEIGHT_SEARCHES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class GoldenSection(IntervalSearch):
    """Narrow down an interval around a minimum by the golden ratio, with one forward pass a step.

    The found weight is within `tolerance` of the minimum of a loss that falls and then rises on the interval;
    of any other loss, of a local one. Source: Kiefer (1953), "Sequential Minimax Search for a Maximum".

    Parameters
    ----------
    tolerance : float
        Length at which the interval is small enough, > 0.
    """

    name: str = "golden"
    tolerance: Tolerance = 0.05

    @property
    def evaluations(self) -> int:
        """Weight 0, two to begin with, and one for each time that the interval shrinks."""
        return 3 + self._steps

    @property
    def _steps(self) -> int:
        ratio = self.tolerance / (self.most - self.least)
        return max(0, math.ceil(math.log(ratio) / math.log(INVERSE_GOLDEN_RATIO)) - 1)

    def search(self, loss_at: LossAt, before: Floats) -> tuple[Floats, Floats]:
        """Return the weights on the way and their losses (see `WeightSearch.search`)."""
        low, high = np.full(len(before), self.least), np.full(len(before), self.most)
        inner = INVERSE_GOLDEN_RATIO * (high - low)
        weights = np.column_stack([high - inner, low + inner])
        losses = loss_at(weights)
        (left, right), (at_left, at_right) = weights.T, losses.T
        tried, found = [np.zeros_like(before), left, right], [before, at_left, at_right]
        for _ in range(self._steps):
            falls = at_right < at_left
            low, high = np.where(falls, left, low), np.where(falls, high, right)
            inner = INVERSE_GOLDEN_RATIO * (high - low)
            fresh = np.where(falls, low + inner, high - inner)
            loss = loss_at(fresh[:, None])[:, 0]
            left, right = np.where(falls, right, fresh), np.where(falls, fresh, left)
            at_left, at_right = np.where(falls, at_right, loss), np.where(falls, loss, at_left)
            tried.append(fresh)
            found.append(loss)
        return np.column_stack(tried), np.column_stack(found)
