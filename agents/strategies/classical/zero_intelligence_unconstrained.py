"""Zero intelligence without a budget constraint (ZI-U)."""

from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, BidView, Strategy
from markets.accounts.money import PositiveMoney
from markets.columns import Floats


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ZeroIntelligenceUnconstrained(Strategy):
    """Bids and asks at random whatever its value or cost, and so may trade at a loss (Gode and Sunder 1993).

    Quotes are uniform on [0, `highest`] credits. One draw is made for every pair of the world, as
    `zero_intelligence` does: the two differ in the constraint alone.

    Parameters
    ----------
    highest : float
        Most that it bids or asks, in credits.
    """

    name: str = "zero_intelligence_unconstrained"
    highest: PositiveMoney = 0.1

    def ask(self, view: AskView) -> Floats:
        """Return uniform draws between zero and `highest`."""
        draws = view.rng.random((view.organisations, view.listings))[view.buyer, view.listing]
        return draws * self.highest

    def bid(self, view: BidView) -> Floats:
        """Return uniform draws between zero and `highest`."""
        draws = view.rng.random((view.organisations, view.listings))[view.buyer, view.listing]
        return draws * self.highest
