"""Plain deep convolutional network with batch normalisation."""

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
from agents.learning.networks.convolutions import KERNEL, chain_symmetries, convolve, pool
from agents.learning.networks.images import ImageArchitecture, check_image
from agents.learning.networks.normalisation import batch_normalise, normalise_channels
from agents.learning.stack.parameters import Parameters
from markets.refusals import InputError

MOMENTUM = 0.1
"""Share by which a batch moves the running statistics, as torch's default."""
MEAN, VARIANCE = "running_mean", "running_var"


@value(frozen=True)
class VGGArchitecture(ImageArchitecture):
    """Stages of 3 x 3 convolution, BatchNorm and ReLU, each pooled at its end; global average, linear head.

    Convolution i of all stages is the position ``layer{i}`` with tensors ``conv.weight``, ``norm.weight``,
    ``norm.bias`` and the running statistics ``norm.running_mean``, ``norm.running_var``. Convolutions have no
    bias, for the normalisation would take it off again: its gradient is rounding, which Adam would amplify.

    Parameters
    ----------
    stages : tuple of tuple of int
        Channels of each convolution, stage by stage.
    """

    stages: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def channels(self) -> tuple[int, ...]:
        """Channels of all convolutions, input first."""
        return tuple(units for stage in self.stages for units in stage)

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of the convolutions, input first."""
        return tuple(f"layer{depth}" for depth in range(len(self.channels)))

    @cached_property
    def pooled(self) -> frozenset[str]:
        """Names of the last convolutions of the stages."""
        ends, depth = [], -1
        for stage in self.stages:
            depth += len(stage)
            ends.append(self.layers[depth])
        return frozenset(ends)

    @cached_property
    def pixels(self) -> dict[str, int]:
        """Pixels that each convolution works on."""
        _, height, width = self.input_shape
        pixels = {}
        for layer in self.layers:
            pixels[layer] = height * width
            if layer in self.pooled:
                height, width = height // 2, width // 2
        return pixels

    @property
    def signature(self) -> str:
        """Name of the architecture, with the sizes of all its layers."""
        plan = "-".join(".".join(map(str, stage)) for stage in self.stages)
        return f"vgg:{'x'.join(map(str, self.input_shape))}-{plan}-{self.classes}"

    @cached_property
    def symmetries(self) -> Symmetries:
        """Permutations of the channels of each convolution: its own tensors and the next weight move."""
        statistics = ("norm.running_mean", "norm.running_var")
        return chain_symmetries(self.layers, ("conv.weight", "norm.weight", "norm.bias", *statistics))

    @property
    def activation_count(self) -> int:
        """Of all layers the input, it normalised, it scaled and rectified, and what is pooled."""
        sizes = zip(self.layers, self.channels, strict=True)
        return self.classes + sum(4 * self.pixels[layer] * units for layer, units in sizes)

    @property
    def evaluation_size(self) -> int:
        """What is alive together in the layer that needs most, stem included."""
        sizes = zip(self.layers, self.channels, strict=True)
        return self.stem_size + max(4 * self.pixels[layer] * units for layer, units in sizes)

    def trunk(self, parameters: Parameters, z: Tensor) -> Tensor:
        """Return the logits ``[N, K, B]`` of a stem, normalised by the running statistics.

        Without running statistics in `parameters`, each layer takes the batch's own.
        """
        if f"layer0.norm.{MEAN}" not in parameters:
            return self.trunk_of_batch(parameters, z, torch.ones(z.shape[:2], device=z.device))[0]
        for layer in self.layers:
            roles = (MEAN, VARIANCE, "weight", "bias")
            h = normalise_channels(z, *(parameters[f"{layer}.norm.{role}"] for role in roles))
            z = self._above(parameters, layer, h)
        return z

    def trunk_of_batch(self, parameters: Parameters, z: Tensor, weight: Tensor) -> tuple[Tensor, Parameters]:
        """Return the logits of a stem, normalised by the batch's own statistics, and these statistics."""
        found: Parameters = {}
        for layer in self.layers:
            scale, shift = (parameters[f"{layer}.norm.{role}"] for role in ("weight", "bias"))
            h, mean, variance = batch_normalise(z, weight, scale, shift)
            found |= {f"{layer}.norm.{MEAN}": mean, f"{layer}.norm.{VARIANCE}": variance}
            z = self._above(parameters, layer, h)
        return z, found

    def track(self, statistics: Parameters, found: Parameters, weight: Tensor) -> None:
        """Move running statistics towards a batch's, in place; those of slots without rows stay.

        The variance that is tracked is the unbiased one, as in torch.
        """
        rows = weight.sum(1)
        step = (MOMENTUM * (rows > 0)).to(weight.dtype).unsqueeze(1)
        for name, batch in found.items():
            layer, _, role = name.partition(".norm.")
            count = (rows * self.pixels[layer]).unsqueeze(1)
            unbiased = batch * (count / (count - 1).clamp(min=1)) if role == VARIANCE else batch
            statistics[name].add_(step * (unbiased - statistics[name]))

    def _above(self, parameters: Parameters, layer: str, normal: Tensor) -> Tensor:
        """Return the pre-activation of the layer above a normalised one; above the last, the logits."""
        h = normal.relu_()
        if layer in self.pooled:
            h = pool(h)
        if layer != self.layers[-1]:
            above = self.layers[self.layers.index(layer) + 1]
            return convolve(h, parameters[f"{above}.conv.weight"])
        return self.answers(parameters, h)

    def skeleton(self) -> nn.Module:
        """Return the plain torch module, input shape ``[B, C, H, W]``."""
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        ins = (self.input_shape[0], *self.channels[:-1])
        for layer, fan_in, units in zip(self.layers, ins, self.channels, strict=True):
            stage: OrderedDict[str, nn.Module] = OrderedDict(
                conv=nn.Conv2d(fan_in, units, KERNEL, padding=1, bias=False),
                norm=nn.BatchNorm2d(units),
                relu=nn.ReLU(),
            )
            if layer in self.pooled:
                stage["pool"] = nn.MaxPool2d(2)
            modules[layer] = nn.Sequential(stage)
        modules["average"] = nn.AdaptiveAvgPool2d(1)
        modules["flat"] = nn.Flatten()
        modules["head"] = nn.Linear(self.channels[-1], self.classes)
        return nn.Sequential(modules)


@NETWORKS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class VGG(Network):
    """Deep convolutional network with BatchNorm (Simonyan and Zisserman 2015; Ioffe and Szegedy 2015).

    Running statistics are a model's state: nobody trains, trades or averages them. A merged model's are
    estimated anew on the broker's validation inputs, in a trial as after the purchase, so that the trial's
    loss is the loss of what is delivered; a gain therefore counts what new statistics alone bring. A single
    example has no statistics but its own: batches of one are refused, and an epoch's last batch is left out
    if it would be one.

    Parameters
    ----------
    stages : list of list of int
        Channels of each convolution, stage by stage; the sides of the image are halved after each stage.
    """

    name: str = "vgg"
    stages: Annotated[
        list[Annotated[list[Annotated[int, Field(ge=1, le=1_000_000)]], Field(min_length=1)]],
        Field(min_length=1),
    ] = dataclasses.field(default_factory=lambda: [[16, 16], [32, 32]])

    def bind(self, input_shape: tuple[int, ...], classes: int) -> VGGArchitecture:
        """Return the architecture for images (channels, height, width) and a number of answers.

        Raises
        ------
        InputError
            If the examples are no images, or too small to be halved after all stages.
        """
        check_image(self.name, input_shape)
        most = min(input_shape[1:]).bit_length() - 1
        if len(self.stages) > most:
            raise InputError(
                f"stages must be at most {most} for images of {input_shape[1]} x {input_shape[2]}; "
                f"got {len(self.stages)}"
            )
        return VGGArchitecture(input_shape, classes, tuple(map(tuple, self.stages)))
