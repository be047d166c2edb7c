"""The equilibrium bidder of the first-price auction."""

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import BidView, Strategy, worthwhile
from markets.accounts.money import Money, PositiveMoney
from markets.columns import Floats
from markets.refusals import InputError
from markets.theory import first_price_bid


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid", "validate_default": True})
class EquilibriumFirstPrice(Strategy):
    """Bids the symmetric equilibrium of a first-price auction; asks its cost.

    It believes that rivals' values are independent and uniform on [0, `highest`] credits and that they bid
    likewise. A value above `highest` bids as `highest` does: that wins for sure.

    Attributes
    ----------
    highest : float
        Upper end of the values, credits.
    bidders : int or None
        n, the bidders a listing has, itself among them; None is everybody but the seller.
    reserve : float
        The seller's reserve price, credits.
    risk_exponent : float
        rho in (0, 1]: a gain of x is worth x^rho; 1 is neutral to risk.

    References
    ----------
    W. Vickrey (1961), J. Finance 16; J. Cox, V. Smith and J. Walker (1988), J. Risk and Uncertainty 1.
    """

    name: str = "equilibrium_first_price"
    highest: PositiveMoney = 1.0
    bidders: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    reserve: Money = 0.0
    risk_exponent: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _reserve_in_reach(self) -> "EquilibriumFirstPrice":
        if self.reserve > self.highest:
            raise InputError(f"reserve must be at most highest ({self.highest}); got {self.reserve}")
        return self

    def bid(self, view: BidView) -> Floats:
        """Return the equilibrium bid of each value; NaN below the reserve."""
        bidders = self.bidders or view.organisations - 1
        value = np.minimum(view.value / self.highest, 1.0)
        bid = first_price_bid(value, bidders, self.reserve / self.highest, self.risk_exponent)
        # In exact numbers the bid is below the value; the minimum takes back the rounding of the unit.
        return worthwhile(view, np.minimum(self.highest * bid, view.value))
