"""Small convolutional network with group normalisation."""

import dataclasses
from collections import OrderedDict
from dataclasses import dataclass as value
from functools import cached_property
from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from agents.learning.networks.base import NETWORKS, Network, Symmetries
from agents.learning.networks.convolutions import KERNEL, chain_symmetries, convolve, patches, pool
from agents.learning.networks.images import ImageArchitecture, check_image
from agents.learning.networks.normalisation import normalise_examples
from agents.learning.stack.parameters import Parameters
from markets.refusals import InputError


@value(frozen=True)
class ConvNetArchitecture(ImageArchitecture):
    """Stages of 3 x 3 convolution, GroupNorm(1), ReLU, pooling between; then global average and linear head.

    Stage s is the position ``layer{s}`` with tensors ``conv.weight``, ``conv.bias``, ``norm.weight``,
    ``norm.bias``.
    """

    channels: tuple[int, ...] = ()
    pooling: str = "max"

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of the convolution stages, input first."""
        return tuple(f"layer{depth}" for depth in range(len(self.channels)))

    @property
    def signature(self) -> str:
        """Name of the architecture, with the sizes of all its layers."""
        widths = "-".join(map(str, (*self.channels, self.classes)))
        return f"convnet:{'x'.join(map(str, self.input_shape))}-{widths}:{self.pooling}"

    @cached_property
    def symmetries(self) -> Symmetries:
        """Permutations of the channels of each stage: its own tensors and the next weight move."""
        return chain_symmetries(self.layers, ("conv.weight", "conv.bias", "norm.weight", "norm.bias"))

    @cached_property
    def _pixels(self) -> tuple[int, ...]:
        _, height, width = self.input_shape
        return tuple((height >> depth) * (width >> depth) for depth in range(len(self.channels)))

    @property
    def activation_count(self) -> int:
        """Of all stages the pre-activation, it normalised, it scaled and rectified, and what is pooled."""
        return self.classes + sum(4 * p * units for p, units in zip(self._pixels, self.channels, strict=True))

    def _convolve(self, parameters: Parameters, layer: str, x: Tensor) -> Tensor:
        return convolve(x, parameters[f"{layer}.conv.weight"], parameters[f"{layer}.conv.bias"])

    def trunk(self, parameters: Parameters, z: Tensor) -> Tensor:
        """Return the logits ``[N, K, B]`` of a stem."""
        for layer, after in zip(self.layers, (*self.layers[1:], None), strict=True):
            h = self._activate(parameters, layer, z)
            if after:
                z = self._convolve(parameters, after, pool(h, self.pooling))
        return self.answers(parameters, h)

    @torch.no_grad()
    def layer_inputs(self, parameters: Parameters, x: Tensor) -> dict[str, Tensor]:
        """Return what enters every linear map (see `Architecture.layer_inputs`), in one batch."""
        found, below = {}, x.movedim(2, -1)
        for layer, after in zip(self.layers, (*self.layers[1:], None), strict=True):
            found[f"{layer}.conv.weight"] = patches(below)
            h = self._activate(parameters, layer, self._convolve(parameters, layer, below))
            below = pool(h, self.pooling) if after else h
        return found | {"head.weight": below.mean((2, 3)).unsqueeze(2)}

    def _activate(self, parameters: Parameters, layer: str, z: Tensor) -> Tensor:
        """Return a stage's normalised, scaled and rectified pre-activation."""
        scale, shift = (parameters[f"{layer}.norm.{role}"] for role in ("weight", "bias"))
        return normalise_examples(z, scale, shift).relu_()

    def skeleton(self) -> nn.Module:
        """Return the plain torch module, input shape ``[B, C, H, W]``."""
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        ins = (self.input_shape[0], *self.channels[:-1])
        for layer, fan_in, units in zip(self.layers, ins, self.channels, strict=True):
            stage: OrderedDict[str, nn.Module] = OrderedDict(
                conv=nn.Conv2d(fan_in, units, KERNEL, padding=1), norm=nn.GroupNorm(1, units), relu=nn.ReLU()
            )
            if layer != self.layers[-1]:
                stage["pool"] = nn.MaxPool2d(2) if self.pooling == "max" else nn.AvgPool2d(2)
            modules[layer] = nn.Sequential(stage)
        modules["average"] = nn.AdaptiveAvgPool2d(1)
        modules["flat"] = nn.Flatten()
        modules["head"] = nn.Linear(self.channels[-1], self.classes)
        return nn.Sequential(modules)


@NETWORKS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ConvNet(Network):
    """Convolutional network with GroupNorm, which keeps no running statistics that a merge would spoil.

    Parameters
    ----------
    channels : list of int
        Channels of each stage; the sides of the image are halved between stages.
    pooling : str
        "max" or "average".
    """

    name: str = "convnet"
    channels: Annotated[list[Annotated[int, Field(ge=1, le=1_000_000)]], Field(min_length=1)] = (
        dataclasses.field(default_factory=lambda: [16, 32])
    )
    pooling: Annotated[str, Field(pattern="^(max|average)$")] = "max"

    def bind(self, input_shape: tuple[int, ...], classes: int) -> ConvNetArchitecture:
        """Return the architecture for images (channels, height, width) and a number of answers.

        Raises
        ------
        InputError
            If the examples are no images, or too small to be halved between all stages.
        """
        check_image(self.name, input_shape)
        stages = min(input_shape[1:]).bit_length()
        if len(self.channels) > stages:
            raise InputError(
                f"channels must have at most {stages} stages for images of {input_shape[1]} x "
                f"{input_shape[2]}; got {self.channels}"
            )
        return ConvNetArchitecture(
            input_shape=input_shape, classes=classes, channels=tuple(self.channels), pooling=self.pooling
        )
