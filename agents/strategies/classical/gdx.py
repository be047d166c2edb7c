"""GDX: Gjerstad and Dickhaut's beliefs with foresight over the quotes still to come."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.classical.beliefs import Belief, worth_of_waiting
from agents.strategies.classical.gd import GjerstadDickhaut
from agents.strategies.draws import Share
from markets.columns import Floats, Ints


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class GDX(GjerstadDickhaut):
    """GDX: GD that weighs a trade now against trying again before the market closes (Tesauro, Bredin 2002).

    The quote maximises ``chance * surplus + (1 - chance) * discount * V(n - 1)``, where V(n) is what a unit
    is worth with n quotes to come. Since a strategy is asked about one unit at a time, V is that of one unit.
    With one opportunity, as in a sealed round, or a discount of zero, GDX quotes what GD quotes.

    Parameters
    ----------
    discount : float
        Gamma in [0, 1]: what a surplus one quote later is worth now.
    horizon : int
        How many quotes to come are weighed at most; a stage of the dynamic programme each.
    """

    name: str = "gdx"
    discount: Share = 0.9
    horizon: Annotated[int, Field(ge=0, le=10_000)] = 100

    def cost_of_selling_now(self, belief: Belief, cost: Floats, later: Ints) -> Floats:
        """Return the cost and what the unit would be worth if it stayed unsold."""
        return cost + worth_of_waiting(belief, cost, later.clip(0, self.horizon), self.discount)
