"""Reselling: others' parameters at a little more than delivery."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.adversaries.margin import ByMargin
from agents.strategies.base import MergeView
from markets.accounts.money import Money
from markets.columns import Floats


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Reseller(ByMargin):
    """Does not train: buys models, copies them whole, and offers them at little more than delivery.

    It undercuts producers who count a lost lead among their costs: it never had one, and asks `margin`
    credits above the cost of delivery. Where `broker.resale` is forbidden, it has nothing to list.

    Parameters
    ----------
    margin : float
        Credits above the cost of delivery that it asks.
    """

    name: str = "reseller"
    trains: ClassVar[bool] = False
    margin: Money = 0.001

    def merge(self, view: MergeView) -> Floats:
        """Return 1: the block replaces what was there."""
        return np.ones(len(view.weight))
