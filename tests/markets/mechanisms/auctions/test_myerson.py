import numpy as np
import pytest

from markets import theory
from markets.mechanisms.auctions.myerson import Myerson
from markets.mechanisms.auctions.reserve_auction import ReserveAuction
from markets.orders.orders import Orders
from markets.priors import PRIOR
from tests.markets.mechanisms.samples import close, copies
from tests.markets.strategies import random_orders

RNG = np.random.default_rng(0)
WIDE = {"name": "uniform", "high": 2.0}


def rule():
    return Myerson(prior="uniform", priors={2: WIDE})


@pytest.mark.parametrize(
    ("bids", "ask", "winners", "paid"),
    [
        ([0.7, 1.1], 0, [0], [0.6]),
        ([0.7, 1.3], 0, [1], [1.2]),
        ([0.7, 0.9], 0, [0], [0.5]),
        ([0.4, 1.3], 0, [1], [1.0]),
        ([0.4, 0.9], 0, [], []),
        ([0.8, 1.5], 0.5, [1], [1.3]),
        ([0.8, 1.2], 0.5, [0], [0.75]),
    ],
)
def test_by_hand_with_unequal_buyers(bids, ask, winners, paid):
    """Virtual values 2v - 1 and 2v - 2; the winner pays the smallest bid that still wins (Myerson 1981)."""
    trades = rule().clear(copies(bids, ask, capacity=1), RNG)
    assert trades.row.tolist() == winners
    assert trades.paid == pytest.approx(paid)


def test_payments_are_critical_values():
    """A winner bidding just above its price still wins; just below it does not."""
    for seed in range(30):
        orders = random_orders(np.random.default_rng(seed), 4, 1, capacity=1)
        mechanism = Myerson(
            prior={"name": "lognormal", "median": 0.3}, priors={1: "exponential", 2: "uniform"}
        )
        for row, paid in zip(*(lambda t: (t.row, t.paid))(mechanism.clear(orders, RNG)), strict=True):
            for shift, wins in ((1e-9, True), (-1e-9, False)):
                told = orders.bid.copy()
                told[row] = paid + shift
                again = mechanism.clear(orders.reporting(bid=told), RNG).row
                assert (row in again) == wins


@pytest.mark.parametrize("prior", ["uniform", "exponential", "lognormal"])
def test_equal_buyers_and_asks_make_it_a_second_price_auction_with_the_optimal_reserve(prior):
    values = np.random.default_rng(3).random((300, 3)) * 2
    for cost, capacity in ((0.0, 1), (0.3, 1), (0.3, 2), (0.3, 3)):
        orders = copies(values, cost, capacity)
        ours, theirs = (m.clear(orders, RNG) for m in (Myerson(prior=prior), ReserveAuction(reserve=prior)))
        assert ours.row.tolist() == theirs.row.tolist()
        assert ours.paid == pytest.approx(theirs.paid)


def test_revenue_with_unequal_buyers():
    """31/48 from values uniform on [0, 1] and [0, 2], more than from any one reserve (Myerson 1981)."""
    assert theory.optimal_revenue([PRIOR.build("uniform"), PRIOR.build(WIDE)]) == pytest.approx(31 / 48)
    lots = 8000
    values = np.random.default_rng(4).random((lots, 2)) * [1, 2]
    orders = Orders.of(
        buyer=np.tile([1, 2], lots),
        seller=np.full(2 * lots, 9),
        listing=np.repeat(np.arange(lots), 2),
        position=np.repeat(np.arange(lots), 2),
        bid=values.ravel(),
        ask=np.zeros(2 * lots),
        capacity=np.ones(2 * lots, int),
    )
    trades = rule().clear(orders, RNG)
    earned = np.bincount(trades.listing, trades.received, lots)
    assert close(earned, 31 / 48)
    for reserve in np.linspace(0.4, 1.2, 9):
        trades = ReserveAuction(reserve=float(reserve)).clear(orders, RNG)
        assert np.bincount(trades.listing, trades.received, lots).mean() < earned.mean()


def test_bids_outside_the_support():
    """Below it nobody wins; above it the virtual value is the bid and sellers still get their ask."""
    narrow = Myerson(prior={"name": "uniform", "low": 2.0, "high": 3.0})
    assert len(narrow.clear(copies([1.9], capacity=1), RNG)) == 0
    assert narrow.clear(copies([2.5], capacity=1), RNG).paid.tolist() == [2.0]
    assert narrow.clear(copies([7.0], 5.0, capacity=1), RNG).paid.tolist() == [5.0]
