"""Everybody's data in one place."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from sim.baselines import BASELINES
from sim.baselines.base import Baseline, Floats, Ints
from sim.config.broker import BrokerConfig


@BASELINES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Pooled(Baseline):
    """Everybody trains alone on the union of all endowments: what sharing all data would bring.

    Called "bank" in the code of Huang, Vishwakarma and Sala (2023). Initial weights are the organisations'
    own; each example counts once, and an epoch is a pass over all of them.
    """

    name: str = "pooled"
    pooled: ClassVar[bool] = True

    def mixing(
        self, round_number: int, broker: BrokerConfig, examples: Ints, rng: np.random.Generator
    ) -> Floats:
        """Return the identity: everybody keeps its model."""
        del round_number, broker, rng
        return np.eye(len(examples))
