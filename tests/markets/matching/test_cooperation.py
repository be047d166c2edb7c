"""Values of cooperative games against the textbook, axioms on random games, sampling, and the core."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.matching.cooperation import (
    coalition_excess,
    game_of,
    memberships,
    random_coalitions,
    sampled_shapley_value,
    shapley_value,
)
from markets.theory import airport_game, airport_shares, glove_game


def random_game(players, rng, low=-1.0, high=1.0):
    return np.concatenate([[0.0], rng.uniform(low, high, 2**players - 1)])


def valuation_of(game):
    """Return a game as a function of memberships."""
    return lambda member: game[member @ (1 << np.arange(member.shape[1]))]


def test_glove_game():
    """One left glove, two right ones: Shapley (2/3, 1/6, 1/6), core (1, 0, 0).

    Sources: Shapley 1953, Shapley and Shubik 1969.
    """
    gloves = glove_game(1, 2)
    np.testing.assert_allclose(shapley_value(gloves), [2 / 3, 1 / 6, 1 / 6], rtol=1e-14)
    assert coalition_excess(gloves, memberships(3), [1, 0, 0]).max() == 0
    assert coalition_excess(gloves, memberships(3), [2 / 3, 1 / 6, 1 / 6]).max() == pytest.approx(1 / 6)


@pytest.mark.parametrize("costs", [[1, 2, 3], [0.5, 0.5, 4, 7]])
def test_airport_game(costs):
    """Costs 1, 2, 3 give (1/3, 5/6, 11/6): parts are shared by those who need them.

    Source: Littlechild and Owen 1973.
    """
    shares = shapley_value(airport_game(costs))
    np.testing.assert_allclose(shares, airport_shares(costs), rtol=1e-13)
    if len(costs) == 3:
        np.testing.assert_allclose(shares, [1 / 3, 5 / 6, 11 / 6], rtol=1e-13)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_axioms(players, seed):
    """Shapley 1953: efficiency, symmetry, dummy, additivity."""
    rng = np.random.default_rng(seed)
    one, other = random_game(players, rng), random_game(players, rng)
    assert shapley_value(one).sum() == pytest.approx(one[-1], abs=1e-12)
    coalition = np.arange(2**players)
    low_bits = coalition & 3
    swapped = (
        np.where((low_bits == 1) | (low_bits == 2), coalition ^ 3, coalition) if players > 1 else coalition
    )
    symmetric = (one + one[swapped]) / 2
    last = 1 << (players - 1)
    dummy = one[coalition & ~last] + 0.25 * (coalition & last > 0)
    value = shapley_value
    np.testing.assert_allclose(value(one + other), value(one) + value(other), atol=1e-12)
    assert value(dummy)[-1] == pytest.approx(0.25)
    if players > 1:
        assert value(symmetric)[0] == pytest.approx(value(symmetric)[1], abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 7), st.integers(2, 20), st.integers(0, 2**32 - 1))
def test_every_permutation_shares_all_of_the_gain(players, permutations, seed):
    """In every order the marginal contributions sum to v(N) (Castro, Gomez and Tejada 2009)."""
    rng = np.random.default_rng(seed)
    game = np.concatenate([[0], rng.integers(-9, 10, 2**players - 1)]).astype(float)
    found = sampled_shapley_value(valuation_of(game), players, permutations, rng)
    assert found.shares.sum() * permutations == pytest.approx(game[-1] * permutations, abs=1e-9)
    assert (found.error <= 36 / (2 * np.sqrt(permutations - 1)) + 1e-12).all()


def test_sampling_error_falls_as_one_over_the_root_of_permutations():
    """For v in [0, 1] the error is at most about 1 / sqrt(T), and the stated error is that of the estimates.

    Source: Castro, Gomez and Tejada 2009.
    """
    rng = np.random.default_rng(5)
    game = random_game(6, rng, 0.0, 1.0)
    exact, valuation = shapley_value(game), valuation_of(game)
    for permutations in (50, 800):
        found = [sampled_shapley_value(valuation, 6, permutations, rng) for _ in range(60)]
        errors = np.array([f.shares for f in found]) - exact
        stated = np.sqrt(np.mean([f.error**2 for f in found], axis=0))
        assert np.sqrt((errors**2).mean(axis=0)).max() <= 1 / np.sqrt(permutations)
        np.testing.assert_allclose(errors.std(axis=0), stated, rtol=0.35)


def test_same_generator_same_sample():
    valuation = valuation_of(glove_game(2, 3))
    first, again = (sampled_shapley_value(valuation, 5, 30, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first.shares, again.shares)
    np.testing.assert_array_equal(first.error, again.error)


def test_sampled_coalitions_are_proper_and_hold_the_extremes():
    members = random_coalitions(14, 300, np.random.default_rng(0))
    assert members.shape == (328, 14)
    size = members.sum(axis=1)
    assert size.min() == 1
    assert size.max() == 13
    assert (size[:14] == 1).all()
    assert (size[14:28] == 13).all()


def test_a_convex_game_has_its_shapley_value_in_the_core():
    """Shapley 1971: with v(C) = |C|^2 the game is convex."""
    game = game_of(5, lambda member: member.sum(axis=1) ** 2.0)
    assert coalition_excess(game, memberships(5), shapley_value(game)).max() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("gains", [[0.0], [0.0, 1.0, 2.0], [1.0, 2.0], [[0.0, 1.0]]])
def test_what_is_no_game_is_refused(gains):
    with pytest.raises(ValueError, match="gains"):
        shapley_value(gains)


def test_too_few_permutations_are_refused():
    with pytest.raises(ValueError, match="permutations at least 2; got 3 and 1"):
        sampled_shapley_value(valuation_of(glove_game(1, 2)), 3, 1, np.random.default_rng(0))
