"""The Shapley value."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.columns import Floats
from markets.matching.cooperation import game_of, sampled_shapley_value, shapley_value
from sim.exchange.royalty_rules import ROYALTY_RULES
from sim.exchange.royalty_rules.base import RoundGame, RoyaltyRule

LARGEST_EXACT_GAME = 12
"""Organisations up to which all 2^N coalitions are valued; beyond, permutations are sampled."""
Permutations = Annotated[int, Field(ge=2, le=100_000)]


@ROYALTY_RULES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ShapleyRoyalties(RoyaltyRule):
    """The Shapley value of `RoundGame.industry` (L. Shapley 1953, Contributions to the Theory of Games II).

    Exact for `LARGEST_EXACT_GAME` organisations or fewer, beyond that from sampled permutations, which cost N
    equilibria each.

    Parameters
    ----------
    permutations : int
        Orders of arrival to sample.
    """

    name: str = "shapley"
    permutations: Permutations = 200

    def shares(self, game: RoundGame, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return the value, and its standard error where it is sampled (see `RoyaltyRule.shares`)."""
        if game.players <= LARGEST_EXACT_GAME:
            return shapley_value(game_of(game.players, game.industry)), np.zeros(game.players)
        sampled = sampled_shapley_value(game.industry, game.players, self.permutations, rng)
        return sampled.shares, sampled.error
