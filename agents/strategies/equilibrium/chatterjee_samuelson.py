"""The linear equilibrium of the sealed-bid double auction of one buyer and one seller."""

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, BidView, Strategy, worthwhile
from markets.accounts.money import Money, PositiveMoney
from markets.columns import Floats
from markets.refusals import InputError
from markets.theory import chatterjee_samuelson_ask, chatterjee_samuelson_bid


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid", "validate_default": True})
class EquilibriumChatterjeeSamuelson(Strategy):
    """Bids and asks the linear equilibrium of bargaining at the price k bid + (1 - k) ask.

    It believes that the other side's value or cost is uniform on [`low`, `high`] credits and quoted likewise.
    Where the line would have it quote a loss it quotes its value or cost: such a quote never trades in
    equilibrium.

    Attributes
    ----------
    k : float
        Weight of the bid in the price, in [0, 1].
    low, high : float
        Ends of values and costs, credits.

    References
    ----------
    K. Chatterjee and W. Samuelson (1983), Operations Research 31.
    """

    name: str = "equilibrium_chatterjee_samuelson"
    k: Annotated[float, Field(ge=0, le=1)] = 0.5
    low: Money = 0.0
    high: PositiveMoney = 1.0

    @model_validator(mode="after")
    def _ends_in_order(self) -> "EquilibriumChatterjeeSamuelson":
        if self.low >= self.high:
            raise InputError(f"low must be below high ({self.high}); got {self.low}")
        return self

    def ask(self, view: AskView) -> Floats:
        """Return the equilibrium ask of each cost, at least the cost."""
        width = self.high - self.low
        ask = self.low + width * chatterjee_samuelson_ask((view.cost - self.low) / width, self.k)
        return np.maximum(ask, view.cost)

    def bid(self, view: BidView) -> Floats:
        """Return the equilibrium bid of each value, at most the value."""
        width = self.high - self.low
        bid = self.low + width * chatterjee_samuelson_bid((view.value - self.low) / width, self.k)
        return worthwhile(view, np.minimum(bid, view.value))
