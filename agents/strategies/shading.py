"""Shading: bid less than the value, ask more than the cost."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, BidView, Strategy, worthwhile
from markets.columns import Floats


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Shading(Strategy):
    """Bids a fraction below its value and asks the same fraction above its cost.

    With n rivals whose values are uniform, the equilibrium of the first-price auction shades by 1/n (Vickrey
    1961).

    Parameters
    ----------
    fraction : float
        Share of a value that is kept back, and of a cost that is asked on top, in [0, 1].
    """

    name: str = "shading"
    fraction: Annotated[float, Field(ge=0, le=1)] = 0.2

    def ask(self, view: AskView) -> Floats:
        """Return ``(1 + fraction) * cost``."""
        return (1 + self.fraction) * view.cost

    def bid(self, view: BidView) -> Floats:
        """Return ``(1 - fraction) * value``."""
        return worthwhile(view, (1 - self.fraction) * view.value)
