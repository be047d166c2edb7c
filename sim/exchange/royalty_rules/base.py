"""What every rule of royalties has, and the game that it shares the gains of.

Core Objects: RoyaltyRule, RoundGame
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from markets.columns import Bools, Floats, Ints
from sim.consumers.payoffs import DownstreamMarket

PROFITS_AT_ONCE = 2**20
"""Profits that one batch of equilibria holds: what bounds the memory of valuing many coalitions."""


@dataclass(frozen=True)
class RoundGame:
    """What each coalition would have had from the round's trades, had there been only those inside it.

    A buyer has its new quality if all that it bought from are in the coalition too, and its old one if not.

    Attributes
    ----------
    downstream : DownstreamMarket
        Where profits come from.
    before, after : float64 [N]
        Qualities without and with the round's trades.
    buyer, seller : int64 [T]
        The round's trades.
    welfare : float64 [T]
        The gain of welfare for which each was made, credits.
    """

    downstream: DownstreamMarket
    before: Floats
    after: Floats
    buyer: Ints
    seller: Ints
    welfare: Floats

    @property
    def players(self) -> int:
        """Number of organisations, N."""
        return len(self.before)

    @property
    def present(self) -> Bools:
        """Who takes part, [N]: who is absent earns nothing in any coalition and has no share."""
        return self.downstream.present

    @cached_property
    def own(self) -> Floats:
        """How the trades change the profit of each organisation, [N], credits."""
        return self.profits(np.ones((1, self.players), dtype=bool))[0]

    def profits(self, member: Bools) -> Floats:
        """Return how the trades inside each coalition alone change every profit, float64 [M, N], credits.

        Parameters
        ----------
        member : bool [M, N]
            Who is in each coalition. Cost: M equilibria, in batches.
        """
        needed = np.eye(self.players, dtype=bool)
        needed[self.buyer, self.seller] = True
        improved = (member @ needed.T.astype(np.int64)) == needed.sum(axis=1)
        quality = np.where(improved, self.after, self.before)
        size = max(1, PROFITS_AT_ONCE // self.players)
        parts = [quality[first : first + size] for first in range(0, len(quality), size)]
        profit = np.concatenate([self.downstream.outcomes(part)[0] for part in parts])
        return profit - self.downstream.outcomes(self.before[None])[0]

    def industry(self, member: Bools) -> Floats:
        """Return the change of everybody's profits, float64 [M]: the game that Shapley royalties share."""
        return self.profits(member).sum(axis=1)

    def members(self, member: Bools) -> Floats:
        """Return the change of the members' own profits, float64 [M]: what a coalition could secure alone."""
        return (self.profits(member) * member).sum(axis=1)


class RoyaltyRule(ABC):
    """How the change of the industry's profit is shared. Subclasses are frozen dataclasses."""

    name: str

    @abstractmethod
    def shares(self, game: RoundGame, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return what each organisation is to have of the industry's change, and its standard error, [N].

        Parameters
        ----------
        game : RoundGame
            The round; it has trades. Shares sum to what the changes of its organisations' profits sum to.
        rng : numpy.random.Generator
            For rules that draw.
        """
