"""A seller that learns demand: Exp3 over reserve prices."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, Memory, OutcomeView, Strategy
from agents.strategies.learning.bandits import draw, exp3_learn, exp3_probabilities
from markets.accounts.money import PositiveMoney
from markets.columns import Floats


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid", "validate_default": True})
class ReserveLearner(Strategy):
    """Learns by Exp3 which markup over its cost to ask, from its own sales alone; bids its value.

    Each organisation plays one of `choices` markups, evenly spaced from 0 to `highest` credits, in all its
    asks of a round. Its reward is its gain from selling over what the highest markup would earn from the most
    sales that it ever made in a round.

    Attributes
    ----------
    choices : int
        How many markups.
    highest : float
        The largest, credits.
    exploration : float
        Share of rounds in which it chooses blindly, in (0, 1].

    Notes
    -----
    Learning prices on a grid from sales alone costs O(T^(2/3)) against the best fixed price if the grid grows
    with the rounds T as T^(1/3). O(N K) a round.

    References
    ----------
    R. Kleinberg and T. Leighton (2003), FOCS; P. Auer, N. Cesa-Bianchi, Y. Freund and R. Schapire (2002),
    SIAM J. Computing 32.
    """

    name: str = "reserve_learner"
    choices: Annotated[int, Field(ge=2, le=1000)] = 11
    highest: PositiveMoney = 0.2
    exploration: Annotated[float, Field(gt=0, le=1)] = 0.1

    @property
    def markups(self) -> Floats:
        """The markups in credits, float64 [K]."""
        return np.linspace(0.0, self.highest, self.choices)

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:  # noqa: ARG002
        """Return equal weights and a first choice at random."""
        weights = np.zeros((organisations, self.choices))
        choice = draw(exp3_probabilities(weights, 1.0), rng)
        return {"log_weights": weights, "choice": choice, "most_sold": np.ones(organisations, dtype=np.int64)}

    def ask(self, view: AskView) -> Floats:
        """Return the cost and this round's markup."""
        return view.cost + self.markups[view.memory["choice"][view.seller]]

    def learn(self, view: OutcomeView) -> Memory:
        """Raise the weight of the choice by what it earned, and choose for the next round."""
        own = ~view.is_buyer
        who, units = view.organisation[own], view.units[own]
        gain = np.bincount(who, view.gain[own], view.organisations)
        sold = np.bincount(who, units, view.organisations).astype(np.int64)
        most_sold = np.maximum(view.memory["most_sold"], sold)
        reward = np.clip(gain / (self.highest * most_sold), 0.0, 1.0)
        asked = np.bincount(who, minlength=view.organisations) > 0
        weights, choice = view.memory["log_weights"], view.memory["choice"]
        weights = exp3_learn(weights, choice, reward, self.exploration, asked)
        choice = draw(exp3_probabilities(weights, self.exploration), view.rng)
        return {"log_weights": weights, "choice": choice, "most_sold": most_sold}
