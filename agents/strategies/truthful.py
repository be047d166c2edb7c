"""Truth-telling: the yardstick of every mechanism."""

from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, BidView, Strategy, worthwhile
from markets.columns import Floats


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Truthful(Strategy):
    """Bids what a block is worth to it and asks what selling costs it."""

    name: str = "truthful"

    def ask(self, view: AskView) -> Floats:
        """Return the cost."""
        return view.cost

    def bid(self, view: BidView) -> Floats:
        """Return the value."""
        return worthwhile(view, view.value)
