"""A no-regret bidder: Exp3 over shading factors."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import BidView, Memory, OutcomeView, Strategy, worthwhile
from agents.strategies.learning.bandits import draw, exp3_learn, exp3_probabilities
from markets.columns import Bools, Floats


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid", "validate_default": True})
class Exp3(Strategy):
    """Learns by Exp3 which fraction of its value to bid, from its own profits alone; asks its cost.

    Each organisation plays one of `choices` fractions, evenly spaced from `least` to 1, in all its bids of a
    round. It measures its gain from buying by the largest that it could have had for nothing, the sum over
    positions of its best value; its reward is where that lies between the worst loss that it ever made (0
    where losers do not pay) and 1. It sees what its own choice earned, and not what others would have.

    Attributes
    ----------
    choices : int
        How many fractions.
    least : float
        The smallest, in [0, 1).
    exploration : float
        Share of rounds in which it chooses blindly, in (0, 1];
        `agents.strategies.learning.bandits.exp3_exploration` has the best for a known number of rounds.

    Notes
    -----
    After T rounds the best fraction in hindsight would have earned O(sqrt(T K ln K)) more. O(N K) a round.

    References
    ----------
    P. Auer, N. Cesa-Bianchi, Y. Freund and R. Schapire (2002), SIAM J. Computing 32.
    """

    name: str = "exp3"
    choices: Annotated[int, Field(ge=2, le=1000)] = 11
    least: Annotated[float, Field(ge=0, lt=1)] = 0.0
    exploration: Annotated[float, Field(gt=0, le=1)] = 0.1

    @property
    def fractions(self) -> Floats:
        """The fractions of the value, float64 [K]."""
        return np.linspace(self.least, 1.0, self.choices)

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:  # noqa: ARG002
        """Return equal weights and a first choice at random."""
        weights = np.zeros((organisations, self.choices))
        choice = draw(exp3_probabilities(weights, 1.0), rng)
        return {"log_weights": weights, "choice": choice, "worst": np.zeros(organisations)}

    def bid(self, view: BidView) -> Floats:
        """Return the fraction of the value that this round's choice is."""
        return worthwhile(view, self.fractions[view.memory["choice"][view.buyer]] * view.value)

    def learn(self, view: OutcomeView) -> Memory:
        """Raise the weight of the choice by what it earned, and choose for the next round."""
        gain, learns = _relative_gain(view)
        worst = np.minimum(view.memory["worst"], gain)
        reward = (gain - worst) / (1.0 - worst)
        weights, choice = view.memory["log_weights"], view.memory["choice"]
        weights = exp3_learn(weights, choice, reward, self.exploration, learns)
        choice = draw(exp3_probabilities(weights, self.exploration), view.rng)
        return {"log_weights": weights, "choice": choice, "worst": worst}


def _relative_gain(view: OutcomeView) -> tuple[Floats, Bools]:
    """Return each organisation's gain from buying over the largest possible, at most 1, and who could bid."""
    own = view.is_buyer & (view.limit > 0)
    who, position, limit = view.organisation[own], view.position[own], view.limit[own]
    most = np.zeros((view.organisations, view.positions))
    np.maximum.at(most, (who, position), limit)
    total, largest = np.bincount(who, view.gain[own], view.organisations), most.sum(axis=1)
    learns = largest > 0
    return np.minimum(total / np.where(learns, largest, 1.0), 1.0), learns
