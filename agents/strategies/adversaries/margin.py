"""What sellers of others' trust share: they undercut, and say that their models are the best."""

import numpy as np

from agents.strategies.base import AskView, BidView, ClaimView, Strategy
from markets.columns import Floats


class ByMargin(Strategy):
    """Asks `margin` credits above the cost of delivery: nobody becomes its rival through its blocks."""

    margin: float

    def ask(self, view: AskView) -> Floats:
        """Return the cost of delivery and the margin."""
        return view.delivery + self.margin


class Pretender(ByMargin):
    """Buys nothing, and claims that its model equals the best."""

    def bid(self, view: BidView) -> Floats:
        """Return NaN: no bid."""
        return np.full(len(view.value), np.nan)

    def claim(self, view: ClaimView) -> Floats:
        """Return the loss of the best model in the world."""
        return np.full(len(view.loss), view.best)
