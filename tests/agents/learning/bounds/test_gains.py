"""Bounds on gains: true for every function they speak of, as narrow as can be, narrower with every probe."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.learning.bounds.gains import (
    GainBounds,
    lipschitz_bounds,
    probe_order,
    smoothness_bounds,
    steepest,
)

GRID = np.linspace(0, 1, 33)
FINE = np.linspace(0, 1, 20_001)


def rough_losses(count: int, seed: int, grid: np.ndarray = GRID) -> np.ndarray:
    """Random walks above 0: nothing but a greatest slope is known of them."""
    steps = np.random.default_rng(seed).normal(scale=0.1, size=(count, len(grid)))
    walk = np.cumsum(steps, axis=1)
    return walk - walk.min(axis=1, keepdims=True) + 0.3


def gains(losses: np.ndarray) -> np.ndarray:
    return losses[:, 0] - losses.min(axis=1)


def probed(losses: np.ndarray, count: int, lipschitz: np.ndarray) -> GainBounds:
    places = probe_order(GRID, losses, lipschitz, count)
    return lipschitz_bounds(GRID[places], np.take_along_axis(losses, places, axis=1), lipschitz)


@given(seed=st.integers(0, 10_000), count=st.integers(0, 32), spare=st.floats(1, 3))
@settings(deadline=None, max_examples=30)
def test_they_hold_for_whatever_is_not_steeper(seed: int, count: int, spare: float) -> None:
    losses = rough_losses(20, seed)
    bounds = probed(losses, count, spare * steepest(GRID, losses))
    assert bounds.hold(gains(losses)).all()
    assert (bounds.low >= 0).all()
    assert (bounds.high <= losses[:, 0]).all()


def test_no_narrower_bound_holds() -> None:
    """The highest and the lowest K-Lipschitz function through the probes, by brute force, are the bounds."""
    rng = np.random.default_rng(1)
    weights = np.column_stack([np.zeros(30), rng.random((30, 4))])
    k = rng.uniform(2, 6, 30)
    losses = 3 + 0.3 * k[:, None] * np.sin(2.5 * weights)
    cones = k[:, None, None] * np.abs(FINE - weights[:, :, None])
    lowest = (losses[:, :, None] - cones).max(axis=1).min(axis=1)
    highest = (losses[:, :, None] + cones).min(axis=1).min(axis=1)
    bounds = lipschitz_bounds(weights, losses, k)
    np.testing.assert_allclose(bounds.high, losses[:, 0] - lowest.clip(min=0), atol=k.max() / 20_000)
    np.testing.assert_allclose(bounds.low, losses[:, 0] - highest, atol=1e-12)


def test_every_probe_narrows_them_until_nothing_is_left() -> None:
    """Probes nest; with all weights of the grid known the gain is, up to half a step of the grid."""
    losses = rough_losses(50, 3)
    k = steepest(GRID, losses)
    ladder = [probed(losses, m, k) for m in range(len(GRID))]
    for few, more in itertools.pairwise(ladder):
        assert (more.low >= few.low).all()
        assert (more.high <= few.high + 1e-12).all()
    np.testing.assert_array_equal(ladder[-1].low, gains(losses))
    assert (ladder[-1].high - ladder[-1].low <= k / 32 / 2 + 1e-12).all()


def test_probes_go_where_the_loss_may_be_least() -> None:
    """First at the far end, where K = 1 leaves most; then, from 1 and 1/2, at 3/4, where the cones meet."""
    losses = np.array([1 - GRID / 2])
    assert GRID[probe_order(GRID, losses, [1.0], 2)].tolist() == [[0.0, 1.0, 0.75]]
    flat = probe_order(GRID, np.ones((1, 33)), [0.0], 32)
    assert sorted(flat[0]) == list(range(33))


def test_parabolas() -> None:
    """l = l0 + s w + M w^2/2 gains s^2/(2M) inside [0, 1]: the lower bound of smoothness is that exactly.

    Its greatest slope is at an end, max(|s|, |s + M|), and the upper bound f + M/2 is that of -M.
    """
    rng = np.random.default_rng(0)
    s, m = rng.uniform(-1.5, 0.5, 300), rng.exponential(size=300)
    before = 3.0 + np.zeros(300)
    fine = np.linspace(0, 1, 2001)
    losses = before[:, None] + s[:, None] * fine + m[:, None] * fine**2 / 2
    bounds = smoothness_bounds(before, s, m)
    np.testing.assert_allclose(bounds.low, gains(losses), atol=1e-6)
    bent = before[:, None] + s[:, None] * fine - m[:, None] * fine**2 / 2
    np.testing.assert_allclose(bounds.high, gains(bent).clip(max=3), atol=1e-6)
    np.testing.assert_allclose(steepest(fine, losses), np.maximum(np.abs(s), np.abs(s + m)), rtol=1e-3)
    straight = smoothness_bounds([1.0, 1.0], [-0.5, 0.5], [0.0, 0.0])
    assert straight.low.tolist() == straight.high.tolist() == [0.5, 0.0]


def test_bounds_hold_or_do_not() -> None:
    bounds = GainBounds(np.array([0.5, 3.0]), np.array([1.0, 4.0]))
    assert bounds.hold([0.7, 2.0]).tolist() == [True, False]


def test_a_slope_that_is_too_small_leaves_the_best_probe() -> None:
    bounds = lipschitz_bounds([[0.0, 1.0]], [[2.0, 1.0]], [0.1])
    assert bounds.low.tolist() == bounds.high.tolist() == [1.0]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="losses must be finite; got inf"):
        lipschitz_bounds([[0.0, 1.0]], [[np.inf, 1.0]], [1.0])
    with pytest.raises(ValueError, match=r"weights must begin with 0; got 0\.5"):
        lipschitz_bounds([[0.5, 1.0]], [[2.0, 1.0]], [1.0])
    with pytest.raises(ValueError, match="count must be a whole number from 0 to 32; got 33"):
        probe_order(GRID, rough_losses(1, 0), [1.0], 33)
