"""Shares in proportion to one's trades."""

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Floats
from sim.exchange.royalty_rules import ROYALTY_RULES
from sim.exchange.royalty_rules.base import RoundGame
from sim.exchange.royalty_rules.equal import EqualRoyalties


@ROYALTY_RULES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ProportionalRoyalties(EqualRoyalties):
    """In proportion to the welfare gained in the trades one took part in, half to each side.

    Equal shares where no trade gained any.
    """

    name: str = "proportional"

    def shares(self, game: RoundGame, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return the shares (see `RoyaltyRule.shares`)."""
        bought, sold = (np.bincount(side, game.welfare, game.players) for side in (game.buyer, game.seller))
        part = bought + sold
        if not part.sum() > 0:
            return super().shares(game, rng)
        return game.own.sum() * part / part.sum(), np.zeros(game.players)
