"""One epoch of minibatch training of many models at once, each on examples of its own.

Core Objects: train_epoch, training_groups, without_lone_rows, batch_gradients, Trainees, Pull
"""

from collections.abc import Iterator
from dataclasses import dataclass as value
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from agents.learning.networks.base import Architecture
from agents.learning.stack.data import Batch, Data, seeds_of
from agents.learning.stack.device import precise_dtype
from agents.learning.stack.memory import training_rows
from agents.learning.stack.packing import Packing
from agents.learning.stack.parameters import Parameters, gather, head, spread, take
from agents.learning.stack.workspace import Workspace
from agents.learning.training.optimisers import Optimiser, OptimiserState
from markets.columns import Floats, Ints


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


def without_lone_rows(order: Ints, batch_size: int) -> Ints:
    """Return visits ``[n, L]``, -1 for none, without a last one that would be alone in its batch.

    Normalised by its own statistics an example says nothing of the others, and where a channel has a single
    value nothing at all: its gradient is 0. It has its turn when the next epoch shuffles.
    """
    visits = (order >= 0).sum(axis=1)
    lone = np.flatnonzero(visits % batch_size == 1)
    kept = order.copy()
    kept[lone, visits[lone] - 1] = -1
    return kept


@value(frozen=True)
class Trainees:
    """Models in training, which changes them in place.

    Attributes
    ----------
    rows : Tensor
        Parameters as `Packing` lays them out, ``[n, W]``.
    statistics : Parameters
        Running statistics, ``[n, ...]``.
    state : OptimiserState
        Of the n models.
    pull : Pull or None
        A proximal term of each model's objective.
    """

    rows: Tensor
    statistics: Parameters
    state: OptimiserState
    pull: Pull | None


@torch.no_grad()
def train_epoch(
    architecture: Architecture,
    optimiser: Optimiser,
    trainees: Trainees,
    data: Data,
    width: int,
    workspace: Workspace,
) -> Floats:
    """Train n models for one epoch, in place.

    Parameters
    ----------
    trainees : Trainees
        The models, sorted by falling number of examples, so that those still at work in a step are the first.
    data : Data
        Examples on the models' device; the index says which each model visits, padded with -1 at the end.
    width : int
        Rows of a step.
    workspace : Workspace
        Keeps the buffers of a step for the next.

    Returns
    -------
    float64 array, shape (n,)
        Sum over the epoch's examples of the loss at the time of their visit, in nats.
    """
    rows, pull = trainees.rows, trainees.pull
    steps = -(-(data.index >= 0).sum(axis=1) // width)
    longest = int(steps[0])
    batches = _Batches.of(architecture, data, longest, width, workspace)
    packing, active = Packing(architecture.shapes), 0
    gradients = workspace.take("gradients", tuple(rows.shape)).zero_()
    anchors = packing.pack(pull.anchor) if pull else rows
    for step in range(longest):
        working = int((steps > step).sum())
        if working != active:
            active = working
            models, gradient = packing.views(rows[:active]), packing.views(gradients[:active])
            models |= head(trainees.statistics, active)
            targets = list(gradient.values())
            take_step = optimiser.stepper(rows[:active], gradients[:active], trainees.state.head(active))
        found = batches.gradients(models, step, active)
        torch._foreach_copy_(targets, [found[name] for name in gradient])
        if pull:
            gradients[:active].add_((rows[:active] - anchors[:active]) * spread(pull.strength[:active], rows))
        take_step()
    return batches.total()


@value(frozen=True)
class _Batches:
    """The batches of an epoch, step by step: ``[steps, n, B]``.

    `share` is what a row counts in the mean of its batch, 0 for padding; `losses` is filled on the way.
    """

    architecture: Architecture
    inputs: Tensor
    examples: Tensor
    targets: Tensor
    share: Tensor
    losses: Tensor
    seeds: Ints | None
    workspace: Workspace

    @classmethod
    def of(
        cls, architecture: Architecture, data: Data, steps: int, width: int, workspace: Workspace
    ) -> "_Batches":
        """Return the batches of so many steps of a width."""
        order = _padded(data.index, steps * width)
        visits = torch.from_numpy(order).to(data.inputs.device)
        # steps first, so that the examples of a step lie together
        visits = visits.view(len(order), -1, width).transpose(0, 1).contiguous()
        kept = (visits >= 0).float()
        share = kept.div_(kept.sum(2, keepdim=True).clamp_(min=1))
        examples = visits.clamp_(min=0)
        losses = torch.zeros_like(share)
        return cls(
            architecture=architecture,
            inputs=data.inputs,
            examples=examples,
            targets=gather(data.targets, examples),
            share=share,
            losses=losses,
            seeds=data.seeds,
            workspace=workspace,
        )

    def gradients(self, models: Parameters, step: int, active: int) -> Parameters:
        """Return the gradients of the mean losses of the first models in a step, ``[active, ...]``."""
        batch = Batch(
            inputs=self.examples[step, :active],
            targets=self.targets[step, :active],
            share=self.share[step, :active],
            seeds=seeds_of(None if self.seeds is None else self.seeds[:active], step),
        )
        losses, gradients = batch_gradients(self.architecture, models, self.inputs, batch, self.workspace)
        self.losses[step, :active] = losses
        return gradients

    def total(self) -> Floats:
        """Return the sum of each model's losses, ``[n]``."""
        sums = self.losses.masked_fill_(self.share == 0, 0).sum(2, dtype=precise_dtype(self.losses.device))
        # one step after the other, so that steps of others alone change nothing
        return np.asarray(sums.cpu().numpy().cumsum(axis=0, dtype=np.float64)[-1])


def batch_gradients(
    architecture: Architecture, models: Parameters, inputs: Tensor, batch: Batch, workspace: Workspace
) -> tuple[Tensor, Parameters]:
    """Return the loss of every row, ``[n, B]``, and the gradient of each slot's weighted sum of them.

    Rows that do not fit into memory together are computed part by part.

    Parameters
    ----------
    models : Parameters
        Leaves ``[n, ...]``, running statistics included.
    inputs : Tensor
        All examples ``[E, *S]``.
    batch : Batch
        Its inputs are the numbers of the examples, ``[n, B]``.
    workspace : Workspace
        Keeps the buffers of a step for the next.
    """
    size = training_rows(architecture, batch.share.shape[1], inputs.device)
    found, total = [], Parameters()
    for part in batch.parts(size):
        x = gather(inputs, part.inputs, workspace)
        losses, gradients = architecture.gradients(models, replace(part, inputs=x), workspace)
        if part.share.shape == batch.share.shape:
            return losses, gradients
        found.append(losses)
        for name, gradient in gradients.items():
            total[name] = total[name].add_(gradient) if name in total else gradient.clone()
    return torch.cat(found, 1), total


def _padded(order: Ints, columns: int) -> Ints:
    padded = np.full((len(order), columns), -1, np.int64)
    kept = min(order.shape[1], columns)
    padded[:, :kept] = order[:, :kept]
    return padded
