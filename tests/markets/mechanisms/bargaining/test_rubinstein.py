import numpy as np
import pytest
from pydantic import ValidationError

from markets.matching.splits import rubinstein_share, rubinstein_split
from markets.mechanisms.bargaining.nash_bargaining import NashBargaining
from markets.mechanisms.bargaining.rubinstein import Rubinstein
from markets.orders.orders import Orders
from tests.markets.mechanisms.samples import pairs
from tests.markets.strategies import random_orders

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("first", "second", "share"), [(0.9, 0.9, 0.526316), (0.9, 0.8, 0.714286)])
def test_first_movers_share(first, second, share):
    """1/(1 + d) and (1 - d2)/(1 - d1 d2) (Rubinstein 1982)."""
    assert rubinstein_share(first, second) == pytest.approx(share, abs=5e-7)
    buyer = Rubinstein(buyer_discount=first, seller_discount=second, first_mover="buyer")
    seller = Rubinstein(buyer_discount=second, seller_discount=first, first_mover="seller")
    assert buyer.clear(pairs([1], [0]), RNG).paid[0] == pytest.approx(1 - share, abs=5e-7)
    assert seller.clear(pairs([1], [0]), RNG).paid[0] == pytest.approx(share, abs=5e-7)


def test_who_cannot_wait_gets_nothing():
    eager = Rubinstein(buyer_discount=0.0, first_mover="seller")
    assert eager.clear(pairs([5], [1]), RNG).paid.tolist() == [5.0]


def test_as_periods_shorten_the_split_is_nashs():
    """Power ln d_s / (ln d_b + ln d_s) (Binmore, Rubinstein and Wolinsky 1986)."""
    for mover in ("buyer", "seller"):
        rule = Rubinstein(buyer_discount=0.9**1e-5, seller_discount=0.8**1e-5, first_mover=mover)
        power = np.log(0.8) / (np.log(0.9) + np.log(0.8))
        nash = NashBargaining(buyer_power=power).clear(pairs([5], [1]), RNG)
        assert rule.clear(pairs([5], [1]), RNG).paid == pytest.approx(nash.paid, abs=1e-4)


@pytest.mark.parametrize("options", [(0.0, 0.0), (0.2, 0.3), (0.7, 0.1), (0.1, 0.8), (0.6, 0.4)])
@pytest.mark.parametrize("discounts", [(0.9, 0.9), (0.9, 0.5), (0.0, 0.9), (0.3, 0.0)])
def test_split_is_the_limit_of_offers_by_backward_induction(options, discounts):
    """A long game, solved from its last period; whoever refuses waits or walks away."""
    x = 1.0
    for _ in range(400):
        other = 1 - max(discounts[0] * x, options[0])
        x = 1 - max(discounts[1] * other, options[1])
    assert rubinstein_split(1.0, *options, *discounts)[0] == pytest.approx(x, abs=1e-12)


def two_houses(best, second, discount=0.9):
    orders = Orders.of(
        buyer=[1, 1],
        seller=[0, 2],
        listing=[0, 1],
        bid=[best + 1, second + 1],
        ask=[1.0, 1.0],
        capacity=[1, 1],
    )
    rule = Rubinstein(buyer_discount=discount, seller_discount=discount, first_mover="buyer")
    return best + 1 - rule.clear(orders, RNG).paid[0]


def test_an_option_worse_than_bargaining_changes_nothing():
    """The next best would bring 1/1.9 of 8, and waiting for an offer brings d/(1 + d) of 10."""
    assert two_houses(10, 8) == pytest.approx(10 / 1.9)


def test_an_option_better_than_waiting_counts():
    """(1 - d) S + d w with w = 9.99/1.9 > 9/1.9, what the buyer has by refusing and going on."""
    assert two_houses(10, 9.99) == pytest.approx(0.1 * 10 + 0.9 * 9.99 / 1.9)


def test_without_options_it_is_nash_bargaining_without_threats():
    power = rubinstein_share(0.9, 0.8)
    rule = Rubinstein(buyer_discount=0.9, seller_discount=0.8, first_mover="buyer", outside="none")
    for seed in range(10):
        orders = random_orders(np.random.default_rng(seed), capacity=1)
        offers = rule.clear(orders, np.random.default_rng(seed))
        nash = NashBargaining(buyer_power=power, disagreement="none")
        split = nash.clear(orders, np.random.default_rng(seed))
        assert offers.row.tolist() == split.row.tolist()
        np.testing.assert_allclose(offers.paid, split.paid, rtol=1e-12)


def test_endless_patience_is_refused():
    with pytest.raises(ValidationError, match="buyer_discount"):
        Rubinstein(buyer_discount=1.0)
