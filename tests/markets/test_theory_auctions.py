import numpy as np
import pytest

from markets import theory
from markets.mechanisms.auctions.first_price import FirstPrice
from markets.mechanisms.auctions.second_price import SecondPrice
from tests.markets.mechanisms.samples import close, copies, replies

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("n", "exponent", "value", "expected"), [(4, 1.0, 0.7, 0.525), (3, 0.5, 0.8, 0.64), (2, 0.25, 0.5, 0.4)]
)
def test_first_price_bids_are_best_responses(n, exponent, value, expected):
    """(n - 1)/(n - 1 + rho) v: n = 4, v = .7: .525 (Vickrey 1961); n = 3, rho = 1/2, v = .8: .64.

    The second from Cox, Smith and Walker (1988); best of a grid of bids, played against the highest rival.
    """
    slope = (n - 1) / (n - 1 + exponent)
    bids = np.linspace(0, 2 * expected, 41)
    highest = ((np.arange(2000) + 0.5) / 2000) ** (1 / (n - 1))
    gains = replies(FirstPrice(), value, bids, theory.risk_averse_bid(highest, n, exponent))
    utility = (gains.clip(min=0) ** exponent).mean(axis=1)
    assert np.argmax(utility) == 20
    assert theory.risk_averse_bid(value, n, exponent) == pytest.approx(expected)
    assert theory.first_price_reply(value, n, slope, exponent) == pytest.approx(expected)


@pytest.mark.parametrize(("slope", "reply"), [(0.3, 0.3), (0.5, 0.4), (1.0, 0.4)])
def test_a_reply_does_not_depend_on_the_slope_but_for_its_top(slope, reply):
    """One rival who bids slope v against v = 0.8."""
    assert theory.first_price_reply(0.8, 2, slope) == pytest.approx(reply)
    bids, rival = np.arange(81) / 100, slope * (np.arange(2000) + 0.5) / 2000
    gains = replies(FirstPrice(), 0.8, bids, rival).mean(axis=1)
    assert bids[np.argmax(gains)] == pytest.approx(reply)


def test_neutral_to_risk_is_the_ordinary_bid():
    values = np.linspace(0, 1, 11)
    np.testing.assert_allclose(theory.risk_averse_bid(values, 5, 1.0), theory.first_price_bid(values, 5))


@pytest.mark.parametrize("n", [2, 3, 10])
def test_first_prices_have_the_same_mean_at_less_risk(n):
    """Var = 2 (n - 1)/((n + 1)^2 (n + 2)) of a second price and (n - 1)/(2 n) of that of a first price."""
    values = np.random.default_rng(n).random((20_000, n))
    expected = theory.auction_revenue(n)
    second = SecondPrice().clear(copies(values, capacity=1), RNG).paid
    first = FirstPrice().clear(copies(theory.first_price_bid(values, n), capacity=1), RNG).paid
    for paid, variance in (
        (second, theory.second_price_revenue_variance(n)),
        (first, theory.first_price_revenue_variance(n)),
    ):
        assert close(paid, expected)
        assert close((paid - expected) ** 2, variance)
    assert theory.second_price_revenue_variance(n) == pytest.approx(2 * (n - 1) / ((n + 1) ** 2 * (n + 2)))
    assert theory.first_price_revenue_variance(n) / theory.second_price_revenue_variance(n) == pytest.approx(
        (n - 1) / (2 * n)
    )
