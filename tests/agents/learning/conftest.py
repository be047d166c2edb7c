from typing import Any

import numpy as np
import pytest
import torch

from agents.learning import Fleet
from agents.learning.networks import Architecture
from agents.learning.networks.convnet import ConvNet
from agents.learning.networks.mlp import MLP
from agents.learning.networks.resnet import ResNet
from agents.learning.networks.vgg import VGG
from agents.learning.training.optimisers import SGD, Optimiser
from tests.agents.learning.own_nets import OWN
from tests.agents.learning.token_network import TokenArchitecture

SHAPE, CLASSES, EXAMPLES = (2, 6, 5), 3, 90

ARCHITECTURES = {
    "mlp": MLP(widths=[13, 7]).bind(SHAPE, CLASSES),
    "linear": MLP(widths=[]).bind(SHAPE, CLASSES),
    "convnet": ConvNet(channels=[5, 6]).bind(SHAPE, CLASSES),
    "convnet_average": ConvNet(channels=[4], pooling="average").bind(SHAPE, CLASSES),
    "resnet": ResNet(depth=10, channels=3).bind(SHAPE, CLASSES),
    "vgg": VGG(stages=[[5, 4], [6]]).bind(SHAPE, CLASSES),
    "tokens": TokenArchitecture(SHAPE, CLASSES),
    "own module": OWN["flattened"].bind(SHAPE, CLASSES),
}


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Modules that tests make draw from torch's global generator: alike, whatever ran before."""
    torch.manual_seed(0)


def named(*names: str) -> list[Any]:
    """Return names of architectures as parameters of tests; deep ones take longest."""
    heavy = ("resnet", "vgg")
    return [pytest.param(name, marks=pytest.mark.heavy) if name in heavy else name for name in names]


@pytest.fixture(params=named("mlp", "convnet", "vgg"))
def architecture(request: pytest.FixtureRequest) -> Architecture:
    return ARCHITECTURES[request.param]


@pytest.fixture(params=named(*ARCHITECTURES))
def any_architecture(request: pytest.FixtureRequest) -> Architecture:
    return ARCHITECTURES[request.param]


@pytest.fixture
def examples() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(5)
    inputs = rng.normal(size=(EXAMPLES, *SHAPE)).astype(np.float32)
    # labels that can be learnt, so that losses and gains move
    labels = (inputs.reshape(EXAMPLES, -1) @ rng.normal(size=(np.prod(SHAPE), CLASSES))).argmax(1)
    return torch.from_numpy(inputs), torch.from_numpy(labels)


def models(architecture: Architecture, count: int, seed: int = 0) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(seed)
    drawn = [architecture.initial(rng) for _ in range(count)]
    return {
        name: torch.from_numpy(np.stack([model[name] for model in drawn])) for name in architecture.shapes
    }


def fleet_of(
    architecture: Architecture,
    count: int,
    optimiser: Optimiser | None = None,
    seed: int = 0,
    memory_budget_mb: float = 512,
) -> Fleet:
    fleet = Fleet(architecture, count, optimiser or SGD(), device="cpu", memory_budget_mb=memory_budget_mb)
    fleet.write(np.arange(count), models(architecture, count, seed))
    return fleet


def orders(lengths: list[int], seed: int = 0, examples: int = EXAMPLES) -> np.ndarray:
    rng = np.random.default_rng(seed)
    order = np.full((len(lengths), max(lengths, default=0)), -1, np.int64)
    for row, length in enumerate(lengths):
        order[row, :length] = rng.permutation(examples)[:length]
    return order
