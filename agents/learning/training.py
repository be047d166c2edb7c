"""One epoch of minibatch training of many models at once, each on examples of its own."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.device import precise_dtype
from agents.learning.memory import training_rows
from agents.learning.networks.base import Architecture
from agents.learning.optimisers import Optimiser, OptimiserState
from agents.learning.parameters import Parameters, head, spread

Ints = npt.NDArray[np.int64]


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

    Returns
    -------
    float64 array, shape (n,)
        Sum over the epoch's examples of the loss at the time of their visit, in nats.
    """
    steps = -(-(order >= 0).sum(axis=1) // width)
    visits = torch.from_numpy(_padded(order, int(steps[0]) * width)).to(inputs.device)
    total = torch.zeros(len(order), dtype=precise_dtype(inputs.device), device=inputs.device)
    for step in range(int(steps[0])):
        active = int((steps > step).sum())
        batch = visits[:active, step * width : (step + 1) * width]
        working = head(models, active)
        loss, gradients = _gradients(architecture, working, inputs, labels, batch)
        total[:active] += loss
        trained = {name: working[name] for name in architecture.shapes}
        optimiser.update(trained, gradients, state.head(active))
    return np.asarray(total.cpu().numpy(), dtype=np.float64)


def _gradients(
    architecture: Architecture, models: Parameters, inputs: Tensor, labels: Tensor, batch: Tensor
) -> tuple[Tensor, Parameters]:
    """Return the sum of each slot's losses, ``[n]``, and the gradient of their mean.

    `batch` lists examples, ``[n, B]``, -1 for padding. Rows that do not fit into memory together are computed
    part by part.
    """
    seen = (batch >= 0).sum(1)
    total, gradients = torch.zeros_like(seen, dtype=precise_dtype(batch.device)), Parameters()
    for part in batch.split(training_rows(architecture, batch.shape[1], batch.device), 1):
        weight, chosen = (part >= 0).float(), part.clamp(min=0)
        loss, slopes = architecture.gradients(models, inputs[chosen], labels[chosen], weight)
        total += loss * weight.sum(1)
        if part.shape == batch.shape:
            return total, slopes
        share = weight.sum(1) / seen.clamp(min=1)
        for name, slope in slopes.items():
            scaled = slope * spread(share, slope)
            gradients[name] = gradients[name].add_(scaled) if name in gradients else scaled
    return total, gradients


def _padded(order: Ints, columns: int) -> Ints:
    padded = np.full((len(order), columns), -1, np.int64)
    kept = min(order.shape[1], columns)
    padded[:, :kept] = order[:, :kept]
    return padded
