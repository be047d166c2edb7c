"""Royalties: Shapley values against textbook games, transfers that sum to zero."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand import Demand, regions_of
from sim.payoffs import DownstreamMarket
from sim.royalties import check_shapley, coalition_gains, pairwise_transfers, royalties, shapley_shares

MARKET = DownstreamMarket(regions_of(4, 2), Demand(tau=0.05))


def game(players, value):
    return np.array(
        [value({i for i in range(players) if c >> i & 1}) for c in range(2**players)], dtype=float
    )


def test_shapley_value_of_the_glove_game():
    """One left glove, two right ones: (2/3, 1/6, 1/6) (Shapley 1953)."""
    shares = shapley_shares(game(3, lambda c: float(0 in c and len(c) > 1)))
    np.testing.assert_allclose(shares, [2 / 3, 1 / 6, 1 / 6])


def test_shapley_value_of_the_airport_game():
    """Costs 1, 2, 3: (1/3, 5/6, 11/6) (Littlechild and Owen 1973)."""
    shares = shapley_shares(game(3, lambda c: float(max(c, default=-1) + 1)))
    np.testing.assert_allclose(shares, [1 / 3, 5 / 6, 11 / 6])


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_shapley_axioms(players, seed):
    rng = np.random.default_rng(seed)
    one, other = (np.concatenate([[0], rng.normal(size=2**players - 1)]) for _ in range(2))
    assert shapley_shares(one).sum() == pytest.approx(one[-1])
    np.testing.assert_allclose(
        shapley_shares(one + other), shapley_shares(one) + shapley_shares(other), atol=1e-12
    )
    without_last = np.arange(2**players) & ~(1 << (players - 1))
    assert shapley_shares(one[without_last])[-1] == pytest.approx(0)


def test_a_coalition_has_the_trades_inside_it():
    before, after = np.array([0.3, 0.5, 0.4, 0.6]), np.array([0.6, 0.5, 0.7, 0.6])
    gains = coalition_gains(MARKET, before, after, np.array([0, 2]), np.array([1, 3]))
    base = MARKET.standing(before).profit.sum()
    assert gains[0] == gains[0b0001] == gains[0b1001] == pytest.approx(0)
    only_first = np.array([0.6, 0.5, 0.4, 0.6])
    assert gains[0b0011] == pytest.approx(MARKET.standing(only_first).profit.sum() - base)
    assert gains[-1] == pytest.approx(MARKET.standing(after).profit.sum() - base)


@pytest.mark.parametrize("rule", ["none", "equal", "proportional", "shapley"])
def test_royalties_cancel(rule):
    before, after = np.array([0.3, 0.5, 0.4, 0.6]), np.array([0.6, 0.5, 0.7, 0.6])
    buyer, seller, welfare = np.array([0, 2]), np.array([1, 3]), np.array([0.2, 0.1])
    due = royalties(rule, MARKET, before, after, buyer, seller, welfare)
    own = MARKET.standing(after).profit - MARKET.standing(before).profit
    assert due.sum() == pytest.approx(0)
    if rule == "equal":
        np.testing.assert_allclose(own + due, own.sum() / 4)
    if rule == "proportional":
        np.testing.assert_allclose(own + due, own.sum() * np.array([2, 2, 1, 1]) / 6)
    if rule == "shapley":
        np.testing.assert_allclose((own + due)[[0, 2]], (own + due)[[1, 3]])


def test_large_games_are_refused():
    check_shapley(12)
    with pytest.raises(ValueError, match=r"organisations of at most 12 .*; got 13"):
        check_shapley(13)


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=8))
def test_pairwise_transfers_give_each_its_due(amounts):
    amount = np.array([*amounts, -sum(amounts)])
    debit, credit, moved = pairwise_transfers(amount)
    got = np.zeros(len(amount), dtype=int)
    np.add.at(got, credit, moved)
    np.subtract.at(got, debit, moved)
    np.testing.assert_array_equal(got, amount)
    assert (moved > 0).all()
    assert len(moved) < len(amount)
