"""A bidder whose shading is a torch policy, trained by policy gradient over repeated rounds."""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.special import expit, logit

from agents.strategies import STRATEGIES
from agents.strategies.base import BidView, Memory, OutcomeView, Strategy, worthwhile
from agents.strategies.learning.policy import PARAMETERS, policy_mean, reinforce, start_policies
from markets.accounts.money import PositiveMoney
from markets.columns import Floats, Ints

FEATURES = 2
_LEAST, _MOST = 1e-4, 1 - 1e-4


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid", "validate_default": True})
class PolicyGradient(Strategy):
    """Learns by policy gradient which fraction of its value to bid, by the value; asks its cost.

    The fraction is expit(z), z normal with standard deviation `spread` about the policy's mean, a tanh
    network of the value over `highest`. After a round, REINFORCE with a baseline, the running mean of the
    organisation's reward, moves the policy by one step of Adam. The reward of a bid is what it gained, as
    a share of the value. All organisations are one batch: their policies are stacked. Where a bid decides
    nothing, as well above a posted price, rewards do not tell of the fraction, and it stays as it was.

    Attributes
    ----------
    shared : bool
        One policy for all that follow this strategy, who then pool what they learn, or one for each.
    highest : float
        The scale of values, credits.
    hidden : int
        Units of the hidden layer.
    spread : float
        How widely it tries, in units of the logit of the fraction.
    learning_rate : float
        Adam's step size.
    start : float
        The fraction that it begins with, in (0, 1).
    memory_of_baseline : float
        Share of the old baseline that a round keeps, in [0, 1).

    References
    ----------
    R. Williams (1992), Machine Learning 8.
    """

    name: str = "policy_gradient"
    shared: bool = False
    highest: PositiveMoney = 0.2
    hidden: Annotated[int, Field(ge=1, le=4096)] = 8
    spread: PositiveMoney = 0.3
    learning_rate: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 0.01
    start: Annotated[float, Field(gt=0, lt=1)] = 0.8
    memory_of_baseline: Annotated[float, Field(ge=0, lt=1)] = 0.9

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:  # noqa: ARG002
        """Return policies that bid about the fraction `start`, and baselines of 0."""
        policies = 1 if self.shared else organisations
        memory = start_policies(policies, FEATURES, self.hidden, rng)
        memory["output_bias"] += logit(self.start)
        return memory | {"baseline": np.zeros(organisations)}

    def bid(self, view: BidView) -> Floats:
        """Return a draw from the policy times the value; one draw for each pair of the world."""
        draws = view.rng.standard_normal((view.organisations, view.listings))[view.buyer, view.listing]
        action = self.mean_action(view.memory, view.buyer, view.value) + self.spread * draws
        return worthwhile(view, expit(action).clip(_LEAST, _MOST) * view.value)

    def mean_action(self, memory: Memory, organisation: Ints, value: Floats) -> Floats:
        """Return the policy's mean logit of the fraction, [R], for values [R] in credits."""
        leaves = {name: torch.as_tensor(memory[name]) for name in PARAMETERS}
        policy = torch.as_tensor(self._policy(organisation))
        with torch.no_grad():
            return policy_mean(leaves, torch.as_tensor(self._inputs(value)), policy).numpy()

    def learn(self, view: OutcomeView) -> Memory:
        """Follow the policy gradient of the round's bids, and update the baselines."""
        own = view.is_buyer & (view.limit > 0) & np.isfinite(view.quote)
        who, limit = view.organisation[own], view.limit[own]
        reward = view.gain[own] / limit
        baseline = view.memory["baseline"]
        bids = np.bincount(who, minlength=view.organisations)
        mean = np.bincount(who, reward, view.organisations) / np.maximum(bids, 1)
        kept = np.where(bids > 0, self.memory_of_baseline, 1.0)
        action = logit((view.quote[own] / limit).clip(_LEAST, _MOST))
        policies = {name: array for name, array in view.memory.items() if name != "baseline"}
        learnt = reinforce(
            policies,
            self._inputs(limit),
            action,
            reward - baseline[who],
            self._policy(who),
            self.spread,
            self.learning_rate,
        )
        return learnt | {"baseline": kept * baseline + (1 - kept) * mean}

    def _policy(self, organisation: Ints) -> Ints:
        return np.zeros_like(organisation) if self.shared else organisation

    def _inputs(self, value: Floats) -> Floats:
        return np.stack([value / self.highest, np.ones(len(value))], axis=1)
