import numpy as np
import pytest

from markets import theory
from markets.goods.blocks import UNLIMITED
from markets.mechanisms.auctions.all_pay import AllPay
from markets.orders.orders import Orders
from tests.markets.mechanisms.samples import close, copies, replies

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("bids", "reserve", "capacity", "winners", "levied"),
    [
        ([5, 3, 4], 1, 1, [5], [3, 4]),
        ([5, 3, 4], 4, 1, [5], [4]),
        ([5, 3, 4], 1, 2, [5, 4], [3]),
        ([5, 3, 4], 1, UNLIMITED, [5, 3, 4], []),
        ([5, 5], 1, 1, [5], [5]),
        ([5], 1, 1, [5], []),
        ([5, 3], 6, 1, [], []),
        ([0, 0], 0, 1, [0], []),
    ],
)
def test_all_pay_by_hand(bids, reserve, capacity, winners, levied):
    trades = AllPay().clear(copies(bids, reserve, capacity), RNG)
    assert (trades.paid.tolist(), trades.levies.paid.tolist()) == (winners, levied)
    assert trades.received.tolist() == winners
    assert trades.levies.received.tolist() == levied


def test_a_buyer_bids_for_no_more_than_it_wants():
    """Buyer 1 wants one of two units: it takes part in the auction of its larger surplus alone."""
    columns = {"seller": [0, 5, 0], "listing": [7, 8, 7], "ask": [0.0] * 3, "capacity": [1] * 3}
    orders = Orders.of(buyer=[1, 1, 2], bid=[4.0, 3.0, 5.0], **columns)
    trades = AllPay().clear(orders, RNG)
    assert (trades.row.tolist(), trades.levies.row.tolist()) == ([2], [0])
    both = AllPay().clear(Orders.of(buyer=[1, 1, 2], bid=[4.0, 3.0, 5.0], demand=2, **columns), RNG)
    assert (both.row.tolist(), both.levies.row.tolist()) == ([1, 2], [0])


def test_equilibrium_bid_is_the_best_response():
    """n = 3, v = 0.8: (n - 1)/n v^n = 0.341333 (Krishna and Morgan 1997)."""
    expected = theory.all_pay_bid(0.8, 3)
    assert expected == pytest.approx(0.341333, abs=1e-6)
    bids = np.linspace(0, 2 * float(expected), 21)
    best_of_two = np.sqrt((np.arange(4000) + 0.5) / 4000)
    gains = replies(AllPay(), 0.8, bids, theory.all_pay_bid(best_of_two, 3)).mean(axis=1)
    assert np.argmax(gains) == 10
    assert gains[10] == pytest.approx(0.8**3 / 3, abs=2e-4)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_revenue_is_that_of_the_other_auctions(n):
    """(n - 1)/(n + 1), from winners and losers together (Krishna and Morgan 1997)."""
    values = np.random.default_rng(n).random((20_000, n))
    trades = AllPay().clear(copies(theory.all_pay_bid(values, n), capacity=1), RNG)
    paid = np.zeros(values.size)
    paid[trades.row], paid[trades.levies.row] = trades.paid, trades.levies.paid
    assert close(paid.reshape(-1, n).sum(axis=1), theory.auction_revenue(n))
    surplus = values.ravel()[trades.row].sum() - paid.sum()
    assert surplus / len(values) == pytest.approx(theory.auction_bidders_surplus(n), abs=0.02)
    assert (values.argmax(axis=1) == trades.row % n).all()
