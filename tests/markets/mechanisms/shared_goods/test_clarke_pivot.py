import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets import theory
from markets.mechanisms.shared_goods.clarke_pivot import ClarkePivot
from tests.markets.mechanisms.samples import copies

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("values", "built", "taxes"),
    [([2, 0.6, 0.8], True, [0.6, 0, 0]), ([1.5, 0.9, 0.5], False, [0, 0, 0.4])],
)
def test_taxes_of_the_pivotal(values, built, taxes):
    """C = 3: (2, .6, .8) build and pay (.6, 0, 0); (1.5, .9, .5) do not and pay (0, 0, .4) (Clarke 1971)."""
    decision, expected = theory.clarke_taxes(values, 3.0)
    assert decision == built
    assert expected == pytest.approx(taxes, abs=1e-12)
    trades = ClarkePivot(cost=3.0).clear(copies(values), RNG)
    if built:
        assert trades.paid == pytest.approx(np.add(taxes, 1))
        assert trades.received.tolist() == [1, 1, 1]
    paid = np.zeros(3)
    paid[trades.row], paid[trades.levies.row] = trades.paid - 1, trades.levies.paid
    assert len(trades) == (3 if built else 0)
    assert paid == pytest.approx(taxes, abs=1e-12)
    assert trades.broker == pytest.approx(sum(taxes))
    assert trades.levies.received.sum() == 0


@pytest.mark.parametrize(
    ("shares", "paid", "received"), [("own", [1.5, 3.0], [1.0, 3.0]), ("equal", [2.0, 2.0], [2.0, 2.0])]
)
def test_shares_of_the_cost(shares, paid, received):
    """Asks 0 and 2, C = 2, values 5 and 2.5: with own shares the second loses 1/2, at the first's cost."""
    trades = ClarkePivot(cost=2.0, shares=shares).clear(copies([5, 2.5], [0, 2]), RNG)
    assert (trades.paid.tolist(), trades.received.tolist()) == (paid, received)


@given(
    st.lists(st.floats(0, 3), min_size=1, max_size=6),
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
    st.floats(0, 6),
    st.sampled_from(["own", "equal"]),
)
@settings(deadline=None, max_examples=100)
def test_the_decision_is_right_and_the_taxes_are_clarkes(values, asks, cost, shares):
    """For all or for nobody, whichever is worth more; the taxes of equal shares and values less the rest."""
    orders = copies(values, asks[: len(values)])
    trades = ClarkePivot(cost=cost, shares=shares).clear(orders, RNG)
    n, total = len(values), cost + sum(asks[: len(values)])
    worth = sum(values) - total
    if abs(worth) > 1e-9:
        assert len(trades) == (n if worth > 0 else 0)
    share = np.full(n, total / n) if shares == "equal" else orders.ask + cost / n
    tax = np.zeros(n)
    tax[trades.row], tax[trades.levies.row] = trades.paid - share[trades.row], trades.levies.paid
    built, expected = theory.clarke_taxes(orders.bid - share + total / n, total)
    assert built == (len(trades) > 0) or abs(worth) < 1e-9
    if built == (len(trades) > 0):
        assert tax == pytest.approx(expected, abs=1e-9)


def test_taxes_vanish_in_a_crowd():
    rng = np.random.default_rng(1)
    taxes = [theory.clarke_taxes(rng.random(n), 0.4 * n)[1].sum() / n for n in (3, 300)]
    assert taxes[1] < 1e-3 < taxes[0]
