"""A network with linear layers over a sequence axis: the lines of an image are its tokens."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from agents.learning.networks.base import Architecture, Symmetries
from agents.learning.networks.products import product
from agents.learning.stack.parameters import Parameters

HIDDEN = 7


@dataclass(frozen=True)
class TokenArchitecture(Architecture):
    """Two linear layers that every token passes alike, each rectified, the mean over tokens, and a head."""

    @property
    def signature(self) -> str:
        return f"tokens:{'x'.join(map(str, self.input_shape))}-{HIDDEN}-{HIDDEN}-{self.classes}"

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        channels, _, width = self.input_shape
        maps = {
            "layer0": (HIDDEN, channels * width),
            "layer1": (HIDDEN, HIDDEN),
            "head": (self.classes, HIDDEN),
        }
        return {
            f"{layer}.{role}": shape if role == "weight" else shape[:1]
            for layer, shape in maps.items()
            for role in ("weight", "bias")
        }

    @cached_property
    def symmetries(self) -> Symmetries:
        return {
            f"{layer}.units": ((f"{layer}.weight", 0), (f"{layer}.bias", 0), (f"{above}.weight", 1))
            for layer, above in (("layer0", "layer1"), ("layer1", "head"))
        }

    @property
    def stem_tensors(self) -> tuple[str, ...]:
        return ("layer0.weight", "layer0.bias")

    @property
    def stem_size(self) -> int:
        return self.input_shape[1] * HIDDEN

    @property
    def activation_count(self) -> int:
        return 4 * self.stem_size + HIDDEN + self.classes

    @property
    def forward_flops(self) -> int:
        channels, tokens, width = self.input_shape
        return 2 * HIDDEN * (tokens * (channels * width + HIDDEN) + self.classes)

    def stem(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Return the first pre-activation ``[N, B, T, h]``."""
        tokens = x.movedim(-3, -2).flatten(-2)
        slots = len(parameters["layer0.weight"])
        return _each_token(parameters, "layer0", tokens.expand(slots, *tokens.shape[-3:]))

    def trunk(self, parameters: Parameters, z: Tensor) -> Tensor:
        """Return the logits ``[N, K, B]`` of a stem."""
        above = _each_token(parameters, "layer1", z.relu())
        mean = above.relu().mean(2).transpose(1, 2)
        return product(parameters["head.weight"], mean, parameters["head.bias"].unsqueeze(2))

    def permute_stem(self, z: Tensor, permutations: dict[str, Tensor]) -> Tensor:
        return torch.take_along_dim(z, permutations["layer0.units"][:, None, None], -1)

    def skeleton(self) -> nn.Module:
        modules: OrderedDict[str, nn.Module] = OrderedDict(tokens=_Tokens())
        for layer in ("layer0", "layer1"):
            units, ins = self.shapes[f"{layer}.weight"]
            modules |= {layer: nn.Linear(ins, units), f"{layer}_relu": nn.ReLU()}
        return nn.Sequential(modules | {"mean": _Mean(), "head": nn.Linear(HIDDEN, self.classes)})


class _Tokens(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).flatten(2)


class _Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


def _each_token(parameters: Parameters, layer: str, tokens: Tensor) -> Tensor:
    """Map ``[N, B, T, F]`` to ``[N, B, T, units]``."""
    weight, bias = parameters[f"{layer}.weight"], parameters[f"{layer}.bias"]
    flat = product(tokens.flatten(1, 2), weight.transpose(1, 2), bias.unsqueeze(1))
    return flat.unflatten(1, tokens.shape[1:3])
