import numpy as np
import pytest

from markets.matching.splits import nash_split
from markets.mechanisms.bargaining.nash_bargaining import NashBargaining
from markets.orders.orders import Orders

RNG = np.random.default_rng(0)


def test_split_by_hand():
    """S = 1, d = (0.3, 0.1), equal power: (0.6, 0.4) (Nash 1950)."""
    np.testing.assert_allclose(nash_split(1.0, 0.3, 0.1, 0.5), (0.6, 0.4), rtol=1e-15)
    assert nash_split(1.0, 0.3, 0.1, 0.0)[0] == 0.3
    assert nash_split(1.0, 0.8, 0.4, 0.5) == (0.8, 0.4)


def test_split_maximises_the_nash_product():
    share = np.linspace(0.3, 0.899, 100_001)
    product = (share - 0.3) ** 0.7 * (1 - share - 0.1) ** 0.3
    assert nash_split(1.0, 0.3, 0.1, 0.7)[0] == pytest.approx(share[np.argmax(product)], abs=1e-5)


def pair(bid, ask, capacity, listing, buyer):
    return Orders.of(
        buyer=buyer,
        seller=np.asarray(listing) + 10,
        listing=listing,
        bid=np.asarray(bid, float),
        ask=np.asarray(ask, float),
        capacity=np.full(len(bid), capacity),
    )


@pytest.mark.parametrize(("power", "price"), [(0.0, 5.0), (0.5, 3.0), (1.0, 1.0)])
def test_one_pair_splits_by_power(power, price):
    trades = NashBargaining(buyer_power=power).clear(pair([5], [1], 1, [0], [0]), RNG)
    assert trades.paid.tolist() == [price]


def test_the_buyers_next_best_lowers_the_price():
    """S = 4, d_b = 1/2 * 3: price (1 - a)(v - d_b) + a c = 2.25."""
    orders = pair([5, 4], [1, 1], 1, [0, 1], [0, 0])
    assert NashBargaining().clear(orders, RNG).paid.tolist() == [2.25]
    assert NashBargaining(disagreement="none").clear(orders, RNG).paid.tolist() == [3.0]


def test_the_sellers_refused_buyer_raises_the_price_only_while_copies_are_scarce():
    """S = 4, d_s = 1/2 * 2: price (5 + 1 + 1)/2 = 3.5; unlimited copies lose nothing: 3."""
    assert NashBargaining().clear(pair([5, 3], [1, 1], 1, [0, 0], [0, 1]), RNG).paid.tolist() == [3.5]
    assert NashBargaining().clear(pair([5, 3], [1, 1], 9, [0, 0], [0, 1]), RNG).paid.tolist() == [3.0, 2.0]


def test_a_listing_that_is_gone_is_no_threat():
    """Buyer 1 holds listing 1 with more than buyer 0 would bring: buyer 0 has no next best."""
    orders = pair([5, 4, 9], [1, 1, 1], 1, [0, 1, 1], [0, 0, 1])
    trades = NashBargaining().clear(orders, RNG)
    assert trades.buyer.tolist() == [0, 1]
    assert trades.paid[0] == 3.0


@pytest.mark.parametrize("power", [0.0, 0.2, 0.5, 1.0])
def test_the_surplus_always_covers_both_disagreement_points(power):
    """Paid lies in [ask + d_s, bid - d_b], recomputed here pair by pair."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        bid, ask = rng.random(12), rng.random(12) / 2
        orders = pair(bid, ask, 1, np.tile(np.arange(3), 4), np.repeat(np.arange(4), 3))
        trades = NashBargaining(buyer_power=power).clear(orders, rng)
        held = dict(zip(trades.listing.tolist(), orders.surplus[trades.row].tolist(), strict=True))
        for row, paid in zip(trades.row, trades.paid, strict=True):
            others = np.flatnonzero((orders.buyer == orders.buyer[row]) & (np.arange(12) != row))
            options = [
                orders.surplus[o] for o in others if orders.surplus[o] > held.get(orders.listing[o], -1)
            ]
            threat = power * max([0.0, *options])
            assert orders.bid[row] - paid >= threat - 1e-12
            assert paid >= orders.ask[row]
