"""The benchmark's perceptron as a user would bring it: what networks that are not ours cost is seen by it."""

from math import prod

import torch
from torch import Tensor, nn


def make(shape: tuple[int, ...], answers: int, width: int = 64) -> nn.Module:
    """Return two hidden layers, as ``mlp`` has them."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(prod(shape), width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, answers),
    )


class Adapted(nn.Module):
    """A frozen layer and a low-rank adapter beside it (Hu et al. 2022), and a head."""

    def __init__(self, inputs: int, answers: int, width: int, rank: int) -> None:
        super().__init__()
        self.base = nn.Linear(inputs, width).requires_grad_(False)
        self.down, self.up = nn.Linear(inputs, rank, bias=False), nn.Linear(rank, width, bias=False)
        self.head = nn.Linear(width, answers)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers ``[B, K]``."""
        flat = x.flatten(1)
        return self.head(torch.relu(self.base(flat) + self.up(self.down(flat))))


def adapted(shape: tuple[int, ...], answers: int, width: int = 352, rank: int = 4) -> nn.Module:
    """Return a base of a million frozen parameters for images of 3 x 32 x 32, with an adapter."""
    return Adapted(prod(shape), answers, width, rank)
