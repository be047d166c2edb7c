"""Gradient descent on stacked parameters, each slot with its own learning rate, step count and moments.

Torch's optimisers keep one step count and learning rate a tensor, which is wrong for stacked parameters when
organisations take different numbers of steps. On a CPU, torch's fused kernels therefore get the row of every
slot as a tensor of its own: one pass through memory instead of one an operation. On an accelerator a call for
every slot would cost more than it does, so the same update is written out for all slots at once, in
elementary operations only: a fused multiply-add rounds differently in the last few elements of a buffer, and
a slot's result must not depend on where in the buffer it lies.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass as value
from functools import partial
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from agents.learning.stack.device import precise_dtype
from agents.learning.stack.parameters import spread
from markets.registry import Registry

NonNegative = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Rows = list[Tensor]


@value(frozen=True)
class OptimiserState:
    """State of the optimiser for N slots; every array has the slots first.

    Attributes
    ----------
    learning_rate : Tensor
        Step size of each slot ``[N]``.
    steps : Tensor
        Steps taken since the start or the last reset, int64 ``[N]``.
    moments : list of Tensor
        Running means, a slot a row as its parameters are packed, ``[N, W]``.
    """

    learning_rate: Tensor
    steps: Tensor
    moments: list[Tensor]

    def take(self, rows: Tensor, moments_kept: int | None = None) -> "OptimiserState":
        """Return a copy of the state of some slots, with so many of the moments, all by default."""
        moments = [moment.index_select(0, rows) for moment in self.moments[:moments_kept]]
        return OptimiserState(self.learning_rate[rows], self.steps[rows], moments)

    def head(self, count: int) -> "OptimiserState":
        """Return views of the state of the first `count` slots."""
        moments = [moment[:count] for moment in self.moments]
        return OptimiserState(self.learning_rate[:count], self.steps[:count], moments)

    def put(self, rows: Tensor, part: "OptimiserState") -> None:
        """Write the state of some slots, in place."""
        self.learning_rate[rows] = part.learning_rate
        self.steps[rows] = part.steps
        for moment, new in zip(self.moments, part.moments, strict=False):  # an optimiser may need fewer
            moment.index_copy_(0, rows, new)

    def reset(self, rows: Tensor) -> None:
        """Make some slots forget their steps and moments, in place; learning rates stay."""
        self.steps[rows] = 0
        for moment in self.moments:
            moment[rows] = 0


class Optimiser(ABC):
    """Configuration of an optimiser, and its update."""

    name: str
    lr: float

    @property
    @abstractmethod
    def decays(self) -> tuple[float, ...]:
        """Decay of each running mean that the optimiser keeps."""

    @abstractmethod
    def update(self, rows: Tensor, gradients: Tensor, state: OptimiserState) -> None:
        """Take one step in every slot, all at once, in place; overwrites the gradients.

        Parameters
        ----------
        rows, gradients : Tensor
            Parameters and their gradients, a slot a row ``[N, W]``.
        state : OptimiserState
            Of these slots.
        """

    @abstractmethod
    def fused_update(
        self, rows: Rows, gradients: Rows, moments: list[Rows], steps: Rows, rate: float
    ) -> None:
        """Do what `update` does to slots of one learning rate, by torch's kernel; `steps` count this one."""

    def stepper(self, rows: Tensor, gradients: Tensor, state: OptimiserState) -> Callable[[], None]:
        """Return what takes a step in every slot whenever it is called, the faster way on the device.

        Parameters are those of `update`. Learning rates are read now.
        """
        if rows.device.type != "cpu":
            return partial(self.update, rows, gradients, state)
        counts = state.steps.float()
        columns = [rows, gradients, *state.moments, counts]
        slots = [column.unbind() for column in columns]
        groups = []
        rates = state.learning_rate.numpy()
        for rate in np.unique(rates):
            same = np.flatnonzero(rates == rate)
            own, gradient, *moments, count = ([column[i] for i in same] for column in slots)
            groups.append(partial(self.fused_update, own, gradient, moments, count, float(rate)))

        def step() -> None:
            state.steps.add_(1)
            counts.add_(1)
            for group in groups:
                group()

        return step


OPTIMISERS: Registry[Optimiser] = Registry("optimiser", Optimiser)


def initial_state(optimiser: Optimiser, rows: Tensor) -> OptimiserState:
    """Return the state before the first step, on the device of the packed parameters ``[N, W]``."""
    moments = [torch.zeros_like(rows) for _ in optimiser.decays]
    steps = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    rates = torch.full_like(steps, optimiser.lr, dtype=precise_dtype(rows.device))
    return OptimiserState(rates, steps, moments)


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

    def update(self, rows: Tensor, gradients: Tensor, state: OptimiserState) -> None:
        """Take one step in every slot, all at once, in place; overwrites the gradients."""
        state.steps.add_(1)
        if self.weight_decay:
            gradients.add_(rows * self.weight_decay)
        if self.momentum:
            buffer = state.moments[0].mul_(self.momentum).add_(gradients)
            gradients = gradients.add_(buffer * self.momentum) if self.nesterov else gradients.copy_(buffer)
        rows.sub_(gradients.mul_(spread(state.learning_rate, rows)))

    def fused_update(
        self,
        rows: Rows,
        gradients: Rows,
        moments: list[Rows],
        steps: Rows,  # noqa: ARG002
        rate: float,
    ) -> None:
        """Do what `update` does to slots of one learning rate, by torch's kernel."""
        torch._fused_sgd_(
            rows,
            gradients,
            moments[0] if moments else [],
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=rate,
            dampening=0.0,
            nesterov=self.nesterov,
            maximize=False,
            is_first_step=False,  # a buffer of zeros makes the first step what torch's would be
        )


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
    eps: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 1e-8
    weight_decay: NonNegative = 0.01

    @property
    def decays(self) -> tuple[float, ...]:
        """Of the first and of the second moment."""
        return (self.beta1, self.beta2)

    def update(self, rows: Tensor, gradients: Tensor, state: OptimiserState) -> None:
        """Take one step in every slot, all at once, in place; overwrites the gradients."""
        steps = state.steps.add_(1).to(state.learning_rate.dtype)
        # 1 - decay^steps, without the loss of digits while the power is close to 1
        missing = [-torch.expm1(steps * math.log(decay)) if decay else 1 for decay in self.decays]
        rate, root = state.learning_rate / missing[0], torch.as_tensor(missing[1]).sqrt()
        scale = gradients.square().mul_(1 - self.beta2)
        mean = state.moments[0].mul_(self.beta1).add_(gradients.mul_(1 - self.beta1))
        square = state.moments[1].mul_(self.beta2).add_(scale)
        torch.sqrt(square, out=scale).div_(spread(root, scale)).add_(self.eps)
        if self.weight_decay:
            rows.mul_(spread(1 - state.learning_rate * self.weight_decay, rows))
        rows.sub_(torch.div(mean, scale, out=scale).mul_(spread(rate, mean)))

    def fused_update(
        self, rows: Rows, gradients: Rows, moments: list[Rows], steps: Rows, rate: float
    ) -> None:
        """Do what `update` does to slots of one learning rate, by torch's kernel."""
        mean, square = moments
        torch._fused_adamw_(
            rows,
            gradients,
            mean,
            square,
            [],
            steps,
            lr=rate,
            beta1=self.beta1,
            beta2=self.beta2,
            weight_decay=self.weight_decay,
            eps=self.eps,
            amsgrad=False,
            maximize=False,
        )
