"""Slopes along merges against differences of losses that trials measure."""

import numpy as np
import pytest

from agents.learning import Data, Offered, Pairs, Prepared, try_blocks
from agents.learning.alignment.base import Unaligned
from agents.learning.alignment.weight_matching import WeightMatching
from agents.learning.bounds.path_slopes import path_slopes
from tests.agents.learning.conftest import ARCHITECTURES, fleet_of

BUYER, SELLER, GROUP = [0, 1, 2, 1], [1, 0, 0, 2], [0, 1, 0, 0]
INDEX = np.arange(64).reshape(2, 32)


def measured(name: str, weights: list[float], examples, align: bool = True, budget: float = 512.0):
    fleet = fleet_of(ARCHITECTURES[name], 3, memory_budget_mb=budget)
    offered = Offered(fleet.copy_of(np.arange(3)))
    pairs, data = Pairs.of(BUYER, SELLER), Data(*examples, INDEX, GROUP)
    step = 0.01
    around = np.unique(np.clip([w + d for w in weights for d in (-step, step)] + [0.0], 0, 1))
    trials = try_blocks(
        fleet, offered, pairs, data, around, alignment=WeightMatching() if align else Unaligned()
    )
    slopes = path_slopes(fleet, trials.prepared, pairs, data, weights)
    return slopes, around, trials.losses


@pytest.mark.parametrize("name", ["mlp", "linear", "convnet"])
def test_slopes_are_those_of_the_losses_that_trials_measure(name: str, examples) -> None:
    weights = [0.1, 0.5, 0.9]
    slopes, around, losses = measured(name, weights, examples)
    for column, weight in enumerate(weights):
        left, right = np.searchsorted(around, [weight - 0.011, weight + 0.009])
        secant = (losses[:, right] - losses[:, left]) / (around[right] - around[left])
        np.testing.assert_allclose(slopes.slope[:, column], secant, rtol=0.03, atol=0.003)


def test_norms_bound_slopes_and_a_convex_loss_turns_upwards(examples) -> None:
    """|l'(w)| <= |grad L| |d| (Cauchy and Schwarz); cross-entropy is convex in a linear model."""
    weights = [0.0, 0.5, 1.0]
    slopes, _, _ = measured("linear", weights, examples)
    assert (np.abs(slopes.slope) <= slopes.gradient * slopes.distance[:, None] * (1 + 1e-6)).all()
    assert (slopes.by_norms >= slopes.by_slopes).all()
    assert (np.diff(slopes.slope, axis=1) > 0).all()
    expected = 2 * np.diff(slopes.slope, axis=1).max(axis=1)
    np.testing.assert_allclose(slopes.curvature(weights), expected)


def test_distance_by_hand_and_in_chunks(examples) -> None:
    slopes, _, _ = measured("mlp", [0.0, 1.0], examples, align=False)
    fleet = fleet_of(ARCHITECTURES["mlp"], 3)
    flat = np.concatenate([leaf.flatten(1).numpy() for leaf in fleet.parameters.values()], axis=1)
    expected = np.linalg.norm(flat[SELLER] - flat[BUYER], axis=1)
    np.testing.assert_allclose(slopes.distance, expected, rtol=1e-5)
    cut, _, _ = measured("mlp", [0.0, 1.0], examples, align=False, budget=1e-6)
    np.testing.assert_allclose(cut.slope, slopes.slope, rtol=1e-5)


def test_running_statistics_have_no_slope(examples) -> None:
    fleet = fleet_of(ARCHITECTURES["vgg"], 2)
    prepared = Prepared(Offered(fleet.copy_of([0, 1])))
    with pytest.raises(ValueError, match="network must keep no running statistics for slopes"):
        path_slopes(fleet, prepared, Pairs.of([0], [1]), Data(*examples, INDEX, [0]), [0.0])
