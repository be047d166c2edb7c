"""The Nash bargaining solution over dropping out alone."""

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Floats
from sim.exchange.royalty_rules import ROYALTY_RULES
from sim.exchange.royalty_rules.base import RoundGame, RoyaltyRule


@ROYALTY_RULES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class NashRoyalties(RoyaltyRule):
    """What dropping out alone would leave an organisation with, and an equal share of the rest.

    The Nash bargaining solution if failure to agree means that the organisation alone drops out and the
    others go on (J. Nash 1950, Econometrica 18).
    """

    name: str = "nash"

    def shares(self, game: RoundGame, rng: np.random.Generator) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return the solution (see `RoyaltyRule.shares`); costs N equilibria."""
        alone = np.diag(game.profits(~np.eye(game.players, dtype=bool)))
        each = (game.own.sum() - alone.sum()) / game.present.sum()
        return np.where(game.present, alone + each, 0.0), np.zeros(game.players)
