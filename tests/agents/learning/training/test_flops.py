"""Operations against those that torch counts while the work is done.

All sizes fill whole cache lines, so that nothing is padded.
"""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from agents.learning import Data, Offered, Pairs, try_blocks
from agents.learning.alignment.base import Unaligned
from agents.learning.networks import Architecture
from agents.learning.networks.convnet import ConvNet
from agents.learning.networks.mlp import MLP
from agents.learning.networks.resnet import ResNet
from agents.learning.networks.vgg import VGG, VGGArchitecture
from agents.learning.operators import MERGE_OPERATORS
from agents.learning.operators.recipe import Recipe, gather_evidence
from agents.learning.stack.data import Batch
from agents.learning.training.flops import trial_flops
from tests.agents.learning.conftest import fleet_of, models

SHAPE, CLASSES, ROWS = (1, 4, 4), 16, 16
ARCHITECTURES = {
    "mlp": MLP(widths=[32, 16]).bind(SHAPE, CLASSES),
    "linear": MLP(widths=[]).bind(SHAPE, CLASSES),
    "convnet": ConvNet(channels=[16, 32]).bind(SHAPE, CLASSES),
    "resnet": ResNet(depth=10, channels=16).bind(SHAPE, CLASSES),
    "vgg": VGG(stages=[[16, 16], [32]]).bind(SHAPE, CLASSES),
}


@pytest.fixture(params=list(ARCHITECTURES))
def network(request: pytest.FixtureRequest) -> Architecture:
    return ARCHITECTURES[request.param]


def sums_over_rows(network: Architecture) -> int:
    """Return what the two sums of every batch normalisation add to torch's count, an example."""
    if not isinstance(network, VGGArchitecture):
        return 0
    return 4 * sum(
        network.pixels[layer] * c for layer, c in zip(network.layers, network.channels, strict=True)
    )


@pytest.mark.parametrize("slots", [2, 3])
def test_a_training_step_takes_what_is_said(network: Architecture, slots: int) -> None:
    x = torch.randn(slots, ROWS, *SHAPE, generator=torch.Generator().manual_seed(1))
    y, share = torch.zeros(slots, ROWS, dtype=torch.int64), torch.full((slots, ROWS), 1 / ROWS)
    parameters, sums = models(network, slots), sums_over_rows(network)
    with FlopCounterMode(display=False) as forward:
        network.forward(parameters, x)
    assert forward.get_total_flops() == slots * ROWS * (network.forward_flops + sums)
    with FlopCounterMode(display=False) as training:
        network.gradients(parameters, Batch(x, y, share))
    assert training.get_total_flops() == slots * ROWS * (network.training_flops + 2 * sums)


@pytest.mark.parametrize("operator", ["interpolation", "uniform_soup", "slerp"])
@pytest.mark.parametrize("groups", [1, 2])
def test_trials_take_what_is_said(network: Architecture, operator: str, groups: int) -> None:
    """Where both ways of five pairs are tried at four weights, on 32 examples, and 48 to calibrate."""
    buyer, seller = np.array([0, 0, 0, 1, 3]), np.array([1, 2, 1, 0, 1])
    position, group = np.array([0, 0, 1, 0, 0]), np.array([0, 0, 0, 1, 1]) % groups
    fleet, rule = fleet_of(network, 4), MERGE_OPERATORS.build(operator)
    inputs = torch.randn(48, *SHAPE, generator=torch.Generator().manual_seed(1))
    every, rows = torch.arange(4), torch.zeros(4, 1, dtype=torch.int64)
    evidence = gather_evidence(fleet, rule, every, inputs, rows, every)
    known, pairs = np.tile(np.arange(48), (groups, 1)), Pairs.of(buyer, seller, position)
    recipe = Recipe(rule, own=evidence, offered=evidence)
    offered = Offered(fleet.copy_of(every.numpy()), ["model", "head"], recipe)
    data = Data(inputs, torch.zeros(48, dtype=torch.int64), known[:, :32], group)
    with FlopCounterMode(display=False) as counter:
        try_blocks(fleet, offered, pairs, data, [0, 0.3, 0.5, 1], alignment=Unaligned(), calibration=known)
    statistics = 48 * 15 * sums_over_rows(network)
    said = trial_flops(network, rule, 4, pairs, group, examples=32, calibration=48)
    assert counter.get_total_flops() == said + statistics


def test_operations_of_trials_by_hand() -> None:
    """64-5-3: a first layer of 640 operations, then 30; two buyers, three pairs, weight 0 and ten more."""
    network = MLP(widths=[5]).bind((1, 8, 8), 3)
    pairs = Pairs.of([0, 0, 2], [1, 2, 1]), np.zeros(3, np.int64)
    straight = trial_flops(network, MERGE_OPERATORS.build("interpolation"), 11, *pairs, examples=100)
    assert straight == 100 * (3 * 640 + (2 + 30) * 30)
    curved = trial_flops(network, MERGE_OPERATORS.build("slerp"), 11, *pairs, examples=100, calibration=900)
    assert curved == 100 * ((2 + 30) * 640 + (2 + 30) * 30)
    none = Pairs.of([], []), np.zeros(0, np.int64)
    assert trial_flops(network, MERGE_OPERATORS.build("slerp"), 11, *none, examples=100) == 0
