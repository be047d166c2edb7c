import numpy as np
import pytest

from markets import theory
from markets.mechanisms.bargaining.chatterjee_samuelson import ChatterjeeSamuelson
from markets.mechanisms.bargaining.myerson_satterthwaite import MyersonSatterthwaite
from tests.markets.mechanisms.samples import close, pairs

RNG = np.random.default_rng(0)


def test_threshold_and_price_by_hand():
    """A quarter of the range; (v + c)/3 + 1/6 on [0, 1]."""
    trades = MyersonSatterthwaite().clear(pairs([0.75, 0.75, 1.0], [0.5, 0.51, 0.0]), RNG)
    assert trades.row.tolist() == [0, 2]
    np.testing.assert_allclose(trades.paid, [1.25 / 3 + 1 / 6, 0.5])


def test_range_moves_and_scales_the_rule():
    orders = pairs([6.0, 6.0], [2.0, 5.5])
    trades = MyersonSatterthwaite(low=2.0, high=6.0).clear(orders, RNG)
    assert trades.row.tolist() == [0]
    assert trades.paid.tolist() == [pytest.approx(4.0)]


def test_reports_outside_the_range_count_as_its_ends():
    trades = MyersonSatterthwaite(low=1.0, high=2.0).clear(pairs([9.0, 0.9, 3.0], [0.0, 0.0, 2.5]), RNG)
    assert trades.row.tolist() == [0]
    assert trades.paid.tolist() == [pytest.approx(1.5)]


def test_it_is_the_direct_form_of_the_linear_equilibrium():
    """Myerson and Satterthwaite 1983: the sealed-bid auction at k = 1/2 attains the second best."""
    v, c = np.random.default_rng(2).random((2, 2000))
    direct = MyersonSatterthwaite().clear(pairs(v, c), RNG)
    bid, ask = theory.chatterjee_samuelson_bid(v), theory.chatterjee_samuelson_ask(c)
    sealed = ChatterjeeSamuelson().clear(pairs(bid, ask), RNG)
    assert direct.row.tolist() == sealed.row.tolist()
    np.testing.assert_allclose(direct.paid, sealed.paid, rtol=1e-12)


def test_gains_frequency_and_shares():
    """P 9/32, gains 9/64, half of them to each side (Myerson and Satterthwaite 1983)."""
    v, c = np.random.default_rng(3).random((2, 40_000))
    trades = MyersonSatterthwaite().clear(pairs(v, c), RNG)
    traded, buyer, seller = np.zeros((3, 40_000))
    traded[trades.row] = 1
    buyer[trades.row], seller[trades.row] = v[trades.row] - trades.paid, trades.received - c[trades.row]
    probability, gains, _ = theory.threshold_trade(1 / 4)
    assert close(traded, probability)
    assert close(buyer, gains / 2)
    assert close(seller, gains / 2)


def interim(rule, side, own):
    """Mean utility of each report (rows of a grid) of a party against truthful, uniform others."""
    grid, other = np.linspace(0, 1, 81), (np.arange(800) + 0.5) / 800
    told, met = np.repeat(grid, 800), np.tile(other, 81)
    trades = rule.clear(pairs(told, met) if side == "buyers" else pairs(met, told), RNG)
    gain = own - trades.paid if side == "buyers" else trades.received - own
    return grid, np.bincount(trades.row // 800, gain, 81) / 800


@pytest.mark.parametrize("side", ["buyers", "sellers"])
@pytest.mark.parametrize("own", [0.1, 0.4, 0.7, 0.9])
def test_truth_is_best_on_average(side, own):
    """Bayesian incentive compatible, where the sealed-bid auction would be shaded."""
    grid, utility = interim(MyersonSatterthwaite(), side, own)
    honest = utility[np.argmin(np.abs(grid - own))]
    assert utility.max() - honest < 1e-4
    assert honest >= 0
    _, shaded = interim(ChatterjeeSamuelson(), side, own)
    if (own if side == "buyers" else 1 - own) > 0.5:
        assert shaded.max() - shaded[np.argmin(np.abs(grid - own))] > 0.01


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0)])
def test_an_empty_range_is_refused(low, high):
    with pytest.raises(ValueError, match=r"mechanism\.high must be above low"):
        MyersonSatterthwaite(low=low, high=high)
