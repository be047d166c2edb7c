import numpy as np
import pytest

from markets import theory
from markets.mechanisms.double_auctions.two_sided_vcg import TwoSidedVCG
from markets.orders.orders import first_best
from tests.markets.strategies import book, books, by_market

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("bids", "asks", "trades", "paid", "received"),
    [
        ([9], [4], 1, 4, 9),
        ([9, 8], [4], 1, 8, 9),
        ([9], [3, 4], 1, 3, 4),
        ([9, 8], [3, 4], 2, 4, 8),
        ([9, 4], [3, 8], 1, 4, 8),
        ([17, 14, 13, 9, 6], [1, 4, 5, 8, 11], 4, 8, 9),
        ([10, 10, 10], [2, 2, 2], 3, 2, 10),
        ([5], [5], 1, 5, 5),
        ([4], [5], 0, None, None),
    ],
)
def test_worked_examples(bids, asks, trades, paid, received):
    """L and U of the books of github.com/erelsgl/auctions; the broker pays K (U - L)."""
    cleared = TwoSidedVCG().clear(book(bids, asks), RNG)
    assert len(cleared) == trades
    assert (cleared.paid == paid).all()
    assert (cleared.received == received).all()
    assert cleared.broker == (trades * (paid - received) if trades else 0)


def test_everybody_gets_what_it_adds_and_all_gains_are_realised():
    """W(N) - W(N without i) for buyers and sellers alike (Vickrey, Clarke and Groves)."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        bids, asks = rng.random(rng.integers(1, 7)), rng.random(rng.integers(1, 7))
        orders = book(bids, asks)
        trades = TwoSidedVCG().clear(orders, rng)
        assert orders.surplus[trades.row].sum() == pytest.approx(first_best(orders)[1].sum())
        surplus = np.maximum(bids[:, None] - asks[None, :], 0)
        buyers, sellers = np.zeros(len(bids)), np.zeros(len(asks))
        buyers[trades.buyer] = bids[trades.buyer] - trades.paid
        sellers[trades.listing] = trades.received - asks[trades.listing]
        assert buyers == pytest.approx(theory.vickrey_utilities(surplus), abs=1e-12)
        assert sellers == pytest.approx(theory.vickrey_utilities(surplus.T), abs=1e-12)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 4)])
def test_mean_subsidy_of_uniform_markets(m, n):
    rng = np.random.default_rng(m)
    orders = books(rng.random((800, m)), rng.random((800, n)))
    trades = TwoSidedVCG().clear(orders, rng)
    subsidy = by_market(orders, trades.row, trades.received - trades.paid)
    assert abs(np.mean(subsidy) - theory.vickrey_deficit(m, n)) < 5 * np.std(subsidy) / np.sqrt(800)


def test_copies_left_over_need_no_subsidy():
    trades = TwoSidedVCG().clear(book([9, 8, 2], [3], capacity=2**40), RNG)
    assert (trades.paid.tolist(), trades.broker) == ([3.0, 3.0], 0)
