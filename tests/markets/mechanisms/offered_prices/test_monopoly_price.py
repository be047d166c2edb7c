import numpy as np
import pytest

from markets import theory
from markets.mechanisms.offered_prices.monopoly_price import MonopolyPrice
from markets.orders.orders import Orders
from markets.priors.past_bids import PastBids
from tests.markets.mechanisms.samples import close, copies

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("prior", "bids", "ask", "winners", "paid"),
    [
        ("uniform", [0.9, 0.5, 0.4], 0, [0, 1], 0.5),
        ("uniform", [0.9, 0.5], 0.5, [0], 0.75),
        ("uniform", [0.9], 1.0, [], None),
        ("exponential", [3.0, 1.0, 0.9], 0, [0, 1], 1.0),
        ({"name": "empirical", "sample": (6.0, 2.0, 2.0, 2.0)}, [2.0, 7.0], 0, [0, 1], 2.0),
        ({"name": "empirical", "sample": (6.0, 2.0, 2.0, 2.0)}, [2.0, 7.0], 1, [1], 6.0),
        ({"name": "empirical", "sample": (0.0,)}, [0.0, 3.0], 0, [0, 1], 0.0),
    ],
)
def test_by_hand(prior, bids, ask, winners, paid):
    """The price with the largest (p - c)(1 - F(p)); a price of 0 is a sale."""
    trades = MonopolyPrice(prior=prior).clear(copies(bids, ask), RNG)
    assert trades.row.tolist() == winners
    assert (trades.paid == paid).all()


def test_revenue_and_welfare_of_uniform_buyers():
    """n/4 at 1/2, and 3/8 of welfare a buyer where 1/2 could be had."""
    orders = copies(np.random.default_rng(1).random((6000, 3)))
    trades = MonopolyPrice(prior="uniform").clear(orders, RNG)
    earned = np.bincount(trades.listing, trades.received, 6000)
    assert close(earned, theory.posted_price_revenue(0.5, 3))
    assert close(
        np.bincount(trades.listing, orders.bid[trades.row], 6000), 3 * theory.posted_price_welfare(0.5)
    )
    assert theory.posted_price_revenue(0.5, 3) == pytest.approx(
        3 * theory.optimal_revenue([MonopolyPrice(prior="uniform").prior])
    )


def test_a_buyer_takes_the_offer_that_leaves_it_most():
    """Prices 0.5 and 0.75 on values 0.8 and 0.95: 0.3 is better than 0.2."""
    orders = Orders.of(buyer=[1, 1], seller=[0, 2], listing=[0, 1], bid=[0.8, 0.95], ask=[0.0, 0.5])
    trades = MonopolyPrice(prior="uniform").clear(orders, RNG)
    assert (trades.listing.tolist(), trades.paid.tolist()) == ([0], [0.5])


def test_it_learns_the_price_from_past_bids():
    rule = MonopolyPrice(prior=PastBids(own=True, least=4))
    first = copies([6.0, 2.0, 2.0, 2.0], 0.5)
    trades = rule.clear(first, RNG)
    assert trades.paid.tolist() == [0.5] * 4
    rule = rule.after(first, trades)
    assert rule.clear(first, RNG).paid.tolist() == [2.0] * 4
    assert rule.clear(copies([6.0, 2.0], 1.0), RNG).paid.tolist() == [6.0]


def test_scarce_copies_are_refused():
    with pytest.raises(ValueError, match=r"orders\.capacity must be no less than its listing has buyers"):
        MonopolyPrice().clear(copies([3, 2], capacity=1), RNG)
