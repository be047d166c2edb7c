"""Royalties share the industry's change, cancel, and say whether anybody would rather leave."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.matching.cooperation import game_of, memberships, shapley_value
from sim.cohort import Cohort
from sim.consumers.demand import Demand, regions_of
from sim.consumers.payoffs import DownstreamMarket
from sim.exchange.royalties import pairwise_transfers, royalties, stability
from sim.exchange.royalty_rules import ROYALTY_RULES, RoundGame
from tests.sim.conftest import small, tables_of

MARKET = DownstreamMarket(regions_of(4, 2), Demand(tau=0.05))
BEFORE, AFTER = np.array([0.3, 0.5, 0.4, 0.6]), np.array([0.6, 0.5, 0.7, 0.6])
GAME = RoundGame(MARKET, BEFORE, AFTER, np.array([0, 2]), np.array([1, 3]), np.array([0.2, 0.1]))


def shares_of(rule, game=GAME, permutations=50):
    spec = {"name": rule} | ({"permutations": permutations} if rule == "shapley" else {})
    return royalties(ROYALTY_RULES.build(spec), game, np.random.default_rng(0))


def own_changes(game=GAME):
    return game.downstream.earnings(game.after).profit - game.downstream.earnings(game.before).profit


def test_a_coalition_has_the_trades_inside_it():
    gains = game_of(4, GAME.industry)
    base = MARKET.earnings(BEFORE).profit
    assert gains[0] == gains[0b0001] == gains[0b1001] == pytest.approx(0)
    only_first = MARKET.earnings(np.array([0.6, 0.5, 0.4, 0.6])).profit - base
    assert gains[0b0011] == pytest.approx(only_first.sum())
    assert gains[-1] == pytest.approx(own_changes().sum())
    assert GAME.members(memberships(4))[0b0011] == pytest.approx(only_first[:2].sum())


@pytest.mark.parametrize("rule", list(ROYALTY_RULES))
def test_who_is_absent_has_no_share_and_changes_nobodys(rule):
    """Three of four, with the consumers of four, share as three do who have a third more consumers each."""
    there = np.array([True, True, False, True])
    market = DownstreamMarket(np.zeros(4, dtype=np.int64), Demand(tau=0.05)).with_only(there)
    before, after = np.array([0.3, 0.5, 0.9, 0.4]), np.array([0.6, 0.5, 0.9, 0.7])
    four = RoundGame(market, before, after, np.array([0, 3]), np.array([1, 1]), np.array([0.2, 0.1]))
    alone = DownstreamMarket(np.zeros(3, dtype=np.int64), Demand(tau=0.05, mass=4 / 3))
    three = RoundGame(
        alone, before[there], after[there], np.array([0, 2]), np.array([1, 1]), np.array([0.2, 0.1])
    )
    due, expected = shares_of(rule, four).due, shares_of(rule, three).due
    np.testing.assert_allclose(due[there], expected, atol=1e-12)
    assert due[2] == pytest.approx(0, abs=1e-15)
    ours, theirs = (
        stability(game, shares, 10, np.random.default_rng(0))
        for game, shares in ((four, due), (three, expected))
    )
    assert ours.excess == pytest.approx(theirs.excess)


@pytest.mark.parametrize("rule", list(ROYALTY_RULES))
def test_royalties_cancel(rule):
    found, own = shares_of(rule), own_changes()
    assert found.due.sum() == pytest.approx(0)
    assert (found.error == 0).all()
    after = own + found.due
    if rule == "equal":
        np.testing.assert_allclose(after, own.sum() / 4)
    if rule == "proportional":
        np.testing.assert_allclose(after, own.sum() * np.array([2, 2, 1, 1]) / 6)
    if rule == "shapley":
        np.testing.assert_allclose(after[[0, 2]], after[[1, 3]])


def test_nash_royalties_maximise_the_product_of_gains_over_dropping_out():
    """Nash 1950: with transferable profits everybody gains the same over its disagreement point."""
    game = larger_game(8)
    alone = np.array([game.profits(np.arange(8)[None] != i)[0, i] for i in range(8)])
    gained = own_changes(game) + shares_of("nash", game).due - alone
    np.testing.assert_allclose(gained, gained[0])
    assert np.ptp(alone) > 1e-6


def larger_game(organisations):
    rng = np.random.default_rng(3)
    before = rng.uniform(0.3, 0.6, organisations)
    buyer = np.arange(0, organisations, 2)
    after = before.copy()
    after[buyer] += 0.2
    market = DownstreamMarket(regions_of(organisations, 4), Demand(tau=0.05))
    return RoundGame(market, before, after, buyer, (buyer + 3) % organisations, np.ones(len(buyer)))


def test_large_games_are_sampled_with_a_stated_error(monkeypatch):
    """Shares from permutations are those of all coalitions, up to the stated error."""
    game = larger_game(10)
    exact = shares_of("shapley", game)
    monkeypatch.setattr("sim.exchange.royalty_rules.shapley.LARGEST_EXACT_GAME", 9)
    sampled = shares_of("shapley", game, permutations=400)
    assert (np.abs(sampled.due - exact.due) <= 5 * sampled.error + 1e-12).all()
    assert sampled.error.max() > 0
    assert sampled.due.sum() == pytest.approx(0, abs=1e-12)
    coarse = shares_of("shapley", game, permutations=25)
    assert sampled.error.sum() < coarse.error.sum()


def test_stability_is_the_largest_excess():
    found = stability(GAME, np.zeros(4), 10, np.random.default_rng(0))
    own, gains = own_changes(), GAME.members(memberships(4))
    excess = max(gains[c] - own[memberships(4)[c]].sum() for c in range(1, 15))
    assert found.excess == pytest.approx(excess)
    assert found.coalitions == 14
    taxed = stability(GAME, np.array([-0.05, 0.05, 0.0, 0.0]), 10, np.random.default_rng(0))
    assert taxed.excess >= -(own[0] - 0.05) - 1e-12


def test_a_sampled_excess_is_a_lower_bound(monkeypatch):
    game = larger_game(8)
    whole = stability(game, np.zeros(8), 50, np.random.default_rng(0))
    monkeypatch.setattr("sim.exchange.royalties.LARGEST_EXACT_CORE", 7)
    some = stability(game, np.zeros(8), 50, np.random.default_rng(0))
    assert whole.coalitions == 2**8 - 2
    assert some.coalitions == 2 * 8 + 50
    assert some.excess <= whole.excess


def test_batches_of_coalitions_change_nothing(monkeypatch):
    expected = GAME.profits(memberships(4))
    monkeypatch.setattr("sim.exchange.royalty_rules.base.PROFITS_AT_ONCE", 12)
    np.testing.assert_allclose(GAME.profits(memberships(4)), expected, rtol=1e-12, atol=1e-15)


def test_rounds_record_the_core_and_organisations_the_error(played):
    rounds = pd.concat(t["rounds"] for t in played[1])
    cooperative = rounds[(rounds["arm"] == "cooperative") & (rounds["trades"] > 0)]
    assert len(cooperative) > 0
    assert (cooperative["core_coalitions"] == 2**4 - 2).all()
    assert (rounds.loc[rounds["arm"] != "cooperative", "core_coalitions"] == 0).all()


def test_more_than_twelve_organisations_can_have_shapley_royalties():
    config = small(
        organisations=14,
        data={"endowment": "class_skew", "kept": 0.2},
        setting={"name": "cooperative", "regions": 7, "royalties": "shapley", "royalty_permutations": 20},
    )
    first, again = (tables_of(Cohort(config, ("cooperative",), 1, 2), 2)[1] for _ in range(2))
    pd.testing.assert_frame_equal(first["organisations"], again["organisations"], check_exact=True)
    assert first["organisations"]["royalty_error"].max() > 0
    assert first["organisations"]["royalty"].sum() == pytest.approx(0)
    assert first["rounds"]["core_coalitions"].item() == 2 * 14 + 20


def test_shapley_shares_of_a_pair_of_equals():
    """A block's buyer and its only seller add the same to the industry (Shapley 1953)."""
    game = RoundGame(MARKET, BEFORE, np.array([0.6, 0.5, 0.4, 0.6]), np.array([0]), np.array([1]), np.ones(1))
    value = shapley_value(game_of(4, game.industry))
    np.testing.assert_allclose(value, [value[0], value[0], 0, 0], atol=1e-12)


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
