"""Beliefs are Gjerstad and Dickhaut's (1998), and the quotes that they lead to are the best."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.strategies.classical.beliefs import SeenQuotes, believe, best_quote, worth_of_waiting

HIGHEST = 20.0


def seen(quotes, standing_ask=np.nan, standing_bid=np.nan):
    """Return what one seller saw: (kind, price) with kind taken_ask, rejected_ask or bid."""
    kinds = {
        kind: np.array([[one[0] == kind for one in quotes]], bool).reshape(1, len(quotes))
        for kind in ("taken_ask", "rejected_ask", "bid")
    }
    price = np.array([[one[1] for one in quotes]], float).reshape(1, len(quotes))
    return SeenQuotes(
        price, **kinds, standing_ask=np.array([standing_ask]), standing_bid=np.array([standing_bid])
    )


HISTORY = [
    ("rejected_ask", 14.0),
    ("bid", 6.0),
    ("rejected_ask", 12.0),
    ("bid", 8.0),
    ("taken_ask", 10.0),
    ("rejected_ask", 9.0),
    ("bid", 9.0),
    ("taken_ask", 9.0),
]

quotes = st.lists(
    st.tuples(st.sampled_from(["taken_ask", "rejected_ask", "bid"]), st.floats(0, HIGHEST)), max_size=12
)


def test_frequencies_of_a_hand_made_history():
    """(TAG + BG) / (TAG + BG + RAL) at each price that was named, 1 at the bottom and 0 at the top."""
    belief = believe(seen(HISTORY), 0.0, HIGHEST)
    expected = {0: 1, 6: 5 / 5, 8: 4 / 4, 9: (2 + 1) / (2 + 1 + 1), 10: 1 / 2, 12: 0, 14: 0, 20: 0}
    for price, chance in expected.items():
        assert belief(np.array([[float(price)]]))[0, 0] == pytest.approx(chance), price


def test_between_prices_the_cubic_has_no_slope_at_either_end():
    belief = believe(seen(HISTORY), 0.0, HIGHEST)
    small = 1e-6
    for price in (6.0, 8.0, 9.0, 10.0, 12.0):
        at, below, above = (belief(np.array([[price + step]]))[0, 0] for step in (0, -small, small))
        assert abs(above - at) < 1e-9
        assert abs(at - below) < 1e-9
    assert belief(np.array([[9.5]]))[0, 0] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert belief(np.array([[9.25]]))[0, 0] == pytest.approx(3 / 4 - (3 / 16 - 2 / 64) * (3 / 4 - 1 / 2))


def test_standing_quotes_bound_what_is_worth_asking():
    """Spread reduction: nobody takes an ask above the standing one; the standing bid takes any below."""
    belief = believe(seen(HISTORY, standing_ask=9.5, standing_bid=7.0), 0.0, HIGHEST)
    chance = belief(np.array([[0.0, 6.5, 7.0, 9.0, 9.5, 10.0, 20.0]]))[0]
    np.testing.assert_allclose(chance, [1, 1, 1, 3 / 4, 0, 0, 0])


@settings(max_examples=200, deadline=None)
@given(
    quotes, st.one_of(st.just(np.nan), st.floats(10, HIGHEST)), st.one_of(st.just(np.nan), st.floats(0, 10))
)
def test_belief_is_a_falling_chance(history, standing_ask, standing_bid):
    belief = believe(seen(history, standing_ask, standing_bid), 0.0, HIGHEST)
    assert (np.diff(belief.price) >= 0).all()
    chance = belief(np.linspace(0, HIGHEST, 101)[None])[0]
    assert (np.diff(chance) <= 1e-12).all()
    assert chance[0] == 1
    assert chance[-1] == 0


@settings(max_examples=200, deadline=None)
@given(quotes)
def test_frequencies_equal_plain_counts(history):
    belief = believe(seen(history), 0.0, HIGHEST)
    for _, price in history:
        if not 0 < price < HIGHEST:
            continue
        taken = sum(kind == "taken_ask" and p >= price for kind, p in history)
        bids = sum(kind == "bid" and p >= price for kind, p in history)
        rejected = sum(kind == "rejected_ask" and p <= price for kind, p in history)
        np.testing.assert_allclose(
            belief.chance[0, belief.price[0] == price], (taken + bids) / (taken + bids + rejected)
        )


@settings(max_examples=200, deadline=None)
@given(quotes, st.floats(0, HIGHEST))
def test_best_quote_is_best(history, cost):
    """No ask on a fine grid promises more, and the promise is what the belief says."""
    belief = believe(seen(history), 0.0, HIGHEST)
    ask, surplus = best_quote(belief, np.array([cost]))
    grid = np.linspace(0, HIGHEST, 4001)[None]
    assert surplus[0] >= ((grid - cost) * belief(grid)).max() - 1e-9
    if surplus[0] > 0:
        assert ask[0] >= cost
        assert surplus[0] == pytest.approx((ask[0] - cost) * belief(ask[:, None])[0, 0], abs=1e-9)
    else:
        assert np.isnan(ask[0])


def test_an_empty_market_is_smoothly_uncertain():
    """Without evidence the chance is one cubic from 1 to 0; at no cost the best ask has 8t^3 - 9t^2 = -1."""
    belief = believe(seen([]), 0.0, HIGHEST)
    ask, _ = best_quote(belief, np.zeros(1))
    t = ask[0] / HIGHEST
    assert t == pytest.approx((1 + np.sqrt(33)) / 16)
    assert 8 * t**3 - 9 * t**2 + 1 == pytest.approx(0, abs=1e-12)


def test_worth_of_waiting_solves_the_dynamic_programme():
    """V(n) = max {f s + (1 - f) gamma V(n - 1)}, against plain recursion on a fine grid."""
    belief, cost, discount = believe(seen(HISTORY), 0.0, HIGHEST), 5.0, 0.9
    grid = np.linspace(0, HIGHEST, 20001)
    chance, value = belief(grid[None])[0], 0.0
    for later in range(6):
        worth = worth_of_waiting(belief, np.array([cost]), np.array([later]), discount)[0]
        assert worth <= discount * value + 1e-9
        assert worth == pytest.approx(discount * value, rel=5e-3)
        value = (chance * (grid - cost) + (1 - chance) * discount * value).max()


def test_worth_of_waiting_rises_with_time_and_patience():
    belief, costs = believe(seen(HISTORY), 0.0, HIGHEST), np.array([5.0])
    by_time = [worth_of_waiting(belief, costs, np.array([n]), 0.8)[0] for n in range(30)]
    assert (np.diff(by_time) >= 0).all()
    by_patience = [worth_of_waiting(belief, costs, np.array([10]), g)[0] for g in np.linspace(0, 1, 11)]
    assert (np.diff(by_patience) >= 0).all()
    assert by_time[0] == by_patience[0] == 0
    both = believe(
        SeenQuotes(*(np.repeat(column, 2, 0) for column in vars(seen(HISTORY)).values())), 0.0, HIGHEST
    )
    rows = worth_of_waiting(both, np.array([5.0, 5.0]), np.array([0, 3]), 0.8)
    np.testing.assert_allclose(rows, [0, by_time[3]])
