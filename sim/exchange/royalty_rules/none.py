"""No royalties."""

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Floats
from sim.exchange.royalty_rules import ROYALTY_RULES
from sim.exchange.royalty_rules.base import RoundGame, RoyaltyRule


@ROYALTY_RULES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class NoRoyalties(RoyaltyRule):
    """Everybody keeps what it has."""

    name: str = "none"

    def shares(self, game: RoundGame, rng: np.random.Generator) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return the change of each organisation's own profit (see `RoyaltyRule.shares`)."""
        return game.own, np.zeros(game.players)
