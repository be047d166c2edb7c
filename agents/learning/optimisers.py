"""Gradient descent on stacked parameters, each slot with its own learning rate, step count and moments.

Torch's optimisers keep one step count a tensor, which is wrong when organisations take different numbers of
steps. The updates here are torch's, written in elementary operations only: a fused multiply-add rounds
differently in the last few elements of a buffer, and a slot's result must not depend on where in the buffer
it lies.

Core Objects: OPTIMISERS, SGD, AdamW, OptimiserState
"""

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass as value
from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from agents.learning.device import precise_dtype
from agents.learning.parameters import Parameters, head, spread, take
from markets.registry import Registry

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, lt=1)]


@value(frozen=True)
class OptimiserState:
    """State of the optimiser for N slots; every array has the slots first.

    Attributes
    ----------
    learning_rate : Tensor
        Step size of each slot ``[N]``.
    steps : Tensor
        Steps taken since the start or the last reset, int64 ``[N]``.
    powers : Tensor
        Each moment's decay to the power of `steps`, ``[N, moments]``, for the bias correction.
    moments : list of Parameters
        Running means, each with leaves ``[N, ...]``.
    """

    learning_rate: Tensor
    steps: Tensor
    powers: Tensor
    moments: list[Parameters]

    def take(self, rows: Tensor) -> "OptimiserState":
        """Return a copy of the state of some slots."""
        moments = [take(moment, rows) for moment in self.moments]
        return OptimiserState(self.learning_rate[rows], self.steps[rows], self.powers[rows], moments)

    def head(self, count: int) -> "OptimiserState":
        """Return views of the state of the first `count` slots."""
        moments = [head(moment, count) for moment in self.moments]
        return OptimiserState(self.learning_rate[:count], self.steps[:count], self.powers[:count], moments)

    def put(self, rows: Tensor, part: "OptimiserState") -> None:
        """Write the state of some slots, in place."""
        self.learning_rate[rows] = part.learning_rate
        self.steps[rows] = part.steps
        self.powers[rows] = part.powers
        for moment, new in zip(self.moments, part.moments, strict=True):
            for name, leaf in moment.items():
                leaf[rows] = new[name]

    def reset(self, rows: Tensor) -> None:
        """Make some slots forget their steps and moments, in place; learning rates stay."""
        self.steps[rows] = 0
        self.powers[rows] = 1
        for moment in self.moments:
            for leaf in moment.values():
                leaf[rows] = 0


class Optimiser(ABC):
    """Configuration of an optimiser, and its update."""

    name: str
    lr: float

    @property
    @abstractmethod
    def decays(self) -> tuple[float, ...]:
        """Decay of each running mean that the optimiser keeps."""

    @abstractmethod
    def update(self, parameters: Parameters, gradients: Parameters, state: OptimiserState) -> None:
        """Take one step in every slot, in place on `parameters` and `state`; overwrites `gradients`."""


def _check_optimiser(cls: type[Optimiser]) -> None:
    if not issubclass(cls, Optimiser) or inspect.isabstract(cls):
        raise TypeError(
            f"optimiser {cls.__name__} must be a subclass of Optimiser with `decays` and `update`"
        )


OPTIMISERS: Registry[Optimiser] = Registry("optimiser", _check_optimiser)


def initial_state(optimiser: Optimiser, parameters: Parameters) -> OptimiserState:
    """Return the state before the first step, on the device of the parameters ``[N, ...]``."""
    leaf = next(iter(parameters.values()))
    moments = [{name: torch.zeros_like(p) for name, p in parameters.items()} for _ in optimiser.decays]
    powers = torch.ones(len(leaf), len(moments), dtype=precise_dtype(leaf.device), device=leaf.device)
    steps = torch.zeros(len(leaf), dtype=torch.int64, device=leaf.device)
    return OptimiserState(torch.full_like(steps, optimiser.lr, dtype=powers.dtype), steps, powers, moments)


@OPTIMISERS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class SGD(Optimiser):
    """Stochastic gradient descent with heavy-ball momentum, as ``torch.optim.SGD`` without dampening.

    Parameters
    ----------
    lr : float
        Learning rate, for slots without one of their own.
    momentum : float
        Decay of the running sum of gradients, in [0, 1).
    weight_decay : float
        Multiple of the parameters that is added to the gradient.
    nesterov : bool
        Look ahead along the momentum (Sutskever, Martens, Dahl and Hinton 2013).
    """

    name: str = "sgd"
    lr: NonNegative = 0.05
    momentum: Decay = 0.9
    weight_decay: NonNegative = 0.0
    nesterov: bool = False

    @property
    def decays(self) -> tuple[float, ...]:
        """The momentum, if there is any."""
        return (self.momentum,) if self.momentum else ()

    def update(self, parameters: Parameters, gradients: Parameters, state: OptimiserState) -> None:
        """Take one step in every slot, in place on `parameters` and `state`; overwrites `gradients`."""
        state.steps.add_(1)
        for name, parameter in parameters.items():
            step = gradients[name]
            if self.weight_decay:
                step.add_(parameter * self.weight_decay)
            if self.momentum:
                buffer = state.moments[0][name].mul_(self.momentum).add_(step)
                step = step.add_(buffer * self.momentum) if self.nesterov else step.copy_(buffer)
            parameter.sub_(step.mul_(spread(state.learning_rate, parameter)))


@OPTIMISERS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class AdamW(Optimiser):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), as ``torch.optim.AdamW``.

    Parameters
    ----------
    lr : float
        Learning rate, for slots without one of their own.
    beta1, beta2 : float
        Decay of the running means of the gradient and of its square, in [0, 1).
    eps : float
        Added to the root of the second moment, > 0.
    weight_decay : float
        Share of the parameters that a step removes, times the learning rate.
    """

    name: str = "adamw"
    lr: NonNegative = 0.001
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-8
    weight_decay: NonNegative = 0.01

    @property
    def decays(self) -> tuple[float, ...]:
        """Of the first and of the second moment."""
        return (self.beta1, self.beta2)

    def update(self, parameters: Parameters, gradients: Parameters, state: OptimiserState) -> None:
        """Take one step in every slot, in place on `parameters` and `state`; overwrites `gradients`."""
        state.steps.add_(1)
        state.powers.mul_(state.powers.new_tensor(self.decays))
        correction = 1 - state.powers
        rate = state.learning_rate / correction[:, 0]
        root = correction[:, 1].sqrt()
        keep = 1 - state.learning_rate * self.weight_decay
        for name, parameter in parameters.items():
            gradient = gradients[name]
            scale = gradient.square().mul_(1 - self.beta2)
            mean = state.moments[0][name].mul_(self.beta1).add_(gradient.mul_(1 - self.beta1))
            square = state.moments[1][name].mul_(self.beta2).add_(scale)
            torch.sqrt(square, out=scale).div_(spread(root, scale)).add_(self.eps)
            if self.weight_decay:
                parameter.mul_(spread(keep, parameter))
            parameter.sub_(torch.div(mean, scale, out=scale).mul_(spread(rate, mean)))
