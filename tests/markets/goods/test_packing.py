"""Packings against enumeration in fractions, which round nothing."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag
from scipy.sparse import csc_array

from markets.goods import packing, small_packings
from markets.goods.packing import Packing


def total(worth, rows):
    return sum((Fraction(float(w)) for w in worth[rows]), Fraction(0))


def enumerated(worth, uses, room):
    """The rows of the greatest total worth, by trying all sets, first those that have the first rows."""
    chosen = np.array(list(itertools.product([True, False], repeat=len(worth))))
    fits = chosen[(chosen @ uses.T <= room).all(axis=1)]
    return max(fits, key=lambda rows: total(worth, rows))


def drawn(rng, rows, kind, bipartite):
    """Worths, limits of rows, and their room."""
    if bipartite:
        left, right = rng.integers(0, 3, rows), 3 + rng.integers(0, 3, rows)
        uses = (np.arange(6)[:, None] == left) | (np.arange(6)[:, None] == right)
    else:
        uses = rng.random((5, rows)) < 0.4
        uses[0] |= ~uses.any(axis=0)
    return spread(rng, rows, kind), uses.astype(int), rng.integers(1, 4, len(uses))


def best(worth, uses, room, small=packing.SMALL):
    """The packing's answer, where parts of up to `small` rows are answered directly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "SMALL", small)
        return Packing.of(worth, csc_array(uses.astype(float)), room).best()


def spread(rng, count, kind):
    """Worths over twelve orders of magnitude: any, whole micro-credits, many ties, or almost ties."""
    worth = 10.0 ** rng.uniform(-6, 6, count)
    if kind == "micro":
        worth = np.rint(worth * 1e6 + 1) / 1e6
    elif kind == "ties":
        worth = rng.choice([1e-3, 1.0, 2.0, 3.0, 1e9], count)
    elif kind == "near":
        worth = rng.choice([1e6, 1.0], count) * (1 + np.finfo(float).eps * rng.integers(0, 3, count))
    return worth


PROBLEM = (
    st.integers(0, 2**32 - 1),
    st.sampled_from(["any", "micro", "ties", "near"]),
    st.integers(1, 9),
    st.booleans(),
)


@given(*PROBLEM)
@settings(deadline=None, max_examples=60)
def test_the_best_rows_are_exactly_the_best(seed, kind, rows, bipartite):
    """By a solver and a proof, and directly; the direct answer is the first of the best."""
    worth, uses, room = drawn(np.random.default_rng(seed), rows, kind, bipartite)
    expected = enumerated(worth, uses, room)
    np.testing.assert_array_equal(best(worth, uses, room), expected)
    proven = best(worth, uses, room, small=0)
    assert (uses @ proven <= room).all()
    if bipartite:
        assert total(worth, proven) == total(worth, expected)
    else:
        # A search for whole rows is exact up to 1e-12 of what a linear program leaves in doubt.
        assert float(total(worth, expected) - total(worth, proven)) <= 1e-12 * worth.max()


@given(*PROBLEM, st.sampled_from([0, 6, packing.SMALL]))
@settings(deadline=None, max_examples=25)
def test_parts_alone_and_beside_others(seed, kind, rows, bipartite, small):
    """Three problems as one, also where ties are many and the neighbours' worths a world apart."""
    rng = np.random.default_rng(seed)
    problems = [drawn(rng, rows, kind, bipartite) for _ in range(3)]
    problems[1][0][:] *= 1e200
    alone = [best(*problem, small) for problem in problems]
    worth, uses, room = (list(columns) for columns in zip(*problems, strict=True))
    # The rows of the three are mixed, each problem's in their order.
    mixed = np.argsort(np.argsort(rng.permutation(np.repeat(np.arange(3), rows)), kind="stable"))
    together = best(np.concatenate(worth)[mixed], block_diag(*uses)[:, mixed], np.concatenate(room), small)
    np.testing.assert_array_equal(together, np.concatenate(alone)[mixed])


@pytest.mark.parametrize("steps", [0, 3, 20])
def test_a_search_that_is_given_up_is_left_to_the_solver(monkeypatch, steps):
    monkeypatch.setattr(small_packings, "STEPS", steps)
    for seed in range(5):
        problem = drawn(np.random.default_rng(seed), 8, "ties", bipartite=True)
        assert total(problem[0], best(*problem)) == total(problem[0], enumerated(*problem))


def test_twelve_rows_are_always_answered_directly(monkeypatch):
    """Without a word from its bound the search has 2^13 - 1 places to look at."""
    monkeypatch.setattr(small_packings, "_rest", lambda worth, *_: [10**9] * len(worth) + [0])
    limits = [[row] for row in range(12)]
    found = small_packings.first_best_rows([1.0] * 12, limits, [1] * 12)
    assert found == list(range(12))


def star(tries):
    """`tries` parts of two rows that exclude each other."""
    limit = np.repeat(np.arange(tries), 2)
    return csc_array((np.ones(2 * tries), limit, np.arange(2 * tries + 1)), shape=(tries, 2 * tries))


@pytest.mark.parametrize("small", [0, packing.SMALL])
def test_parts_do_not_see_each_other(small):
    """A part worth a thousandth is solved as well beside one of 1e300."""
    worth = np.array([1e300, 1e300 * (1 + 2e-16), 1e-300, 2e-300, 1e-3, 1e-3 + 1e-18])
    found = best(worth, star(3), np.ones(3, int), small)
    assert np.flatnonzero(found).tolist() == [1, 3, 5]


def test_a_proposal_that_is_proven_needs_no_search(monkeypatch):
    def search(*_):
        raise AssertionError("nothing was in doubt")

    monkeypatch.setattr(packing, "_solved", search)
    monkeypatch.setattr(packing, "SMALL", 0)
    problem = Packing.of(np.array([2.0, 3.0]), star(1), np.ones(1, int))
    assert problem.best(np.array([False, True]), np.array([2.5])).tolist() == [False, True]
    with pytest.raises(AssertionError, match="nothing was in doubt"):
        problem.best(np.array([True, False]), np.array([2.0]))


@pytest.mark.parametrize("small", [0, packing.SMALL])
def test_a_wrong_or_impossible_proposal_does_no_harm(monkeypatch, small):
    monkeypatch.setattr(packing, "SMALL", small)
    problem = Packing.of(np.array([2.0, 3.0]), star(1), np.ones(1, int))
    for rows in itertools.product([False, True], repeat=2):
        for price in (0.0, 2.5, 1e9):
            assert problem.best(np.array(rows), np.array([price])).tolist() == [False, True]


def test_each_part_is_a_search_of_its_own(monkeypatch):
    """Twice as many markets are twice as many searches of the same numbers."""
    seen = []
    solved = packing._solved

    def counting(value, *others):
        seen.append(value.tolist())
        return solved(value, *others)

    monkeypatch.setattr(packing, "_solved", counting)
    for parts in (1, 2):
        best(np.tile([1.0, 1.0], parts), star(parts), np.ones(parts, int), small=0)
    alone = len(seen) // 3
    assert alone > 0
    assert seen == 3 * seen[:alone]
