import numpy as np
import pytest
from hypothesis import given, settings

from markets import theory
from markets.goods.blocks import UNLIMITED
from markets.mechanisms.shared_goods.lindahl import Lindahl
from tests.markets.mechanisms.samples import copies
from tests.markets.strategies import markets

RNG = np.random.default_rng(0)


def test_prices_in_proportion_to_values_cover_the_cost():
    """Values (1, 2, 3), C = 3: (1/2, 1, 3/2), in the ratio of the personal prices of Samuelson's economy."""
    trades = Lindahl(cost=3.0).clear(copies([1, 2, 3]), RNG)
    assert trades.paid.tolist() == [0.5, 1.0, 1.5]
    np.testing.assert_allclose(trades.paid / 3.0, theory.lindahl_prices([1, 2, 3], 1.0))


def test_asks_are_paid_together():
    """Bids 6, 2 and 1 pay 0 + 3 + 3 for everybody, also for those worth less than their ask."""
    trades = Lindahl().clear(copies([6, 2, 1], [0, 3, 3]), RNG)
    assert trades.paid == pytest.approx([4, 4 / 3, 2 / 3])
    np.testing.assert_array_equal(trades.received, trades.paid)
    assert len(Lindahl().clear(copies([6, 2, 1], [0, 5, 5]), RNG)) == 0


def test_bids_too_small_to_divide_by_cover_nothing():
    assert len(Lindahl(cost=1.0).clear(copies([0, 5e-324]), RNG)) == 0


def test_what_costs_nothing_is_free():
    trades = Lindahl().clear(copies([[0, 0], [2, 1]]), RNG)
    assert trades.paid.tolist() == [0] * 4


@given(markets(licences=("copy",)))
@settings(deadline=None, max_examples=60)
def test_everybody_wants_what_is_released_and_all_of_it_is_paid(orders):
    trades = Lindahl(cost=0.5).clear(orders, RNG)
    assert (trades.paid <= orders.bid[trades.row]).all()
    for listing in np.unique(trades.listing):
        own = trades.listing == listing
        cost = 0.5 + orders.ask[trades.row[own]].sum()
        assert trades.paid[own].sum() == pytest.approx(cost)
    assert (orders.capacity == UNLIMITED).all()


def test_saying_less_pays():
    """Values 4 and 4, C = 4: whoever says 1 pays 4/5 instead of 2."""
    honest = Lindahl(cost=4.0).clear(copies([4, 4]), RNG).paid[0]
    assert (honest, Lindahl(cost=4.0).clear(copies([1, 4]), RNG).paid[0]) == (2.0, 0.8)
