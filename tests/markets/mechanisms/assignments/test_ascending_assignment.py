import numpy as np
import pytest

from markets.matching.ascending import ascend
from markets.mechanisms.assignments.ascending_assignment import AscendingAssignment, whole_steps
from markets.mechanisms.assignments.assignment import Assignment
from markets.mechanisms.auctions.second_price import SecondPrice
from markets.orders.orders import Orders
from markets.theory import SHAPLEY_SHUBIK, competitive_prices, vickrey_utilities
from tests.markets.mechanisms.assignments.test_assignment import houses
from tests.markets.strategies import random_orders

RNG = np.random.default_rng(0)


def table(rng, most=30):
    """A random market of whole numbers: the surpluses of 1 to 6 buyers from 1 to 6 units."""
    return rng.integers(0, most, rng.integers(1, 7, 2)).astype(float)


def test_prices_are_those_of_vickrey_in_300_random_markets():
    """Demange, Gale and Sotomayor 1986 with Leonard 1983: not one mismatch in whole numbers."""
    for seed in range(300):
        worth = table(np.random.default_rng(seed), most=4 + seed % 30)
        buyer, unit = (index.ravel() for index in np.indices(worth.shape))
        orders = Orders.of(
            buyer=buyer,
            seller=unit + len(worth),
            listing=unit,
            bid=worth.ravel() + 3,
            ask=np.full(worth.size, 3.0),
            capacity=np.ones(worth.size, int),
        )
        trades = AscendingAssignment().clear(orders, np.random.default_rng(seed))
        utility = np.zeros(len(worth))
        utility[trades.buyer] = orders.bid[trades.row] - trades.paid
        np.testing.assert_array_equal(utility, vickrey_utilities(worth))


def test_prices_are_the_least_competitive_ones():
    """Demange, Gale and Sotomayor 1986, theorem 1, against the linear program of the core."""
    for seed in range(60):
        worth = table(np.random.default_rng(seed))
        buyer, unit, price = ascend(worth)
        least, _ = competitive_prices(worth)
        np.testing.assert_allclose(price, least, atol=1e-9)
        utility = np.zeros(len(worth))
        utility[buyer] = (worth - price)[buyer, unit]
        assert (utility[:, None] >= worth - price).all()


def test_houses_of_shapley_and_shubik_1971():
    """Least competitive prices (21, 20, 19)."""
    trades = AscendingAssignment().clear(houses(), RNG)
    assert tuple(trades.buyer[np.argsort(trades.listing)]) == SHAPLEY_SHUBIK.buyer_of_house
    assert tuple(trades.paid[np.argsort(trades.listing)]) == SHAPLEY_SHUBIK.least_prices


def test_one_listing_is_a_second_price_auction():
    for seed in range(20):
        orders = random_orders(np.random.default_rng(seed), 5, 1, whole=9)
        ours, theirs = (m.clear(orders, RNG) for m in (AscendingAssignment(), SecondPrice()))
        # of buyers with the same surplus either may win, and asks differ
        markups = [np.sort(trades.paid - orders.ask[trades.row]) for trades in (ours, theirs)]
        np.testing.assert_array_equal(*markups)


@pytest.mark.parametrize("capacity", [None, 1, 2])
def test_real_numbers_and_copies_are_priced_like_by_assignment(capacity):
    for seed in range(40):
        rng = np.random.default_rng(seed)
        orders = random_orders(rng, 9, 6, density=0.8, capacity=capacity, positions=2)
        ours, theirs = (
            m.clear(orders, np.random.default_rng(seed)) for m in (AscendingAssignment(), Assignment())
        )
        np.testing.assert_array_equal(ours.row, theirs.row)
        np.testing.assert_allclose(ours.paid, theirs.paid, rtol=1e-9)


def test_a_buyer_with_a_free_alternative_pays_no_more_than_it_saves():
    """A copy without limit is a second choice that caps what a buyer pays for a scarce block."""
    orders = Orders.of(
        buyer=[0, 1, 0, 1],
        seller=[8, 8, 9, 9],
        listing=[0, 0, 1, 1],
        bid=[10.0, 9.0, 4.0, 7.0],
        ask=[0.0] * 4,
        capacity=[1, 1, 5, 5],
    )
    trades = AscendingAssignment().clear(orders, RNG)
    assert trades.row.tolist() == [0, 3]
    assert trades.paid.tolist() == [2.0, 0.0]


def test_with_an_increment_little_is_lost():
    """Less than increment x min(m, n) of the gains and increment x min(m, n + 1) of any price."""
    step = 0.07
    for seed in range(60):
        rng = np.random.default_rng(seed)
        buyers, listings = rng.integers(2, 7, 2)
        orders = random_orders(rng, int(buyers), int(listings), capacity=1)
        coarse, fine = (
            m.clear(orders, np.random.default_rng(seed))
            for m in (AscendingAssignment(increment=step), AscendingAssignment())
        )
        lost = orders.surplus[fine.row].sum() - orders.surplus[coarse.row].sum()
        assert -1e-12 <= lost < step * min(buyers, listings)
        markup = np.zeros((2, listings))
        for side, trades in enumerate((coarse, fine)):
            markup[side, trades.listing] = trades.paid - orders.ask[trades.row]
        assert np.abs(markup[0] - markup[1]).max() < step * min(buyers, listings + 1)
        steps = markup[0] / step
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)


def test_whole_steps_do_not_lose_one_to_rounding():
    assert whole_steps(np.array([0.3, 0.1 + 0.2, 0.29, 0.0]), 0.1) == pytest.approx([0.3, 0.3, 0.2, 0.0])


def test_markets_that_would_ring_for_ever():
    """Ties everywhere, hair's breadths and huge scales: the auction ends, at prices that support it."""
    rng = np.random.default_rng(1)
    tied, narrow = np.ones((7, 4)), 1 + 1e-9 * rng.random((9, 6))
    wide = rng.random((8, 8)) * 10.0 ** rng.integers(-9, 9, (8, 8))
    for worth in (tied, narrow, wide, np.zeros((3, 3)), np.zeros((0, 3)), np.zeros((3, 0))):
        buyer, unit, price = ascend(worth)
        assert len(buyer) == min(worth.shape)
        utility = np.zeros(len(worth))
        utility[buyer] = (worth - price)[buyer, unit]
        slack = 1e-10 * worth.max(initial=0)
        assert (utility[:, None] >= worth - price - slack).all()
        assert (price[np.setdiff1d(np.arange(worth.shape[1]), unit)] == 0).all()
