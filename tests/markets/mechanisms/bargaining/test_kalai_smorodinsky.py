import numpy as np
import pytest
from pydantic import ValidationError

from markets.mechanisms.bargaining.kalai_smorodinsky import KalaiSmorodinsky
from markets.mechanisms.bargaining.nash_bargaining import NashBargaining
from markets.orders.orders import Orders
from tests.markets.mechanisms.samples import pairs
from tests.markets.strategies import random_orders

RNG = np.random.default_rng(0)
GOLDEN = (5**0.5 - 1) / 2


def test_a_buyer_with_square_root_utility():
    """On the frontier u_2 = 1 - u_1^2 both get (sqrt 5 - 1)/2 (Kalai and Smorodinsky 1975)."""
    trades = KalaiSmorodinsky(buyer_exponent=0.5).clear(pairs([1], [0]), RNG)
    assert (1 - trades.paid[0]) ** 0.5 == pytest.approx(GOLDEN, rel=1e-14)
    assert trades.received[0] == pytest.approx(GOLDEN, rel=1e-14)


def test_nashs_solution_for_that_buyer_is_another():
    """On the same frontier u_1 = 1/sqrt 3 and u_2 = 2/3 (Nash 1950): power 1/3."""
    trades = NashBargaining(buyer_power=1 / 3).clear(pairs([1], [0]), RNG)
    assert (1 - trades.paid[0]) ** 0.5 == pytest.approx(3**-0.5)
    assert trades.received[0] == pytest.approx(2 / 3)


@pytest.mark.parametrize("disagreement", ["next_best", "none"])
def test_with_money_alone_it_is_nashs_solution_with_equal_power(disagreement):
    for seed in range(20):
        orders = random_orders(np.random.default_rng(seed), capacity=1)
        kalai = KalaiSmorodinsky(disagreement=disagreement).clear(orders, np.random.default_rng(seed))
        nash = NashBargaining(disagreement=disagreement).clear(orders, np.random.default_rng(seed))
        assert kalai.row.tolist() == nash.row.tolist()
        np.testing.assert_allclose(kalai.paid, nash.paid, rtol=1e-12)


def test_relative_gains_are_equal_with_alternatives():
    """S = 4; the refused buyer had S = 2: d_s = (1 - a) 2, where sqrt a = 1 - a."""
    orders = Orders.of(
        buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 1.0], capacity=[1, 1]
    )
    x = 5 - KalaiSmorodinsky(buyer_exponent=0.5).clear(orders, RNG).paid[0]
    d_s = GOLDEN * 2
    assert (x / (4 - d_s)) ** 0.5 == pytest.approx((4 - x - d_s) / (4 - d_s), rel=1e-12)


def test_asks_that_differ_count_by_their_surplus_alone():
    """A buyer that costs its seller more pays that much more."""
    trades = KalaiSmorodinsky(seller_exponent=0.4).clear(pairs([5, 8], [1, 4]), RNG)
    assert trades.paid[1] - trades.paid[0] == pytest.approx(3)
    assert trades.received[0] - 1 < 2


def test_a_surplus_of_nothing_is_shared():
    assert KalaiSmorodinsky().clear(pairs([3], [3]), RNG).paid.tolist() == [3.0]


def test_exponents_are_those_of_risk_aversion():
    with pytest.raises(ValidationError, match="buyer_exponent"):
        KalaiSmorodinsky(buyer_exponent=1.5)
