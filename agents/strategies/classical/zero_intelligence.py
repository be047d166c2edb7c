"""Zero intelligence with a budget constraint (ZI-C)."""

from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, BidView, Strategy, worthwhile
from markets.accounts.money import PositiveMoney
from markets.columns import Floats


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ZeroIntelligence(Strategy):
    """Bids at random below its value and asks at random above its cost, never at a loss.

    Bids are uniform on [0, value]; asks are uniform on [cost, `highest`] credits, or the cost where that is
    above `highest`. One draw is made for every pair of the world, so that a pair's draw does not depend on
    who else was tried.

    Parameters
    ----------
    highest : float
        Most that it asks, in credits.
    """

    name: str = "zero_intelligence"
    highest: PositiveMoney = 0.1

    def ask(self, view: AskView) -> Floats:
        """Return uniform draws between the cost and `highest`."""
        draws = view.rng.random((view.organisations, view.listings))[view.buyer, view.listing]
        return view.cost + draws * (self.highest - view.cost).clip(min=0)

    def bid(self, view: BidView) -> Floats:
        """Return uniform draws between zero and the value."""
        draws = view.rng.random((view.organisations, view.listings))[view.buyer, view.listing]
        return worthwhile(view, draws * view.value)
