"""Gjerstad and Dickhaut (GD): the quote that maximises the expected surplus under beliefs."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, BidView, Memory, OutcomeView, Strategy, worthwhile
from agents.strategies.classical.beliefs import Belief, believe, best_quote
from agents.strategies.classical.history import empty_history, recall, record, record_refusals
from agents.strategies.classical.shouts import traders_of
from markets.accounts.money import PositiveMoney
from markets.columns import Floats, Ints

ROWS = 4096
"""How many quotes are worked out together: it bounds the memory of a round, and changes no quote."""


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class GjerstadDickhaut(Strategy):
    """GD: quotes what maximises (quote - cost) times the believed chance that it trades (1998).

    Beliefs are frequencies among the quotes that led up to the market's last `memory` trades (see
    `agents.strategies.classical.beliefs`); the maximum is exact. Whoever expects no surplus from any quote
    names its limit price, which promises as much and lets a market go on whose prices are out of date; or
    nothing, if that would not improve on its side's standing quote. In a sealed market the history holds the
    prices of trades, and a trader's own refused quotes, which no one else sees.

    A quote costs `quotes` log `quotes`; hearing a round as many vectorised steps as its busiest market had
    quotes, at most `quotes`.

    Parameters
    ----------
    highest : float
        The highest price thinkable, credits, at which beliefs end.
    memory : int
        How many trades back the history counts.
    quotes : int
        How many quotes of each market are kept, the last ones.
    """

    name: str = "gd"
    highest: PositiveMoney = 0.1
    memory: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    quotes: Annotated[int, Field(ge=1, le=10_000)] = 64

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:
        """Remember nothing."""
        del rng
        return empty_history(organisations, positions, self.quotes)

    def ask(self, view: AskView) -> Floats:
        """Return the asks that promise most."""
        return self._quotes(view, view.seller, view.cost, is_bid=False)

    def bid(self, view: BidView) -> Floats:
        """Return the bids that promise most."""
        return worthwhile(view, -self._quotes(view, view.buyer, -view.value, is_bid=True))

    def learn(self, view: OutcomeView) -> Memory:
        """Add the round to the market's history, and refusals that nobody else saw to one's own."""
        return record_refusals(record(view.memory, view.tape), traders_of(view))

    def cost_of_selling_now(self, belief: Belief, cost: Floats, later: Ints) -> Floats:
        """Return what a sale must bring in to be worth it, [n], with `later` quotes to come: the cost."""
        del belief, later
        return cost

    def _quotes(self, view: AskView | BidView, organisation: Ints, cost: Floats, is_bid: bool) -> Floats:
        """Return the best asks; for buyers the best bids, negated, as they are sellers at negated prices."""
        lowest, highest = (-self.highest, 0.0) if is_bid else (0.0, self.highest)
        asks = np.empty(len(cost))
        for start in range(0, len(cost), ROWS):
            rows = slice(start, start + ROWS)
            standing = (view.standing_ask[rows], view.standing_bid[rows])
            seen = recall(
                view.memory,
                organisation[rows],
                view.position[rows],
                is_bid,
                standing[::-1] if is_bid else standing,
                self.memory,
            )
            belief = believe(seen, lowest, highest)
            worth = self.cost_of_selling_now(belief, cost[rows], view.opportunities[rows] - 1)
            best, _ = best_quote(belief, worth)
            behind = cost[rows] >= seen.standing_ask
            asks[rows] = np.where(np.isnan(best) & ~behind, cost[rows], best)
        return asks
