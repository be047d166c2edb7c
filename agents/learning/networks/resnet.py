"""Wide residual network with group normalisation."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass as value
from functools import cached_property
from typing import Annotated

import torch
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from agents.learning.networks.base import NETWORKS, Network, Symmetries
from agents.learning.networks.convolutions import KERNEL, convolve
from agents.learning.networks.images import ImageArchitecture, check_image
from agents.learning.networks.normalisation import normalise_examples
from agents.learning.stack.parameters import Parameters
from markets.refusals import InputError

STAGES = 3
NORM = ("weight", "bias")


@value(frozen=True)
class _Block:
    """A residual block: its name, channels in and out, stride, and pixels before and after it.

    Blocks of one stream add to the same channels, so one permutation moves all that read and write them.
    `source` and `target` name those of the stream that the block reads and of the one that it writes.
    """

    name: str
    ins: int
    outs: int
    stride: int
    pixels: tuple[int, int]
    source: str
    target: str

    @property
    def projects(self) -> bool:
        """Whether a convolution stands on the shortcut, for the stream changes its size."""
        return self.source != self.target


@value(frozen=True)
class ResNetArchitecture(ImageArchitecture):
    """Convolution, residual blocks in three stages, normalisation, global average, linear head.

    Positions: ``layer0`` is the first convolution, ``layer1``, ``layer2``, ... a residual block each with
    tensors ``norm1``, ``conv1``, ``norm2``, ``conv2`` and, where the stream changes its size, ``shortcut``;
    then ``norm`` and ``head``. Convolutions have no bias.

    Parameters
    ----------
    channels : int
        Channels of the first convolution.
    widen_factor : int
        Channels of the first stage are `channels` times this; each later stage has twice as many.
    blocks : int
        Residual blocks a stage.
    """

    channels: int = 16
    widen_factor: int = 1
    blocks: int = 1

    @property
    def signature(self) -> str:
        """Name of the architecture, with all its sizes."""
        sizes = f"{self.channels}x{self.widen_factor}-{6 * self.blocks + 4}-{self.classes}"
        return f"resnet:{'x'.join(map(str, self.input_shape))}-{sizes}"

    @cached_property
    def stack(self) -> tuple[_Block, ...]:
        """The residual blocks, input first."""
        return tuple(self._stacked())

    def _stacked(self) -> Iterator[_Block]:
        _, height, width = self.input_shape
        ins, stream, before = self.channels, "layer0.units", height * width
        for depth in range(STAGES * self.blocks):
            stage, later = divmod(depth, self.blocks)
            outs = self.channels * self.widen_factor * 2**stage
            stride = 2 if stage and not later else 1
            height, width = -(-height // stride), -(-width // stride)
            name = f"layer{depth + 1}"
            target = f"{name}.units" if stride > 1 or ins != outs else stream
            yield _Block(
                name=name,
                ins=ins,
                outs=outs,
                stride=stride,
                pixels=(before, height * width),
                source=stream,
                target=target,
            )
            ins, stream, before = outs, target, height * width

    @cached_property
    def symmetries(self) -> Symmetries:
        """Permutations of the channels of each residual stream, and of those inside each block.

        What adds to a stream and what reads it moves together, normalisations included (Ainsworth, Hayase and
        Srinivasa 2023, section 3.1).
        """
        members: dict[str, list[tuple[str, int]]] = {"layer0.units": [("layer0.conv.weight", 0)]}
        for block in self.stack:
            name, inner = block.name, f"{block.name}.inner"
            members[inner] = [(f"{name}.conv1.weight", 0), (f"{name}.conv2.weight", 1)]
            members[inner] += [(f"{name}.norm2.{role}", 0) for role in NORM]
            target = members.setdefault(block.target, [])
            target.append((f"{name}.conv2.weight", 0))
            source = members[block.source]
            source.append((f"{name}.conv1.weight", 1))
            source += [(f"{name}.norm1.{role}", 0) for role in NORM]
            if block.projects:
                target.append((f"{name}.shortcut.conv.weight", 0))
                target += [(f"{name}.shortcut.norm.{role}", 0) for role in NORM]
                source.append((f"{name}.shortcut.conv.weight", 1))
        members[self.stack[-1].target] += [*((f"norm.{role}", 0) for role in NORM), ("head.weight", 1)]
        return {name: tuple(moved) for name, moved in members.items()}

    @property
    def activation_count(self) -> int:
        """For each normalisation its input and its output before and after scale and rectifier."""
        last = self.stack[-1]
        total = self.stem_size + 3 * last.pixels[1] * last.outs + self.classes
        for block in self.stack:
            before, after = block.pixels
            total += 3 * before * (block.ins + block.outs) + after * block.outs
            total += 3 * after * block.outs if block.projects else 0
        return total

    @property
    def evaluation_size(self) -> int:
        """What is alive together in the block that needs most, stem included."""
        return self.stem_size + max(
            4 * block.pixels[0] * max(block.ins, block.outs) + block.pixels[1] * block.outs
            for block in self.stack
        )

    def trunk(self, parameters: Parameters, z: Tensor) -> Tensor:
        """Return the logits ``[N, K, B]`` of a stem."""
        for block in self.stack:
            z = self._residual(parameters, block, z)
        return self.answers(parameters, _normalised(parameters, "norm", z).relu_())

    def _residual(self, parameters: Parameters, block: _Block, z: Tensor) -> Tensor:
        h = _normalised(parameters, f"{block.name}.norm1", z).relu_()
        h = convolve(h, parameters[f"{block.name}.conv1.weight"])
        h = _normalised(parameters, f"{block.name}.norm2", h).relu_()
        h = convolve(h, parameters[f"{block.name}.conv2.weight"], stride=block.stride)
        if block.projects:
            z = convolve(z, parameters[f"{block.name}.shortcut.conv.weight"], stride=block.stride)
            z = _normalised(parameters, f"{block.name}.shortcut.norm", z)
        return h.add_(z)

    def skeleton(self) -> nn.Module:
        """Return the plain torch module, input shape ``[B, C, H, W]``."""
        first = nn.Conv2d(self.input_shape[0], self.channels, KERNEL, padding=1, bias=False)
        modules: OrderedDict[str, nn.Module] = OrderedDict(layer0=nn.Sequential(OrderedDict(conv=first)))
        for block in self.stack:
            modules[block.name] = _ResidualModule(block)
        last = self.stack[-1].outs
        modules["norm"] = nn.GroupNorm(1, last)
        modules["relu"] = nn.ReLU()
        modules["average"] = nn.AdaptiveAvgPool2d(1)
        modules["flat"] = nn.Flatten()
        modules["head"] = nn.Linear(last, self.classes)
        return nn.Sequential(modules)


class _ResidualModule(nn.Module):
    """A residual block as a plain torch module."""

    def __init__(self, block: _Block) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(1, block.ins)
        self.conv1 = nn.Conv2d(block.ins, block.outs, KERNEL, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(1, block.outs)
        self.conv2 = nn.Conv2d(block.outs, block.outs, KERNEL, block.stride, padding=1, bias=False)
        self.shortcut = nn.Sequential()
        if block.projects:
            projection = nn.Conv2d(block.ins, block.outs, 1, block.stride, bias=False)
            norm = nn.GroupNorm(1, block.outs)
            self.shortcut = nn.Sequential(OrderedDict[str, nn.Module](conv=projection, norm=norm))

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(torch.relu(self.norm1(x)))
        return self.shortcut(x) + self.conv2(torch.relu(self.norm2(h)))


def _normalised(parameters: Parameters, norm: str, z: Tensor) -> Tensor:
    return normalise_examples(z, *(parameters[f"{norm}.{role}"] for role in NORM))


@NETWORKS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ResNet(Network):
    """Wide residual network with GroupNorm, which keeps no running statistics that a merge would spoil.

    Normalisation and rectifier precede each convolution (Zagoruyko and Komodakis 2016, "Wide residual
    networks"); as in the experiments of Huang, Vishwakarma and Sala (2023), normalisation is over all
    channels of an example, stages halve the image in the second convolution of their first block, and a
    shortcut that changes the size of the stream is a 1 x 1 convolution with a normalisation of its own. Their
    "ResNet20" has depth 22 and widen_factor 6, their "ResNet50" depth 52.

    Parameters
    ----------
    depth : int
        Layers, 6 n + 4 for n residual blocks a stage.
    widen_factor : int
        Multiple of the channels of the three stages.
    channels : int
        Channels of the first convolution; stages have 1, 2 and 4 times as many, times `widen_factor`.
    """

    name: str = "resnet"
    depth: Annotated[int, Field(ge=10, le=1000)] = 10
    widen_factor: Annotated[int, Field(ge=1, le=1000)] = 1
    channels: Annotated[int, Field(ge=1, le=1_000_000)] = 16

    @field_validator("depth")
    @classmethod
    def _whole_blocks(cls, depth: int) -> int:
        if (depth - 4) % 6:
            raise InputError(f"depth must be 6 n + 4, as 10, 16 or 22; got {depth}")
        return depth

    def bind(self, input_shape: tuple[int, ...], classes: int) -> ResNetArchitecture:
        """Return the architecture for images (channels, height, width) and a number of answers."""
        check_image(self.name, input_shape)
        blocks = (self.depth - 4) // 6
        return ResNetArchitecture(
            input_shape=input_shape,
            classes=classes,
            channels=self.channels,
            widen_factor=self.widen_factor,
            blocks=blocks,
        )
