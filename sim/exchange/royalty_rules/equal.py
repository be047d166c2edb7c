"""Equal shares."""

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Floats
from sim.exchange.royalty_rules import ROYALTY_RULES
from sim.exchange.royalty_rules.base import RoundGame, RoyaltyRule


@ROYALTY_RULES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class EqualRoyalties(RoyaltyRule):
    """Equal shares: the Nash bargaining solution if failure to agree means no trade at all."""

    name: str = "equal"

    def shares(self, game: RoundGame, rng: np.random.Generator) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return the mean change for everybody who takes part (see `RoyaltyRule.shares`)."""
        return np.where(game.present, game.own[game.present].mean(), 0.0), np.zeros(game.players)
