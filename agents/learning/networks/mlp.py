"""Fully connected network with rectified linear units."""

import dataclasses
from collections import OrderedDict
from dataclasses import dataclass as value
from functools import cached_property
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from agents.learning.networks.base import NETWORKS, Architecture, Network, Symmetries
from agents.learning.networks.products import product
from agents.learning.stack.data import Batch
from agents.learning.stack.parameters import Parameters
from agents.learning.stack.workspace import Workspace
from agents.learning.tasks import Classification

threshold_backward = torch.ops.aten.threshold_backward.grad_input
"""Sets gradients to 0 where a unit was off in one pass; to compare and multiply takes seven times as long."""


@value(frozen=True)
class MLPArchitecture(Architecture):
    """A multilayer perceptron: rectified linear layers ``layer0``, ``layer1``, ..., then a linear ``head``.

    Parameters
    ----------
    widths : tuple of int
        Units of each hidden layer; none makes it multinomial logistic regression.
    """

    widths: tuple[int, ...] = ()

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of the linear maps, input first."""
        return (*[f"layer{depth}" for depth in range(len(self.widths))], "head")

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer: inputs, hidden layers, classes."""
        return (self.input_size, *self.widths, self.classes)

    @property
    def signature(self) -> str:
        """Name of the architecture, with the sizes of all its layers."""
        return f"mlp:{'x'.join(map(str, self.input_shape))}-{'-'.join(map(str, self.sizes[1:]))}"

    @cached_property
    def symmetries(self) -> Symmetries:
        """Permutations of the units of each hidden layer: its own tensors and the next weight move."""
        pairs = zip(self.layers[:-1], self.layers[1:], strict=True)
        return {
            f"{layer}.units": ((f"{layer}.weight", 0), (f"{layer}.bias", 0), (f"{after}.weight", 1))
            for layer, after in pairs
        }

    @property
    def stem_tensors(self) -> tuple[str, ...]:
        """Weight and bias of the first layer."""
        return (f"{self.layers[0]}.weight", f"{self.layers[0]}.bias")

    @property
    def stem_size(self) -> int:
        """Units of the first layer."""
        return self.sizes[1]

    @property
    def activation_count(self) -> int:
        """Units of all layers."""
        return self.stem_size + sum(self.sizes[1:])

    def _linear(self, parameters: Parameters, layer: str, h: Tensor, out: Tensor | None = None) -> Tensor:
        """Map ``[N, units below, B]`` to ``[N, units, B]``: long rows make fast products."""
        return product(parameters[f"{layer}.weight"], h, parameters[f"{layer}.bias"].unsqueeze(2), out)

    def stem(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Return the first pre-activation ``[N, h, B]``."""
        flat = x.flatten(-len(self.input_shape)).transpose(-1, -2)
        slots = parameters[self.stem_tensors[0]].shape[0]
        return self._linear(parameters, self.layers[0], flat.expand(slots, -1, -1))

    def trunk(self, parameters: Parameters, z: Tensor) -> Tensor:
        """Return the logits ``[N, K, B]`` of a stem."""
        for layer in self.layers[1:]:
            z = self._linear(parameters, layer, z.relu_())
        return z

    def permute_stem(self, z: Tensor, permutations: dict[str, Tensor]) -> Tensor:
        """Return a stem ``[N, h, B]`` with its units in the order of the stem's permutation."""
        if self.stem_permutation is None:
            return z
        order = permutations[self.stem_permutation]
        first = torch.arange(0, order.numel(), order.shape[1], device=z.device).unsqueeze(1)
        return z.flatten(0, 1).index_select(0, (order + first).flatten()).view(z.shape)

    def gradients(
        self, parameters: Parameters, batch: Batch, workspace: Workspace | None = None
    ) -> tuple[Tensor, Parameters]:
        """Return what `Architecture.gradients` returns, by a backward pass written out.

        With two or three small layers the bookkeeping of automatic differentiation costs more than the
        arithmetic. That of other losses than the cross-entropy is not written out.
        """
        if not isinstance(self.task, Classification):
            return super().gradients(parameters, batch, workspace)
        x, y, share = batch.inputs, batch.targets, batch.share
        kept = workspace or Workspace(x.device)
        below = self._activations(parameters, x, kept)
        log_chance = F.log_softmax(self._linear(parameters, self.layers[-1], below[-1]), 1)
        answer = y.unsqueeze(1)
        losses = log_chance.gather(1, answer).squeeze(1).neg_()
        delta = log_chance.exp_()
        delta.scatter_add_(1, answer, delta.new_tensor(-1.0).expand(answer.shape))
        delta.mul_(share.unsqueeze(1))
        gradients = dict.fromkeys(self.shapes, delta)
        for depth in range(len(self.layers) - 1, -1, -1):
            layer, activation = self.layers[depth], below[depth]
            weight = parameters[f"{layer}.weight"]
            gradients[f"{layer}.weight"] = product(
                delta, activation.transpose(1, 2), out=kept.take(f"{layer}.gradient", tuple(weight.shape))
            )
            gradients[f"{layer}.bias"] = delta.sum(2)
            if depth:
                out = kept.take(f"{layer}.delta", tuple(activation.shape))
                delta = product(weight.transpose(1, 2), delta, out=out)
                threshold_backward(delta, activation, 0, grad_input=delta)
        return losses, gradients

    @torch.no_grad()
    def fisher_diagonal(self, parameters: Parameters, x: Tensor, weight: Tensor) -> Parameters:
        """Return what `Architecture.fisher_diagonal` returns, without a copy of the model for each example.

        The gradient of a weight is the product of its input and the gradient of its output, so the sum of
        squares over examples is a product of squares.
        """
        below = self._activations(parameters, x)
        logits = self._linear(parameters, self.layers[-1], below[-1])
        chance = F.softmax(logits, 1) * weight.to(logits.dtype).unsqueeze(1)
        squares = [h.square().transpose(1, 2) for h in below]
        total = {name: torch.zeros_like(leaf) for name, leaf in parameters.items()}
        for label in range(self.classes):
            delta = -F.softmax(logits, 1)
            delta[:, label] += 1
            for depth in range(len(self.layers) - 1, -1, -1):
                layer = self.layers[depth]
                share = delta.square() * chance[:, label : label + 1]
                total[f"{layer}.weight"] += product(share, squares[depth])
                total[f"{layer}.bias"] += share.sum(2)
                if depth:
                    delta = product(parameters[f"{layer}.weight"].transpose(1, 2), delta)
                    delta = delta.mul_(below[depth] > 0)
        return total

    @torch.no_grad()
    def layer_inputs(self, parameters: Parameters, x: Tensor) -> dict[str, Tensor]:
        """Return what enters every linear map (see `Architecture.layer_inputs`), in one batch."""
        below = self._activations(parameters, x)
        return {
            f"{layer}.weight": h.transpose(1, 2).unsqueeze(2)
            for layer, h in zip(self.layers, below, strict=True)
        }

    def _activations(
        self, parameters: Parameters, x: Tensor, workspace: Workspace | None = None
    ) -> list[Tensor]:
        """Return what enters each layer, ``[N, units, B]``, from inputs ``[N, B, *S]``."""
        below, out = [x.flatten(-len(self.input_shape)).transpose(-1, -2)], None
        for layer, units in zip(self.layers[:-1], self.widths, strict=True):
            if workspace is not None:
                out = workspace.take(layer, (len(x), units, x.shape[1]))
            below.append(self._linear(parameters, layer, below[-1], out).relu_())
        return below

    def skeleton(self) -> nn.Module:
        """Return the plain torch module, input shape ``[B, *S]``."""
        modules: OrderedDict[str, nn.Module] = OrderedDict(flat=nn.Flatten())
        for layer, fan_in, fan_out in zip(self.layers, self.sizes[:-1], self.sizes[1:], strict=True):
            modules[layer] = nn.Linear(fan_in, fan_out)
            if layer != "head":
                modules[f"{layer}_relu"] = nn.ReLU()
        return nn.Sequential(modules)


@NETWORKS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class MLP(Network):
    """Multilayer perceptron with rectified linear units.

    Parameters
    ----------
    widths : list of int
        Units of each hidden layer, input first.
    """

    name: str = "mlp"
    widths: Annotated[list[Annotated[int, Field(ge=1, le=1_000_000)]], Field()] = dataclasses.field(
        default_factory=lambda: [64, 64]
    )

    def bind(self, input_shape: tuple[int, ...], classes: int) -> MLPArchitecture:
        """Return the architecture for examples of a shape and a number of answers."""
        return MLPArchitecture(input_shape, classes, tuple(self.widths))
