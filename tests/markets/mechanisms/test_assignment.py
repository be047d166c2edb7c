import numpy as np

from markets.mechanisms.assignment import Assignment
from markets.mechanisms.second_price import SecondPrice
from markets.orders import Orders
from markets.theory import SHAPLEY_SHUBIK
from tests.markets.strategies import random_orders

RNG = np.random.default_rng(0)


def test_houses_of_shapley_and_shubik_1971():
    """Optimum 16, least competitive prices (21, 20, 19)."""
    house, buyer = (index.ravel() for index in np.indices((3, 3)))
    orders = Orders.of(
        buyer=buyer,
        seller=house + 3,
        listing=house,
        bid=np.array(SHAPLEY_SHUBIK.values, float).ravel(),
        ask=np.array(SHAPLEY_SHUBIK.reserves, float)[house],
        capacity=np.ones(9, int),
    )
    trades = Assignment().clear(orders, RNG)
    assert tuple(trades.buyer[np.argsort(trades.listing)]) == SHAPLEY_SHUBIK.buyer_of_house
    assert tuple(trades.paid[np.argsort(trades.listing)]) == SHAPLEY_SHUBIK.least_prices
    assert orders.surplus[trades.row].sum() == SHAPLEY_SHUBIK.gains


def test_one_listing_is_a_second_price_auction():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        orders = random_orders(rng, 5, 1, whole=9)
        ours, theirs = (m.clear(orders, np.random.default_rng(seed)) for m in (Assignment(), SecondPrice()))
        np.testing.assert_array_equal(ours.paid, theirs.paid)
        assert orders.surplus[ours.row].sum() == orders.surplus[theirs.row].sum()


def test_nobody_would_rather_have_another_listing_at_its_price():
    for seed in range(20):
        orders = random_orders(np.random.default_rng(seed), 6, 4, density=0.7)
        trades = Assignment().clear(orders, RNG)
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
