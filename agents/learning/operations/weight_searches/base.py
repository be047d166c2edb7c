"""What every search for the merge weight has."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.columns import Floats
from markets.refusals import InputError

LossAt = Callable[[Floats], Floats]
"""From merge weights ``[P, W]`` to validation losses ``[P, W]``, inf where a loss is not finite."""
Weight = Annotated[float, Field(ge=0, le=1)]


class WeightSearch(ABC):
    """How to look for the best merge weight.

    Attributes
    ----------
    fixed : float or None
        The weight with which is merged what a buyer bought, whatever was found and its strategy chose; None
        where these decide.
    """

    name: str
    fixed: ClassVar[float | None] = None

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


class GivenWeights(WeightSearch):
    """Compare the given weights.

    Parameters
    ----------
    weights : array of float, shape (W,)
        Increasing from 0 and at most 1.

    Raises
    ------
    InputError
        If they are not so.
    """

    def __init__(self, weights: npt.ArrayLike) -> None:
        grid = np.asarray(weights, dtype=np.float64)
        if grid.ndim != 1 or not len(grid) or grid[0] != 0 or grid[-1] > 1 or not (np.diff(grid) > 0).all():
            raise InputError(f"weights must increase from 0 and end at most at 1; got {grid.tolist()}")
        self.weights = grid

    @property
    def evaluations(self) -> int:
        """How many there are."""
        return len(self.weights)

    def search(self, loss_at: LossAt, before: Floats) -> tuple[Floats, Floats]:
        """Return the weights and their losses (see `WeightSearch.search`)."""
        weights = np.tile(self.weights, (len(before), 1))
        return weights, np.column_stack([before, loss_at(weights[:, 1:])])


@dataclass(frozen=True, config={"extra": "forbid"})
class IntervalSearch(WeightSearch):
    """Look on an interval, and compare weight 0 too.

    Parameters
    ----------
    least, most : float
        Ends of the interval, 0 <= least < most <= 1.
    """

    name: str = ""
    least: Weight = 0.0
    most: Weight = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.least < self.most <= 1:
            raise InputError(
                f"weights must lie between least and most with 0 <= least < most <= 1; got {self.least}, "
                f"{self.most}"
            )
