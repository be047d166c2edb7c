"""Ranges from which traders draw their own parameters.

Core Objects: Share, ShareRange, ordered, draw
"""

from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from markets.columns import Floats
from markets.refusals import InputError

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def ordered(ends: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of a range; an ``InputError`` says so if the first is above the second."""
    if ends[0] > ends[1]:
        raise InputError(f"a range must be [least, most] with least <= most; got {list(ends)}")
    return ends


ShareRange = Annotated[tuple[Share, Share], AfterValidator(ordered)]
"""The ends of a uniform distribution within [0, 1]; equal ends fix the parameter."""


def draw(rng: np.random.Generator, ends: tuple[float, float], organisations: int) -> Floats:
    """Return uniform draws between the ends, [organisations, 2]: one for buying and one for selling."""
    return rng.uniform(*ends, size=(organisations, 2))
