import numpy as np
import pytest

from markets import theory
from markets.mechanisms.double_auctions.trade_reduction import TradeReduction
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
        ([9, 4], [3, 8], 0, None, None, 0),
        ([17, 14, 13, 9, 6], [1, 4, 5, 8, 11], 3, 9, 8, 34),
        ([17, 14, 13, 9, 6], [1, 4, 5, 8, 13], 3, 9, 8, 34),
        ([10, 10, 10], [2, 2, 2], 2, 10, 2, 16),
        ([4], [5], 0, None, None, 0),
    ],
)
def test_worked_examples(bids, asks, trades, paid, received, gains):
    """Books of github.com/erelsgl/auctions (mcafee_protocol.py, mcafee_demo.py)."""
    orders = book(bids, asks)
    cleared = TradeReduction().clear(orders, RNG)
    assert len(cleared) == trades
    assert (cleared.paid == paid).all()
    assert (cleared.received == received).all()
    assert orders.surplus[cleared.row].sum() == gains


def test_exactly_the_last_pair_is_lost():
    """K - 1 trade, and efficiency is at least 1 - 1/K (McAfee 1992)."""
    rng = np.random.default_rng(1)
    bids, asks = -np.sort(-crowds(rng, 200, 7)), np.sort(crowds(rng, 200, 7))
    orders = books(bids, asks)
    rows, gains = first_best(orders)
    k, best = by_market(orders, rows), by_market(orders, rows, gains)
    last = np.where(k > 0, (bids - asks)[np.arange(200), k - 1], 0)
    row = TradeReduction().clear(orders, rng).row
    realised = by_market(orders, row, orders.surplus[row])
    assert (by_market(orders, row) == np.maximum(k - 1, 0)).all()
    assert realised == pytest.approx(best - last)
    assert (realised >= (1 - 1 / np.maximum(k, 1)) * best - 1e-12).all()


def test_means_of_uniform_markets():
    """What is lost and what the broker keeps, against the closed forms."""
    rng = np.random.default_rng(2)
    orders = books(rng.random((800, 3)), rng.random((800, 4)))
    trades, best = TradeReduction().clear(orders, rng), by_market(orders, *first_best(orders))
    lost = best - by_market(orders, trades.row, orders.surplus[trades.row])
    kept = by_market(orders, trades.row, trades.paid - trades.received)
    for samples, expected in (
        (lost, theory.trade_reduction_loss(3, 4)),
        (kept, theory.trade_reduction_revenue(3, 4)),
    ):
        assert abs(np.mean(samples) - expected) < 5 * np.std(samples) / np.sqrt(len(samples))


def test_copies_of_one_listing_are_units():
    trades = TradeReduction().clear(book([9, 8, 7], [3], capacity=2**40), RNG)
    assert (trades.paid.tolist(), trades.received.tolist()) == ([7.0, 7.0], [3.0, 3.0])


def test_winners_that_cannot_meet_do_not_trade():
    """Buyers 0 and 1 win with unit 0 and 1, but both can take unit 0 alone."""
    trades = TradeReduction().clear(book([9, 8, 7], [1, 2, 3], keep=[[1, 0, 0], [1, 0, 0], [1, 1, 1]]), RNG)
    assert (trades.paid.tolist(), trades.received.tolist()) == ([7.0], [3.0])
