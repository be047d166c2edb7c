"""Packings against enumeration in fractions, which round nothing."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array

from markets import packing
from markets.packing import Packing


def total(worth, rows):
    return sum((Fraction(float(w)) for w in worth[rows]), Fraction(0))


def enumerated(worth, uses, room):
    """The greatest total worth, by trying all sets of rows."""
    chosen = np.array(list(itertools.product([False, True], repeat=len(worth))))
    fits = chosen[(chosen @ uses.T <= room).all(axis=1)]
    return max(total(worth, rows) for rows in fits)


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


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["any", "micro", "ties", "near"]),
    st.integers(1, 9),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_the_best_rows_are_exactly_the_best(seed, kind, rows, bipartite):
    rng = np.random.default_rng(seed)
    if bipartite:
        left, right = rng.integers(0, 3, rows), 3 + rng.integers(0, 3, rows)
        uses = (np.arange(6)[:, None] == left) | (np.arange(6)[:, None] == right)
    else:
        uses = rng.random((5, rows)) < 0.4
        uses[0] |= ~uses.any(axis=0)
    worth, room = spread(rng, rows, kind), rng.integers(1, 4, len(uses))
    taken = Packing.of(worth, csc_array(uses.astype(float)), room).best()
    assert (uses @ taken.astype(int) <= room).all()
    best = enumerated(worth, uses.astype(int), room)
    if bipartite:
        assert total(worth, taken) == best
    else:
        # A search for whole rows is exact up to 1e-12 of what a linear program leaves in doubt.
        assert float(best - total(worth, taken)) <= 1e-12 * worth.max()


def star(tries):
    """`tries` parts of two rows that exclude each other."""
    limit = np.repeat(np.arange(tries), 2)
    return csc_array((np.ones(2 * tries), limit, np.arange(2 * tries + 1)), shape=(tries, 2 * tries))


def test_parts_do_not_see_each_other():
    """A part worth a thousandth is solved as well beside one of 1e300, in one search for both."""
    worth = np.array([1e300, 1e300 * (1 + 2e-16), 1e-300, 2e-300, 1e-3, 1e-3 + 1e-18])
    assert np.flatnonzero(Packing.of(worth, star(3), np.ones(3, int)).best()).tolist() == [1, 3, 5]


def test_a_proposal_that_is_proven_needs_no_search(monkeypatch):
    def search(*_):
        raise AssertionError("nothing was in doubt")

    monkeypatch.setattr(packing, "_solved", search)
    problem = Packing.of(np.array([2.0, 3.0]), star(1), np.ones(1, int))
    assert problem.best(np.array([False, True]), np.array([2.5])).tolist() == [False, True]
    with pytest.raises(AssertionError, match="nothing was in doubt"):
        problem.best(np.array([True, False]), np.array([2.0]))


def test_a_wrong_or_impossible_proposal_does_no_harm():
    problem = Packing.of(np.array([2.0, 3.0]), star(1), np.ones(1, int))
    for rows in itertools.product([False, True], repeat=2):
        for price in (0.0, 2.5, 1e9):
            assert problem.best(np.array(rows), np.array([price])).tolist() == [False, True]


def test_all_parts_are_one_search(monkeypatch):
    """Twice as many markets are twice as many rows in as many searches."""
    seen = []
    solved = packing._solved

    def counting(value, *others):
        seen[-1].append(len(value))
        return solved(value, *others)

    monkeypatch.setattr(packing, "_solved", counting)
    for parts in (50, 100):
        seen.append([])
        Packing.of(np.tile([1.0, 1.0], parts), star(parts), np.ones(parts, int)).best()
    assert [2 * size for size in seen[0]] == seen[1]
