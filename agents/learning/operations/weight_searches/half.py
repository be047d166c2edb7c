"""Half and half."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from agents.learning.operations.weight_searches import WEIGHT_SEARCHES
from agents.learning.operations.weight_searches.base import GivenWeights


@WEIGHT_SEARCHES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Half(GivenWeights):
    """Compare an even merge with none; what is bought is merged half and half, whatever a trial found."""

    name: str = "half"
    fixed: ClassVar[float | None] = 0.5
    weights = np.array([0.0, 0.5])
