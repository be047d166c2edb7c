"""Selling at the cost of delivery."""

from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, Strategy
from markets.columns import Floats


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Altruist(Strategy):
    """Asks only the cost of delivery, even of a rival, and bids what a block is worth to it."""

    name: str = "altruist"

    def ask(self, view: AskView) -> Floats:
        """Return the cost of delivery."""
        return view.delivery
