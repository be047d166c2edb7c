"""Staying out of the market."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, BidView, Strategy
from markets.columns import Floats


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Recluse(Strategy):
    """Never trades: autarky for one."""

    name: str = "recluse"
    trades: ClassVar[bool] = False

    def ask(self, view: AskView) -> Floats:
        """Return NaN: nothing is for sale."""
        return np.full(len(view.cost), np.nan)

    def bid(self, view: BidView) -> Floats:
        """Return NaN: no bid."""
        return np.full(len(view.value), np.nan)
