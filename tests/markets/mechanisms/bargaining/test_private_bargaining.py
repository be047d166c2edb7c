import numpy as np
import pytest

from markets import theory
from markets.mechanisms.bargaining.nash_bargaining import NashBargaining
from markets.mechanisms.bargaining.private_bargaining import PrivateBargaining
from tests.markets.mechanisms.samples import close, copies, pairs

RNG = np.random.default_rng(0)


def test_price_and_refusal_by_hand():
    """Uniform on [0, 1], equal power: p = 3(v + c)/8 + 1/8, and a deal iff c <= p <= v.

    At (1, 0.8) the price is exactly the cost; at (1, 0.81) the seller refuses, at (0.19, 0) the buyer does.
    """
    trades = PrivateBargaining().clear(pairs([0.8, 1.0, 1.0, 0.19, 0.2], [0.4, 0.8, 0.81, 0.0, 0.0]), RNG)
    assert trades.row.tolist() == [0, 1, 4]
    np.testing.assert_allclose(trades.paid, [0.575, 0.8, 0.2])


def test_gains_under_the_prior_alone():
    """A deal in five is lost, and 1/25 of the gains; both sides share alike (`theory.reading_trade`)."""
    v, c = np.random.default_rng(3).random((2, 40_000))
    trades = PrivateBargaining().clear(pairs(v, c), RNG)
    traded, buyer, seller = np.zeros((3, 40_000))
    traded[trades.row] = 1
    buyer[trades.row], seller[trades.row] = v[trades.row] - trades.paid, trades.received - c[trades.row]
    probability, gains, own = theory.reading_trade()
    assert (probability, gains) == pytest.approx((0.4, 0.16))
    assert close(traded, probability)
    assert close(buyer, own)
    assert close(seller, gains - own)


@pytest.mark.parametrize("power", [0.0, 0.3, 1.0])
def test_prices_go_to_those_of_full_information(power):
    """|p - p*| <= 1/cells at any power, and no deal is lost whose surplus is above 2/cells."""
    v, c = np.random.default_rng(4).random((2, 2000))
    orders = pairs(v, c)
    full = NashBargaining(buyer_power=power, disagreement="none").clear(orders, RNG)
    exact = dict(zip(full.row.tolist(), full.paid.tolist(), strict=True))
    for cells in (1, 4, 64, 4096):
        private = PrivateBargaining(buyer_power=power, cells=cells).clear(orders, RNG)
        assert set(private.row.tolist()) <= set(full.row.tolist())
        error = private.paid - [exact[row] for row in private.row.tolist()]
        assert np.abs(error).max() <= 1 / cells
        inside = (full.row, np.minimum(full.paid - c[full.row], v[full.row] - full.paid))
        assert np.isin(inside[0][inside[1] > 1 / cells], private.row).all()


def test_the_copy_goes_to_the_largest_surplus_of_those_that_agree():
    """Under the prior 1.0 for what costs 0.81 is refused: the lower bid, at its lower ask, has the copy."""
    orders = copies([[1.0, 0.9]], [[0.81, 0.72]], capacity=1)
    assert PrivateBargaining().clear(orders, RNG).row.tolist() == [1]
    assert PrivateBargaining(cells=10_000).clear(orders, RNG).row.tolist() == [0]


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0)])
def test_an_empty_range_is_refused(low, high):
    with pytest.raises(ValueError, match=r"mechanism\.high must be above low"):
        PrivateBargaining(low=low, high=high)
