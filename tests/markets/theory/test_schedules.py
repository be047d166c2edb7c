import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.books.call_books import CallBooks
from markets.orders.luck import Luck
from markets.orders.orders import first_best
from markets.theory.schedules import Schedules, smith_schedules
from tests.markets.strategies import book


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_equilibria_are_those_of_call_markets(seed, buyers, sellers):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 9, (3, buyers, 1)).astype(float)
    costs = rng.integers(0, 9, (3, sellers, 1)).astype(float)
    found = Schedules.of(values, costs).equilibrium()
    for market in range(3):
        bids, asks = -np.sort(-values[market, :, 0]), np.sort(costs[market, :, 0])
        orders = book(bids, asks)
        margin = CallBooks.of(orders, Luck.draw(orders, rng)).margin()
        assert found.quantity[market] == margin.quantity[0]
        assert (found.low[market], found.high[market]) == (margin.low[0], margin.high[0])
        assert found.gains[market] == first_best(orders)[1].sum()


def test_several_units_a_trader():
    """Values 9, 7, 4 and 8 against costs 2, 5 and 3: four units, worth 9 + 8 + 7, for 2, 3 and 5."""
    schedules = Schedules.of([[9, 7, 4], [8, np.nan, np.nan]], [[2, 5], [3, np.nan]], markets=2)
    found = schedules.equilibrium()
    assert (schedules.markets, schedules.traders, schedules.is_buyer.tolist()) == (
        2,
        4,
        [True, True, False, False],
    )
    assert (found.quantity.tolist(), found.gains.tolist()) == ([3, 3], [14, 14])
    assert (found.low[0], found.high[0]) == (5, 7)
    assert schedules.profits_at(np.array([6.0, 6.0]))[0].tolist() == [4, 2, 5, 3]


def test_smith_schedules():
    """The symmetric market of eleven against eleven: 8 units at 125, worth 8 (150 + 10)/2."""
    found = smith_schedules(2).equilibrium()
    assert found.quantity.tolist() == [8, 8]
    assert found.price.tolist() == [125, 125]
    assert found.gains.tolist() == [640, 640]


@pytest.mark.parametrize(
    ("values", "costs", "sentence"),
    [
        ([], [1], "schedules.values must have 1, 2 or 3 axes and some units"),
        ([1], [-1], "schedules.costs must be finite and not negative"),
        ([np.inf], [1], "schedules.values must be finite and not negative"),
        ([[1, 2]], [1], "schedules.values must not rise"),
        ([1], [[2, 1]], "schedules.costs must not fall"),
        ([[np.nan, 1]], [1], "schedules.values must not rise"),
        (np.ones((2, 1, 1)), np.ones((3, 1, 1)), "schedules.values must be of 3 markets or of one; got 2"),
    ],
)
def test_bad_schedules_are_refused(values, costs, sentence):
    with pytest.raises(ValueError, match=sentence):
        Schedules.of(values, costs)


def test_some_market_is_needed():
    with pytest.raises(ValueError, match=r"schedules\.markets must be at least 1; got 0"):
        Schedules.of([1], [1], markets=0)
