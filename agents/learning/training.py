"""One epoch of minibatch training of many models at once, each on examples of its own.

Core Objects: train_epoch, training_groups, batch_gradients, Pull
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass as value

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.device import precise_dtype
from agents.learning.memory import training_rows
from agents.learning.networks.base import Architecture
from agents.learning.optimisers import Optimiser, OptimiserState
from agents.learning.packing import Packing
from agents.learning.parameters import Parameters, gather, head, spread, take

ROW = "row"
"""Name of all tensors of a model as one."""

Ints = npt.NDArray[np.int64]


@value(frozen=True)
class Pull:
    """The proximal term ``strength / 2 * |parameters - anchor|^2`` that is added to each model's loss.

    Source: Li, Sahu, Zaheer, Sanjabi, Talwalkar and Smith (2020), "Federated Optimization in Heterogeneous
    Networks" (FedProx).

    Attributes
    ----------
    anchor : Parameters
        Where each model is pulled to, leaves ``[n, ...]``.
    strength : Tensor
        mu of each model, ``[n]``; 0 adds nothing.
    """

    anchor: Parameters
    strength: Tensor

    def take(self, rows: Tensor) -> "Pull":
        """Return the terms of some models."""
        return Pull(take(self.anchor, rows), self.strength[rows])


def training_groups(lengths: Ints, batch_size: int) -> Iterator[tuple[Ints, int]]:
    """Yield the models that can share batches, longest first, with the width of their batches.

    The width is a function of the model's own number of examples, so that a model's arithmetic does not
    depend on who trains beside it: `batch_size`, or for a model with fewer examples the next power of two.
    Models without examples are left out.
    """
    widths = np.minimum(batch_size, 2 ** np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64))
    for width in np.unique(widths[lengths > 0]):
        group = np.flatnonzero((widths == width) & (lengths > 0))
        yield group[np.argsort(-lengths[group], kind="stable")], int(width)


@torch.no_grad()
def train_epoch(
    architecture: Architecture,
    optimiser: Optimiser,
    models: Parameters,
    state: OptimiserState,
    inputs: Tensor,
    labels: Tensor,
    order: Ints,
    width: int,
    pull: Pull | None = None,
) -> npt.NDArray[np.float64]:
    """Train n models for one epoch, in place on `models` and `state`.

    Parameters
    ----------
    models, state : Parameters, OptimiserState
        Parameters with running statistics, and optimisers of the n models, ``[n, ...]``.
    inputs, labels : Tensor
        Examples ``[E, C, H, W]`` and their classes int64 ``[E]``.
    order : int64 array, shape (n, L)
        Examples each model visits, padded with -1 at the end; models sorted by falling number of examples, so
        that those still at work in a step are the first ones.
    width : int
        Rows of a step.
    pull : Pull, optional
        A proximal term of each model's objective.

    Returns
    -------
    float64 array, shape (n,)
        Sum over the epoch's examples of the loss at the time of their visit, in nats.
    """
    steps = -(-(order >= 0).sum(axis=1) // width)
    longest = int(steps[0])
    # steps first, so that the examples of a step lie together
    visits = torch.from_numpy(_padded(order, longest * width)).to(inputs.device)
    visits = visits.view(len(order), longest, width).transpose(0, 1).contiguous()
    weights, chosen = (visits >= 0).float(), visits.clamp(min=0)
    seen = weights.sum(2)
    packing = Packing(architecture.shapes)
    statistics = {name: models[name] for name in architecture.statistics}
    rows, moments = packing.pack(models), [packing.pack(moment) for moment in state.moments]
    packed = dataclasses.replace(state, moments=[{ROW: moment} for moment in moments])
    slopes = torch.zeros_like(rows)
    anchors = packing.pack(pull.anchor) if pull else rows
    total = torch.zeros(len(order), dtype=precise_dtype(inputs.device), device=inputs.device)
    active = 0
    for step in range(longest):
        working = int((steps > step).sum())
        if working != active:
            active, here = working, packed.head(working)
            model, slope = packing.views(rows[:active]), packing.views(slopes[:active])
            model |= head(statistics, active)
        batch = (weights[step, :active], chosen[step, :active], seen[step, :active])
        loss, gradients = batch_gradients(architecture, model, inputs, labels, *batch)
        total[:active] += loss
        torch._foreach_copy_(list(slope.values()), [gradients[name] for name in slope])
        if pull:
            slopes[:active].add_((rows[:active] - anchors[:active]) * spread(pull.strength[:active], rows))
        optimiser.update({ROW: rows[:active]}, {ROW: slopes[:active]}, here)
    for stacked, row in zip([models, *state.moments], [rows, *moments], strict=True):
        packing.unpack(row, stacked)
    return np.asarray(total.cpu().numpy(), dtype=np.float64)


def batch_gradients(
    architecture: Architecture,
    models: Parameters,
    inputs: Tensor,
    labels: Tensor,
    weight: Tensor,
    chosen: Tensor,
    seen: Tensor,
) -> tuple[Tensor, Parameters]:
    """Return the sum of each slot's losses, ``[n]``, and the gradient of their mean.

    Rows that do not fit into memory together are computed part by part. `chosen` lists examples and `weight`
    is 0 where they are padding, ``[n, B]``; `seen` counts the others, ``[n]``.
    """
    size = training_rows(architecture, chosen.shape[1], chosen.device)
    total, gradients = torch.zeros_like(seen, dtype=precise_dtype(chosen.device)), Parameters()
    for held, some in zip(weight.split(size, 1), chosen.split(size, 1), strict=True):
        loss, slopes = architecture.gradients(models, gather(inputs, some), gather(labels, some), held)
        count = held.sum(1)
        total += loss * count
        if some.shape == chosen.shape:
            return total, slopes
        share = count / seen.clamp(min=1)
        for name, slope in slopes.items():
            scaled = slope * spread(share, slope)
            gradients[name] = gradients[name].add_(scaled) if name in gradients else scaled
    return total, gradients


def _padded(order: Ints, columns: int) -> Ints:
    padded = np.full((len(order), columns), -1, np.int64)
    kept = min(order.shape[1], columns)
    padded[:, :kept] = order[:, :kept]
    return padded
