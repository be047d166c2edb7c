"""The equilibrium bidder of the all-pay auction."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import BidView, Strategy, worthwhile
from markets.accounts.money import PositiveMoney
from markets.columns import Floats
from markets.theory import all_pay_bid


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid", "validate_default": True})
class EquilibriumAllPay(Strategy):
    """Bids the symmetric equilibrium of an all-pay auction, (n - 1)/n v^n; asks its cost.

    It believes that rivals' values are independent and uniform on [0, `highest`] credits and that they bid
    likewise.

    Attributes
    ----------
    highest : float
        Upper end of the values, credits; a larger value bids as this one.
    bidders : int or None
        n, the bidders a listing has, itself among them; None is everybody but the seller.

    References
    ----------
    V. Krishna and J. Morgan (1997), J. Economic Theory 72.
    """

    name: str = "equilibrium_all_pay"
    highest: PositiveMoney = 1.0
    bidders: Annotated[int | None, Field(ge=1, le=1_000_000)] = None

    def bid(self, view: BidView) -> Floats:
        """Return the equilibrium bid of each value."""
        bidders = self.bidders or view.organisations - 1
        bid = all_pay_bid(np.minimum(view.value / self.highest, 1.0), bidders)
        return worthwhile(view, np.minimum(self.highest * bid, view.value))
