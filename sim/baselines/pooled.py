"""Everybody's data in one place."""

from typing import ClassVar

from pydantic.dataclasses import dataclass

from sim.baselines import BASELINES
from sim.baselines.base import Baseline


@BASELINES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Pooled(Baseline):
    """Everybody trains alone on the union of all endowments: what sharing all data would bring.

    Called "bank" in the code of Huang, Vishwakarma and Sala (2023). Initial weights are the organisations'
    own; each example counts once, and an epoch is a pass over all of them.
    """

    name: str = "pooled"
    pooled: ClassVar[bool] = True
