"""Search for the merge weight with the least validation loss, for many trials at once.

A search sees losses only: it asks for the losses of all trials, each at weights of its own, and the weight
0, no purchase, is always among what it compares. So a gain is never negative, whatever the search. The
greater part of a trial's cost is the forward passes, one a weight; searches differ in how many they take.

Core Objects: WeightSearch, GridSearch, GoldenSection, QuadraticFit
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from markets.refusals import InputError

Floats = npt.NDArray[np.float64]
LossAt = Callable[[Floats], Floats]
"""From merge weights ``[P, W]`` to validation losses ``[P, W]``, inf where a loss is not finite."""
INVERSE_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


class WeightSearch(ABC):
    """How to look for the best merge weight."""

    @property
    @abstractmethod
    def evaluations(self) -> int:
        """Weights at which a trial measures the loss, W; weight 0 counts."""

    @abstractmethod
    def search(self, loss_at: LossAt, before: Floats) -> tuple[Floats, Floats]:
        """Return the weights that were compared and their losses, ``[P, W]`` each, weight 0 first.

        Parameters
        ----------
        loss_at : callable
            Measures; is called with as many weights a trial at once as are known to be wanted.
        before : float64 array, shape (P,)
            Losses at weight 0.
        """


@dataclass(frozen=True)
class GridSearch(WeightSearch):
    """Compare the weights of a grid, as Huang, Vishwakarma and Sala (2023) do.

    Parameters
    ----------
    weights : tuple of float
        Increasing from 0 and at most 1.

    Raises
    ------
    InputError
        If they are not so.
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        grid = np.asarray(self.weights, dtype=np.float64)
        if grid.ndim != 1 or not len(grid) or grid[0] != 0 or grid[-1] > 1 or not (np.diff(grid) > 0).all():
            raise InputError(f"weights must increase from 0 and end at most at 1; got {grid.tolist()}")

    @classmethod
    def spaced(cls, least: float, most: float, count: int) -> "GridSearch":
        """Return the grid of `count` weights evenly spaced from `least` to `most`, and weight 0."""
        grid = np.linspace(least, most, count).tolist()
        return cls(tuple(grid if least == 0 else [0.0, *grid]))

    @property
    def evaluations(self) -> int:
        """The size of the grid."""
        return len(self.weights)

    def search(self, loss_at: LossAt, before: Floats) -> tuple[Floats, Floats]:
        """Return the grid and its losses (see `WeightSearch.search`)."""
        weights = np.tile(self.weights, (len(before), 1))
        return weights, np.column_stack([before, loss_at(weights[:, 1:])])


@dataclass(frozen=True)
class GoldenSection(WeightSearch):
    """Narrow down an interval around a minimum by the golden ratio, with one forward pass a step.

    The found weight is within `tolerance` of the minimum of a loss that falls and then rises on the interval;
    of any other loss, of a local one. Source: Kiefer (1953), "Sequential Minimax Search for a Maximum".

    Parameters
    ----------
    least, most : float
        Ends of the interval, 0 <= least < most <= 1.
    tolerance : float
        Length at which the interval is small enough, > 0.

    Raises
    ------
    InputError
        If a parameter is not as described.
    """

    least: float = 0.0
    most: float = 1.0
    tolerance: float = 0.05

    def __post_init__(self) -> None:
        _check_interval(self.least, self.most)
        if not self.tolerance > 0:
            raise InputError(f"tolerance must be greater than 0; got {self.tolerance}")

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


@dataclass(frozen=True)
class QuadraticFit(WeightSearch):
    """Fit a parabola to a few losses and measure at its lowest point, the closed form, as a check.

    The points are weight 0 and others evenly spaced up to `most`; the lowest point is clipped to the
    interval. Where the parabola has none, or a loss is not finite, the check repeats the best point. Exact
    where the loss is quadratic in the weight, as it nearly is between models in one basin.

    Parameters
    ----------
    least, most : float
        Ends of the interval, 0 <= least < most <= 1.
    points : int
        Losses that the parabola is fitted to, weight 0 among them; with more than 3, by least squares.

    Raises
    ------
    InputError
        If a parameter is not as described.
    """

    least: float = 0.0
    most: float = 1.0
    points: int = 3

    def __post_init__(self) -> None:
        _check_interval(self.least, self.most)
        if self.points < 3:
            raise InputError(f"points must be at least 3; got {self.points}")

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


def _check_interval(least: float, most: float) -> None:
    if not 0 <= least < most <= 1:
        raise InputError(
            f"weights must lie between least and most with 0 <= least < most <= 1; got {least}, {most}"
        )
