"""A grid of merge weights."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.learning.operations.weight_searches import WEIGHT_SEARCHES
from agents.learning.operations.weight_searches.base import GivenWeights, Weight, check_interval


@WEIGHT_SEARCHES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class GridSearch(GivenWeights):
    """Compare the weights of a grid, as Huang, Vishwakarma and Sala (2023) do.

    Parameters
    ----------
    least, most : float
        Ends of the grid, 0 <= least < most <= 1; weight 0 is compared too.
    count : int
        Weights from one end to the other, evenly spaced.

    Raises
    ------
    InputError
        If the ends are not as described.
    """

    name: str = "grid"
    least: Weight = 0.0
    most: Weight = 1.0
    count: Annotated[int, Field(ge=2, le=1000)] = 11

    def __post_init__(self) -> None:
        check_interval(self.least, self.most)
        grid = np.linspace(self.least, self.most, self.count)
        object.__setattr__(self, "weights", grid if self.least == 0 else np.r_[0.0, grid])
