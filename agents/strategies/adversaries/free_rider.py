"""Free riding: the price of a good model for one that was never trained."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, BidView, ClaimView, Strategy
from markets.accounts.money import Money
from markets.columns import Floats


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class FreeRider(Strategy):
    """Does not train, buys nothing, and lists its initial weights, claiming that they equal the best model.

    It asks `margin` credits above the cost of delivery: nobody becomes its rival through its blocks. A trial
    finds it out.

    Parameters
    ----------
    margin : float
        Credits above the cost of delivery that it asks.
    """

    name: str = "free_rider"
    trains: ClassVar[bool] = False
    margin: Money = 0.0

    def ask(self, view: AskView) -> Floats:
        """Return the cost of delivery and the margin."""
        return view.delivery + self.margin

    def bid(self, view: BidView) -> Floats:
        """Return NaN: no bid."""
        return np.full(len(view.value), np.nan)

    def claim(self, view: ClaimView) -> Floats:
        """Return the loss of the best model in the world."""
        return np.full(len(view.loss), view.best)
