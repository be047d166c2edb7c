"""One epoch of minibatch training of many models at once, each on examples of its own."""

from collections.abc import Iterator
from dataclasses import dataclass as value

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.device import precise_dtype
from agents.learning.memory import chunks, training_rows
from agents.learning.networks.base import Architecture
from agents.learning.optimisers import Optimiser, OptimiserState
from agents.learning.packing import Packing
from agents.learning.parameters import Parameters, gather, head
from agents.learning.workspace import Workspace

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
    rows: Tensor,
    statistics: Parameters,
    state: OptimiserState,
    inputs: Tensor,
    labels: Tensor,
    order: Ints,
    width: int,
    workspace: Workspace,
) -> npt.NDArray[np.float64]:
    """Train n models for one epoch, in place on `rows`, `statistics` and `state`.

    Parameters
    ----------
    rows : Tensor
        Parameters as `Packing` lays them out, ``[n, W]``.
    statistics : Parameters
        Running statistics, ``[n, ...]``.
    state : OptimiserState
        Of the n models.
    inputs, labels : Tensor
        Examples ``[E, C, H, W]`` and their classes int64 ``[E]``.
    order : int64 array, shape (n, L)
        Examples each model visits, padded with -1 at the end; models sorted by falling number of examples, so
        that those still at work in a step are the first ones.
    width : int
        Rows of a step.
    workspace : Workspace
        Keeps the buffers of a step for the next.

    Returns
    -------
    float64 array, shape (n,)
        Sum over the epoch's examples of the loss at the time of their visit, in nats.
    """
    steps = -(-(order >= 0).sum(axis=1) // width)
    longest = int(steps[0])
    batches = _Batches.of(architecture, inputs, labels, _padded(order, longest * width), width, workspace)
    packing, active = Packing(architecture.shapes), 0
    slopes = workspace.take("slopes", tuple(rows.shape)).zero_()
    for step in range(longest):
        working = int((steps > step).sum())
        if working != active:
            active = working
            models, slope = packing.views(rows[:active]), packing.views(slopes[:active])
            models |= head(statistics, active)
            targets = list(slope.values())
            take_step = optimiser.stepper(rows[:active], slopes[:active], state.head(active))
        found = batches.gradients(models, step, active)
        torch._foreach_copy_(targets, [found[name] for name in slope])
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
    labels: Tensor
    share: Tensor
    losses: Tensor
    workspace: Workspace

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        inputs: Tensor,
        labels: Tensor,
        order: Ints,
        width: int,
        workspace: Workspace,
    ) -> "_Batches":
        """Return the batches of visits ``[n, steps * width]``, -1 for padding."""
        visits = torch.from_numpy(order).to(inputs.device)
        # steps first, so that the examples of a step lie together
        visits = visits.view(len(order), -1, width).transpose(0, 1).contiguous()
        kept = (visits >= 0).float()
        share = kept.div_(kept.sum(2, keepdim=True).clamp_(min=1))
        examples = visits.clamp_(min=0)
        losses = torch.zeros_like(share)
        return cls(architecture, inputs, examples, gather(labels, examples), share, losses, workspace)

    def gradients(self, models: Parameters, step: int, active: int) -> Parameters:
        """Return the gradients of the mean losses of the first models in a step, ``[active, ...]``.

        Rows that do not fit into memory together are computed part by part.
        """
        batch = self.examples.shape[2]
        size = training_rows(self.architecture, batch, self.examples.device)
        total = Parameters()
        for part in chunks(batch, size):
            cells = (step, slice(0, active), part)
            x, share = gather(self.inputs, self.examples[cells], self.workspace), self.share[cells]
            losses, slopes = self.architecture.gradients(models, x, self.labels[cells], share, self.workspace)
            self.losses[cells] = losses
            if size >= batch:
                return slopes
            for name, slope in slopes.items():
                total[name] = total[name].add_(slope) if name in total else slope.clone()
        return total

    def total(self) -> npt.NDArray[np.float64]:
        """Return the sum of each model's losses, ``[n]``."""
        sums = self.losses.masked_fill_(self.share == 0, 0).sum(2, dtype=precise_dtype(self.losses.device))
        # one step after the other, so that steps of others alone change nothing
        return np.asarray(sums.cpu().numpy().cumsum(axis=0, dtype=np.float64)[-1])


def _padded(order: Ints, columns: int) -> Ints:
    padded = np.full((len(order), columns), -1, np.int64)
    kept = min(order.shape[1], columns)
    padded[:, :kept] = order[:, :kept]
    return padded
