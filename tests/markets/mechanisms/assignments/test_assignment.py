import numpy as np
import pytest

from markets.mechanisms.assignments.assignment import Assignment
from markets.mechanisms.auctions.second_price import SecondPrice
from markets.orders.orders import Orders
from markets.theory import SHAPLEY_SHUBIK, competitive_prices, vickrey_utilities
from tests.markets.strategies import random_orders

RNG = np.random.default_rng(0)


def houses():
    """The market of Shapley and Shubik 1971."""
    house, buyer = (index.ravel() for index in np.indices((3, 3)))
    return Orders.of(
        buyer=buyer,
        seller=house + 3,
        listing=house,
        bid=np.array(SHAPLEY_SHUBIK.values, float).ravel(),
        ask=np.array(SHAPLEY_SHUBIK.reserves, float)[house],
        capacity=np.ones(9, int),
    )


@pytest.mark.parametrize(
    ("k", "prices"),
    [(0.0, SHAPLEY_SHUBIK.least_prices), (0.5, (22, 20.5, 19.5)), (1.0, SHAPLEY_SHUBIK.most_prices)],
)
def test_houses_of_shapley_and_shubik_1971(k, prices):
    """Optimum 16, least competitive prices (21, 20, 19), most (23, 21, 20)."""
    orders = houses()
    trades = Assignment(k=k).clear(orders, RNG)
    assert tuple(trades.buyer[np.argsort(trades.listing)]) == SHAPLEY_SHUBIK.buyer_of_house
    assert tuple(trades.paid[np.argsort(trades.listing)]) == prices
    assert orders.surplus[trades.row].sum() == SHAPLEY_SHUBIK.gains


def test_the_sellers_optimum_pays_each_unit_what_it_adds():
    """Leonard 1983 with the sides exchanged: a seller's surplus is W(N) - W(N without its unit)."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        orders = random_orders(rng, int(rng.integers(1, 6)), int(rng.integers(1, 6)), whole=9, capacity=1)
        worth = np.zeros((int(orders.buyer.max()) + 1, int(orders.listing.max()) + 1))
        worth[orders.buyer, orders.listing] = orders.surplus.clip(0)
        trades = Assignment(k=1.0).clear(orders, RNG)
        markup = np.zeros(worth.shape[1])
        markup[trades.listing] = trades.received - orders.ask[trades.row]
        np.testing.assert_array_equal(markup, vickrey_utilities(worth.T))
        np.testing.assert_allclose(markup, competitive_prices(worth)[1], atol=1e-9)


def test_the_sellers_optimum_of_copies():
    """Two copies among three buyers of 9, 7 and 4: at least 4 each, at most 7; sold out to two, 0 and 7."""
    orders = Orders.of(
        buyer=[0, 1, 2], seller=[9] * 3, listing=[0] * 3, bid=[9.0, 7.0, 4.0], ask=[0.0] * 3, capacity=[2] * 3
    )
    for market, least, most in ((orders, 4.0, 7.0), (orders.select(np.arange(2)), 0.0, 7.0)):
        assert Assignment().clear(market, RNG).paid.tolist() == [least] * 2
        assert Assignment(k=1.0).clear(market, RNG).paid.tolist() == [most] * 2
        assert Assignment(k=0.25).clear(market, RNG).paid.tolist() == [0.75 * least + 0.25 * most] * 2


def test_one_listing_is_a_second_price_auction():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        orders = random_orders(rng, 5, 1, whole=9)
        ours, theirs = (m.clear(orders, np.random.default_rng(seed)) for m in (Assignment(), SecondPrice()))
        np.testing.assert_array_equal(ours.paid, theirs.paid)
        assert orders.surplus[ours.row].sum() == orders.surplus[theirs.row].sum()


@pytest.mark.parametrize("k", [0.0, 0.4, 1.0])
def test_nobody_would_rather_have_another_listing_at_its_price(k):
    for seed in range(20):
        orders = random_orders(np.random.default_rng(seed), 6, 4, density=0.7)
        trades = Assignment(k=k).clear(orders, RNG)
        above_ask = np.zeros(4)
        np.maximum.at(above_ask, trades.listing, trades.paid - orders.ask[trades.row])
        utility = np.zeros(int(orders.buyer.max()) + 1)
        utility[trades.buyer] = orders.bid[trades.row] - trades.paid
        assert (utility[orders.buyer] >= orders.surplus - above_ask[orders.listing] - 1e-12).all()


def test_unlimited_copies_are_sold_at_the_ask():
    orders = random_orders(np.random.default_rng(4), 5, 4, capacity=2**40)
    trades = Assignment().clear(orders, RNG)
    assert len(trades) > 0
    np.testing.assert_array_equal(trades.paid, orders.ask[trades.row])
