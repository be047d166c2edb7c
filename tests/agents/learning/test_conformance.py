"""The check of a network passes for all of ours, and finds each of the faults that it is for."""

import dataclasses

import pytest
import torch
from torch import Tensor

from agents.learning.conformance import check_architecture
from agents.learning.networks import Architecture
from agents.learning.networks.mlp import MLP, MLPArchitecture
from agents.learning.stack.parameters import Parameters


def test_every_network_does_what_it_declares(any_architecture: Architecture) -> None:
    check_architecture(any_architecture)


class NotPlain(MLPArchitecture):
    def trunk(self, parameters: Parameters, z: Tensor) -> Tensor:
        return super().trunk(parameters, z) + 1


class OfTheCompany(MLPArchitecture):
    def trunk(self, parameters: Parameters, z: Tensor) -> Tensor:
        return super().trunk(parameters, z) * (1 + 1e-7 * len(z))


class Crooked(MLPArchitecture):
    def stem(self, parameters: Parameters, x: Tensor) -> Tensor:
        return super().stem(parameters, x).relu()


class Silent(MLPArchitecture):
    @property
    def symmetries(self) -> dict:
        return {}


class Wrong(MLPArchitecture):
    @property
    def symmetries(self) -> dict:
        first, *others = super().symmetries.items()
        return {first[0]: first[1][:-1]} | dict(others)


class Transposed(MLPArchitecture):
    def forward(self, parameters: Parameters, x: Tensor) -> Tensor:
        return super().forward(parameters, x).transpose(1, 2)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (NotPlain, "must give the logits of the plain module"),
        (OfTheCompany, "the same bits in any company"),
        (Crooked, "the stem must be linear"),
        (Silent, "symmetries must hold all permutations of units"),
        (Wrong, "permuted units must give the same answers"),
        (Transposed, r"logits \[N, K, B\]"),
    ],
)
def test_faults_are_found(fault: type[MLPArchitecture], sentence: str) -> None:
    sound = MLP(widths=[6, 5]).bind((1, 4, 4), 3)
    assert isinstance(sound, MLPArchitecture)
    broken = fault(**{field.name: getattr(sound, field.name) for field in dataclasses.fields(sound)})
    check_architecture(sound)
    with pytest.raises(AssertionError, match=sentence), torch.no_grad():
        check_architecture(broken)
