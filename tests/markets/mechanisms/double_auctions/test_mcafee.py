import numpy as np
import pytest
from pydantic import ValidationError

from markets.mechanisms.double_auctions.mcafee import McAfee
from markets.orders.orders import first_best
from tests.markets.strategies import book, books, by_market, crowds

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("bids", "asks", "trades", "paid", "received", "gains"),
    [
        ([9], [4], 0, None, None, 0),
        ([9, 8], [4], 0, None, None, 0),
        ([9], [3, 4], 0, None, None, 0),
        ([9, 8], [3, 4], 1, 8, 4, 6),
        ([9, 4], [3, 8], 1, 6, 6, 6),
        ([17, 14, 13, 9, 6], [1, 4, 5, 8, 11], 4, 8.5, 8.5, 35),
        ([17, 14, 13, 9, 6], [1, 4, 5, 8, 13], 3, 9, 8, 34),
        ([10, 10, 10], [2, 2, 2], 2, 10, 2, 16),
        ([4], [5], 0, None, None, 0),
    ],
)
def test_worked_examples(bids, asks, trades, paid, received, gains):
    """Books of github.com/erelsgl/auctions (mcafee_protocol.py, mcafee_demo.py)."""
    orders = book(bids, asks)
    cleared = McAfee().clear(orders, RNG)
    assert len(cleared) == trades
    assert (cleared.paid == paid).all()
    assert (cleared.received == received).all()
    assert orders.surplus[cleared.row].sum() == gains


@pytest.mark.parametrize(
    ("bids", "asks", "price"),
    [([9], [4], [5.0]), ([4.5], [4], []), ([9], [6], []), ([9, 8], [4], [9.0]), ([9], [3, 4], [])],
)
def test_bounds_stand_in_for_missing_neighbours(bids, asks, price):
    """One pair meets the posted price (0 + 10)/2; (8 + 10)/2 fits; (0 + 4)/2 is below the ask 3."""
    trades = McAfee(lowest=0.0, highest=10.0).clear(book(bids, asks), RNG)
    assert trades.paid.tolist() == price
    assert trades.broker == 0


def test_one_bound_helps_only_where_the_other_neighbour_exists():
    assert McAfee(highest=10.0).clear(book([9, 8], [4]), RNG).paid.tolist() == [9.0]
    assert len(McAfee(highest=10.0).clear(book([9], [4]), RNG)) == 0
    assert McAfee(lowest=2.0).clear(book([9], [3, 6]), RNG).paid.tolist() == [4.0]


def test_copies_left_over_at_the_margin_reduce_the_market():
    trades = McAfee().clear(book([9, 8, 7, 2], [3], capacity=2**40), RNG)
    assert (trades.paid.tolist(), trades.received.tolist()) == ([7.0, 7.0], [3.0, 3.0])
    assert trades.broker == 8


def test_at_most_the_last_pair_is_lost():
    """Efficiency is at least 1 - 1/K (McAfee 1992), and K or K - 1 trade."""
    rng = np.random.default_rng(1)
    orders = books(crowds(rng, 200, 7), crowds(rng, 200, 7))
    rows, gains = first_best(orders)
    k, best = by_market(orders, rows), by_market(orders, rows, gains)
    row = McAfee().clear(orders, rng).row
    traded = by_market(orders, row)
    assert ((traded == k) | (traded == np.maximum(k - 1, 0))).all()
    assert (by_market(orders, row, orders.surplus[row]) >= (1 - 1 / np.maximum(k, 1)) * best - 1e-12).all()


def test_bounds_must_be_amounts():
    with pytest.raises(ValidationError):
        McAfee(lowest=-1.0)
