import math

import numpy as np
import pytest

from markets import theory
from markets.priors import PRIOR

UNIFORM, EXPONENTIAL, LOGNORMAL = (PRIOR.build(name) for name in ("uniform", "exponential", "lognormal"))
PRIORS = (UNIFORM, EXPONENTIAL, LOGNORMAL, PRIOR.build({"name": "uniform", "low": 0.6}))


def test_reserves_for_uniform_and_exponential_values():
    """r = 1/2 for all n, R(1, 1/2) = 1/4, R(2, 1/2) = 5/12; exponential r = 1, 1/e of one (Myerson 1981)."""
    reserves = np.linspace(0, 1, 201)
    for n in (1, 2, 5, 10):
        earned = [theory.auction_revenue(n, r) for r in reserves]
        assert reserves[np.argmax(earned)] == 0.5
        assert theory.optimal_revenue([UNIFORM] * n) == pytest.approx(max(earned))
    assert theory.optimal_revenue([UNIFORM]) == pytest.approx(1 / 4)
    assert theory.optimal_revenue([UNIFORM] * 2) == pytest.approx(5 / 12)
    assert EXPONENTIAL.monopoly_price() == 1
    assert theory.optimal_revenue([EXPONENTIAL]) == pytest.approx(1 / math.e)


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("r", [0.0, 0.3, 0.5, 0.9])
def test_revenue_of_a_reserve_for_uniform_values(n, r):
    """The closed form of the uniform (Vickrey 1961; Myerson 1981)."""
    assert theory.reserve_revenue(UNIFORM, n, r) == pytest.approx(theory.auction_revenue(n, r))
    assert theory.uniform_price_revenue(n, 1, r) == pytest.approx(theory.auction_revenue(n, r))
    assert theory.uniform_price_revenue(n, n, r) == pytest.approx(theory.posted_price_revenue(r, n))
    assert theory.uniform_price_revenue(n, n + 3, r) == pytest.approx(theory.posted_price_revenue(r, n))
    assert theory.reserve_loss(UNIFORM, n, r) == pytest.approx(n / (n + 1) * r ** (n + 1))


@pytest.mark.parametrize("cost", [0.0, 0.4])
@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_the_reserve_with_no_virtual_surplus_earns_most_for_every_number_of_bidders(prior, cost):
    best = float(prior.monopoly_price(cost))
    for n in (1, 3):
        earned = theory.reserve_revenue(prior, n, best, cost)
        assert earned == pytest.approx(theory.optimal_revenue([prior] * n, cost))
        for other in (0.8 * best, 1.2 * best):
            assert theory.reserve_revenue(prior, n, other, cost) <= earned + 1e-12


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_one_bidder_more_is_worth_more_than_the_best_reserve(prior):
    """Bulow and Klemperer 1996: uniform 1/3 >= 1/4 and 1/2 >= 5/12."""
    for n in (1, 3):
        more = theory.reserve_revenue(prior, n + 1, 0.0)
        assert more >= theory.optimal_revenue([prior] * n) * (1 - 1e-9)
    assert theory.auction_revenue(2) == pytest.approx(1 / 3)
    assert theory.auction_revenue(3) == pytest.approx(1 / 2)


def test_order_statistics():
    """Uniform (n + 1 - k)/(n + 1); exponential 1/k + ... + 1/n (David and Nagaraja 2003)."""
    for n, k in ((1, 1), (4, 1), (4, 3), (7, 7)):
        assert theory.expected_value(UNIFORM, n, k) == pytest.approx((n + 1 - k) / (n + 1))
        assert theory.expected_value(EXPONENTIAL, n, k) == pytest.approx((1 / np.arange(k, n + 1)).sum())
    assert theory.expected_value(LOGNORMAL, 1) == pytest.approx(math.exp(1 / 2))


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_a_second_price_auction_earns_the_second_highest_value(prior):
    """Without a reserve; bidders keep the difference to the highest (Vickrey 1961)."""
    for n in (2, 5):
        low = prior.support[0]
        assert theory.reserve_revenue(prior, n, low) == pytest.approx(theory.expected_value(prior, n, 2))
    assert theory.expected_value(UNIFORM, 5) - theory.expected_value(UNIFORM, 5, 2) == pytest.approx(
        theory.auction_bidders_surplus(5)
    )


def test_one_half_is_the_best_reserve_for_any_number_of_copies():
    """Maskin and Riley 1989: the reserve does not depend on scarcity."""
    reserves = np.linspace(0, 1, 101)
    for k in (1, 2, 3, 5):
        assert reserves[np.argmax([theory.uniform_price_revenue(5, k, r) for r in reserves])] == 0.5
    # Without a reserve k winners pay the (k + 1)-th highest value.
    for k in (1, 2, 4):
        assert theory.uniform_price_revenue(5, k) == pytest.approx(
            k * theory.expected_value(UNIFORM, 5, k + 1)
        )
