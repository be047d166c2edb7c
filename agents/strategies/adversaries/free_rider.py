"""Free riding: the price of a good model for one that was never trained."""

from typing import ClassVar

from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.adversaries.margin import Pretender
from markets.accounts.money import Money


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class FreeRider(Pretender):
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
