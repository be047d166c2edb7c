"""Learners find, from their own outcomes alone, what theory says is best."""

import dataclasses
from functools import cache

import numpy as np
import pytest
import torch
from scipy.special import expit

from agents.strategies import STRATEGIES
from agents.strategies.learning.exp3 import Exp3
from agents.strategies.learning.policy import (
    BETA1,
    BETA2,
    EPSILON,
    PARAMETERS,
    policy_mean,
    reinforce,
    start_policies,
)
from agents.strategies.learning.policy_gradient import PolicyGradient
from agents.strategies.learning.reserve_learner import ReserveLearner
from agents.strategies.truthful import Truthful
from markets.mechanisms.auctions.all_pay import AllPay
from markets.mechanisms.auctions.first_price import FirstPrice
from markets.mechanisms.auctions.second_price import SecondPrice
from tests.agents.strategies.auctions import play


@cache
def fraction_bid(strategy, mechanism, bidders, markets, rounds):
    """The mean fraction of the value that was bid in the last tenth of the rounds."""
    found = []

    def watch(number, view, bids):
        if number >= 0.9 * rounds:
            found.append(bids.sum() / view.value.sum())

    play(strategy, Truthful(), mechanism, bidders, markets, rounds, watch=watch)
    return float(np.mean(found))


@pytest.mark.heavy
def test_exp3_learns_to_shade_under_first_price_and_not_under_second():
    """Two bidders shade by about a half (Vickrey 1961); truth is dominant in a second-price auction."""
    bidder = Exp3(exploration=0.1)
    first = fraction_bid(bidder, FirstPrice(), 2, 20, 600)
    second = fraction_bid(bidder, SecondPrice(), 2, 20, 600)
    assert first < 0.72
    assert second > first + 0.08


@pytest.mark.slow
def test_exp3_shades_less_against_more_rivals():
    """The equilibrium bids 1/2 of the value against one rival and 2/3 against two (Vickrey 1961).

    Profits are flat about the best reply and one fraction serves all values, so that no-regret play stays
    somewhat below it.
    """
    bidder = Exp3(choices=13, exploration=0.03)
    one, two = (fraction_bid(bidder, FirstPrice(), bidders, 60, 12_000) for bidders in (2, 3))
    assert one == pytest.approx(1 / 2, abs=0.1)
    assert one + 0.03 < two < 2 / 3 + 0.05


def test_policy_gradient_learns_to_shade():
    """From 0.8 of the value towards the equilibrium's half, by its own rewards."""
    bidder = PolicyGradient(highest=1.0, shared=True)
    assert fraction_bid(bidder, FirstPrice(), 2, 60, 150) == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("bidders", "slope"), [(2, 1 / 2), (4, 3 / 4)])
def test_policies_of_their_own_come_to_the_equilibrium(bidders, slope):
    found = fraction_bid(PolicyGradient(highest=1.0), FirstPrice(), bidders, 30, 3000)
    assert found == pytest.approx(slope, abs=0.08)


@pytest.mark.heavy
def test_a_seller_learns_the_reserve_of_one_buyer():
    """One buyer uniform on [0, 1]: revenue p (1 - p), largest at 1/2 (Myerson 1981)."""
    seller = ReserveLearner(choices=5, highest=1.0, exploration=0.2)
    memory = play(Truthful(), seller, SecondPrice(), 1, 100, 600)[1]
    chosen = memory["log_weights"][::2].argmax(axis=1)
    assert np.median(seller.markups[chosen]) == 0.5
    assert (seller.markups[chosen] == 0.5).mean() > 0.5


def test_exp3_learns_from_what_it_pays_for_nothing():
    """In an all-pay auction the equilibrium of two bids (1/2) v^2: less than under first price on average."""
    found = fraction_bid(Exp3(exploration=0.1), AllPay(), 2, 20, 600)
    assert found < fraction_bid(Exp3(exploration=0.1), FirstPrice(), 2, 20, 600) - 0.02


@pytest.mark.parametrize("name", ["exp3", "policy_gradient", "reserve_learner"])
def test_learning_repeats_to_the_last_bit(name):
    strategy = STRATEGIES.build(name)
    first, again = (play(strategy, strategy, FirstPrice(), 2, 3, 20) for _ in range(2))
    for mine, other in zip(first, again, strict=True):
        assert all(mine[key].tobytes() == other[key].tobytes() for key in mine)


def test_policies_together_equal_policies_one_by_one():
    """The batched step against a plain loop with torch's own autograd and Adam."""
    rng = np.random.default_rng(0)
    memory = start_policies(3, 2, 4, rng)
    policy = np.array([0, 2, 2, 0, 0])
    plain = {name: [torch.tensor(memory[name][p]) for p in range(3)] for name in PARAMETERS}
    optimisers = []
    for p in range(3):
        leaves = [plain[name][p].requires_grad_() for name in PARAMETERS]
        optimisers.append(torch.optim.Adam(leaves, lr=0.02, betas=(BETA1, BETA2), eps=EPSILON))
    for _ in range(4):
        inputs, action, advantage = rng.random((5, 2)), rng.standard_normal(5), rng.standard_normal(5)
        memory = reinforce(memory, inputs, action, advantage, policy, 0.3, 0.02)
        for p in (0, 2):
            own = policy == p
            leaves = {name: plain[name][p][None] for name in PARAMETERS}
            mean = policy_mean(leaves, torch.tensor(inputs[own]), torch.zeros(own.sum(), dtype=torch.int64))
            density = torch.distributions.Normal(mean, 0.3).log_prob(torch.tensor(action[own]))
            optimisers[p].zero_grad()
            (-(torch.tensor(advantage[own]) * density).mean()).backward()
            optimisers[p].step()
    for name in PARAMETERS:
        for p in range(3):
            np.testing.assert_allclose(
                memory[name][p], plain[name][p].detach().numpy(), rtol=1e-9, atol=1e-12
            )
    assert memory["steps"].tolist() == [4, 0, 4]


def test_start_is_the_fraction_that_a_policy_begins_with():
    strategy = PolicyGradient(start=0.7, highest=1.0)
    memory = strategy.begin(5, 1, np.random.default_rng(0))
    found = expit(strategy.mean_action(memory, np.arange(5), np.full(5, 0.5)))
    np.testing.assert_allclose(found, 0.7, atol=0.1)


def test_one_policy_for_all_or_one_for_each():
    rng = np.random.default_rng(0)
    assert len(PolicyGradient(shared=True).begin(5, 1, rng)["output_bias"]) == 1
    own = dataclasses.replace(PolicyGradient(), shared=False).begin(5, 1, rng)
    assert len(own["output_bias"]) == 5
