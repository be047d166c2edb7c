"""A grid of merge weights."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.learning.operations.weight_searches import WEIGHT_SEARCHES
from agents.learning.operations.weight_searches.base import GivenWeights, IntervalSearch

Count = Annotated[int, Field(ge=2, le=1000)]


@WEIGHT_SEARCHES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class GridSearch(IntervalSearch, GivenWeights):
    """Compare the weights of a grid, as Huang, Vishwakarma and Sala (2023) do.

    Parameters
    ----------
    count : int
        Weights from one end to the other, evenly spaced.
    """

    name: str = "grid"
    count: Count = 11

    def __post_init__(self) -> None:
        super().__post_init__()
        grid = np.linspace(self.least, self.most, self.count)
        object.__setattr__(self, "weights", grid if self.least == 0 else np.r_[0.0, grid])
