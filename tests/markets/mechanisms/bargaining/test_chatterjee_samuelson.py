import numpy as np
import pytest

from markets import theory
from markets.mechanisms.bargaining.chatterjee_samuelson import ChatterjeeSamuelson
from markets.mechanisms.double_auctions.k_double_auction import KDoubleAuction
from markets.orders.orders import Orders
from tests.markets.mechanisms.samples import close, pairs

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("k", "price"), [(0.0, 1.0), (0.25, 2.0), (1.0, 5.0)])
def test_price_by_hand(k, price):
    trades = ChatterjeeSamuelson(k=k).clear(pairs([5, 2, 3], [1, 3, 3]), RNG)
    assert trades.row.tolist() == [0, 2]
    assert trades.paid.tolist() == [price, 3.0]


def test_one_pair_is_the_smallest_call_market():
    rng = np.random.default_rng(1)
    for bid, ask in rng.random((20, 2)):
        market = pairs([bid], [ask])
        by_two, by_call = (m.clear(market, RNG) for m in (ChatterjeeSamuelson(k=0.3), KDoubleAuction(k=0.3)))
        np.testing.assert_allclose(by_two.paid, by_call.paid, rtol=1e-12)


def test_asks_that_differ_decide_who_deals():
    """The larger surplus is matched, not the larger bid."""
    orders = Orders.of(
        buyer=[1, 2], seller=[0, 0], listing=[0, 0], bid=[9.0, 8.0], ask=[5.0, 1.0], capacity=[1, 1]
    )
    trades = ChatterjeeSamuelson().clear(orders, RNG)
    assert (trades.buyer.tolist(), trades.paid.tolist()) == ([2], [4.5])


def test_linear_equilibrium_realises_27_of_32_parts():
    """k = 1/2: trade iff v >= c + 1/4, in 9/32 of the cases, gains 9/64 (Chatterjee and Samuelson 1983)."""
    v, c = np.random.default_rng(2).random((2, 40_000))
    told = pairs(theory.chatterjee_samuelson_bid(v), theory.chatterjee_samuelson_ask(c))
    traded = np.zeros(40_000, dtype=bool)
    traded[ChatterjeeSamuelson().clear(told, RNG).row] = True
    np.testing.assert_array_equal(traded, v - c >= 1 / 4)
    assert close(traded, 9 / 32)
    assert close(traded * (v - c), 9 / 64)
    assert 9 / 64 / theory.call_market_gains(1, 1) == pytest.approx(27 / 32)


def test_for_other_k_the_equilibrium_realises_no_more():
    """No rule without a subsidy beats 9/64 (Myerson and Satterthwaite 1983)."""
    v, c = ((np.indices((500, 500)) + 0.5) / 500).reshape(2, -1)

    def gains(k):
        market = pairs(theory.chatterjee_samuelson_bid(v, k), theory.chatterjee_samuelson_ask(c, k))
        rows = ChatterjeeSamuelson(k=k).clear(market, RNG).row
        return (v - c)[rows].sum() / len(v)

    assert gains(0.5) == pytest.approx(9 / 64, abs=1e-3)
    assert gains(0.0) == pytest.approx(1 / 8, abs=1e-3)
    assert gains(1.0) == pytest.approx(1 / 8, abs=1e-3)
    assert gains(0.2) < gains(0.5)
