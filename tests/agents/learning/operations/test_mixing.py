"""Mixing against sums by hand."""

import numpy as np
import pytest
import torch

from agents.learning.operations.mixing import mix
from tests.agents.learning.conftest import ARCHITECTURES, fleet_of

SLOTS = np.array([[3, 0], [1, 4]])
WEIGHTS = np.array([[[0.25, 0.75], [0.5, 0.5]], [[1.0, 0.0], [0.1, 0.9]]])


def test_every_model_becomes_its_weighted_mean(any_architecture):
    fleet = fleet_of(any_architecture, 5)
    before = {name: leaf.clone().double() for name, leaf in fleet.parameters.items()}
    changed = []
    mix(fleet, SLOTS, WEIGHTS, after_merge=changed.append)
    for name, leaf in fleet.parameters.items():
        for group, weights in zip(SLOTS, WEIGHTS, strict=True):
            for slot, row in zip(group, weights, strict=True):
                expected = sum(w * before[name][j] for w, j in zip(row, group, strict=True))
                torch.testing.assert_close(leaf[slot].double(), expected, rtol=1e-6, atol=1e-7)
        assert torch.equal(
            leaf[[1, 2]].double(), before[name][[1, 2]]
        )  # a row of the identity, and a stranger
    assert np.concatenate(changed).tolist() == [3, 0, 4]


def test_optimisers_of_those_who_moved_start_afresh():
    fleet = fleet_of(ARCHITECTURES["mlp"], 5)
    fleet.optimiser_state.steps.fill_(7)
    mix(fleet, SLOTS, WEIGHTS, reset_optimiser=False)
    assert fleet.optimiser_state.steps.tolist() == [7] * 5
    mix(fleet, SLOTS, WEIGHTS)
    assert fleet.optimiser_state.steps.tolist() == [0, 7, 7, 0, 0]


@pytest.mark.parametrize("wrong", [WEIGHTS[:1], WEIGHTS * 2, WEIGHTS - np.eye(2)])
def test_weights_that_are_no_means_are_refused(wrong):
    with pytest.raises(ValueError, match="weights must"):
        mix(fleet_of(ARCHITECTURES["linear"], 5), SLOTS, wrong)
