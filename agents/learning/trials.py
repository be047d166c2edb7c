"""Try before purchase: what a block would do for a buyer, and at which merge weight.

The loss of every (pair, weight) is measured on the validation examples of the pair's group. The first layer
is linear in its parameters, so its pre-activation of a merged model is the same merge of the two models'
pre-activations: it is computed once a model, not once a merge. The rest of the network runs once for each
pair and weight, many at a time.

Source: Huang, Vishwakarma and Sala (2023), "Train 'n Trade: Foundations of Parameter Markets": the merge
weight is the one on a grid with the least loss on the broker's data; merge weight 0 (no purchase) is always
on the grid.

Core Objects: try_blocks, TrialResults
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.alignment import Permutations, identity_permutations, match_weights, permute
from agents.learning.fleet import Fleet
from agents.learning.losses import mean_loss
from agents.learning.memory import alignment_bytes, chunk_size, chunks, evaluation_bytes, stem_bytes
from agents.learning.merging import interpolate, position_masks
from agents.learning.networks.base import Architecture
from agents.learning.parameters import Parameters, take

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrialResults:
    """Outcome of the trials of P pairs on a grid of W weights.

    Attributes
    ----------
    loss : float64 array, shape (P, W)
        Validation loss of the merged model, nats an example; inf where it is not finite.
    weight : float64 array, shape (P,)
        Merge weight of the least loss, the smallest if several share it.
    gain : float64 array, shape (P,)
        Gain from trade: loss at weight 0 minus the least loss, >= 0; inf only if the buyer's own loss is not
        finite.
    permutations : dict of Tensor
        Name to int64 ``[P, h]``: how the seller's units were reordered.
    """

    loss: Floats
    weight: Floats
    gain: Floats
    permutations: Permutations


@dataclass(frozen=True)
class _Task:
    """The pairs of a call as tensors on the fleet's device; `take` cuts out some of them."""

    buyer: Tensor
    seller: Tensor
    group: Tensor
    masks: dict[str, Tensor]
    permutations: Permutations

    def take(self, rows: Tensor) -> "_Task":
        return _Task(
            self.buyer[rows],
            self.seller[rows],
            self.group[rows],
            take(self.masks, rows),
            take(self.permutations, rows),
        )


@torch.no_grad()
def try_blocks(
    fleet: Fleet,
    offered: Parameters,
    buyer: npt.ArrayLike,
    seller: npt.ArrayLike,
    position: npt.ArrayLike,
    names: Sequence[str],
    weights: npt.ArrayLike,
    inputs: Tensor,
    labels: Tensor,
    index: npt.NDArray[np.int64],
    group: npt.ArrayLike,
    align: bool = True,
) -> TrialResults:
    """Measure the loss of every pair's merged model at every merge weight.

    Cost: P x (W - 1) forward passes without their first layer over V examples, and one weight matching a
    distinct (buyer, seller). Memory stays within the fleet's budget.

    Parameters
    ----------
    fleet : Fleet
        Holds the buyers.
    offered : Parameters
        Models for sale as they were at listing, leaves ``[S, ...]`` on the fleet's device.
    buyer, seller : array of int, shape (P,)
        Slot in the fleet and row of `offered`.
    position, names : array of int, shape (P,), and sequence of str
        The block on trial: ``names[position[p]]``; the buyer's own tensors stay elsewhere.
    weights : array of float, shape (W,)
        Merge weights in [0, 1], increasing, the first of them 0.
    inputs, labels : Tensor
        Examples ``[E, C, H, W]`` and their classes int64 ``[E]``.
    index : int64 array, shape (G, V)
        Validation examples of each group.
    group : array of int, shape (P,)
        Whose examples a pair is measured on.
    align : bool
        Whether to match the seller's units to the buyer's first.

    Raises
    ------
    ValueError
        If the grid is not as described, or a slot or position does not exist.
    """
    grid = np.asarray(weights, dtype=np.float64)
    if grid.ndim != 1 or not len(grid) or grid[0] != 0 or grid[-1] > 1 or not (np.diff(grid) > 0).all():
        raise ValueError(f"weights must increase from 0 and end at most at 1; got {grid.tolist()}")
    buyers, sellers = fleet.rows(buyer), _column(seller, fleet.device)
    permutations = _alignments(fleet, offered, buyers, sellers, align)
    masks = position_masks(fleet.architecture, position, names, fleet.device)
    task = _Task(buyers, sellers, _column(group, fleet.device), masks, permutations)
    inputs, labels, examples = inputs.to(fleet.device), labels.to(fleet.device), _column(index, fleet.device)
    loss = np.empty((len(buyers), len(grid)))
    # neighbours in this order share the buyer, whose stem is then computed in few blocks only
    order = np.lexsort((sellers.cpu().numpy(), buyers.cpu().numpy(), task.group.cpu().numpy()))
    size = chunk_size(fleet.working_bytes, stem_bytes(fleet.architecture, examples.shape[1]))
    for part in chunks(len(order), size):
        chosen = order[part]
        block = task.take(torch.from_numpy(chosen).to(fleet.device))
        loss[chosen] = _try_block(fleet, offered, block, grid, inputs, labels, examples)
    loss = np.where(np.isfinite(loss), loss, np.inf)
    best = loss.argmin(axis=1)
    least = loss[np.arange(len(loss)), best]
    gain = np.where(best > 0, loss[:, 0] - np.where(np.isfinite(least), least, 0), 0.0)
    return TrialResults(loss, grid[best], gain, permutations)


def _try_block(
    fleet: Fleet,
    offered: Parameters,
    task: _Task,
    grid: Floats,
    inputs: Tensor,
    labels: Tensor,
    examples: Tensor,
) -> Floats:
    """Return the losses ``[p, W]`` of pairs whose stems fit into memory together."""
    architecture = fleet.architecture
    base = _Stems(architecture, fleet.parameters, task.buyer, task.group, inputs, examples)
    bought = _Stems(architecture, offered, task.seller, task.group, inputs, examples)
    loss = np.empty((len(task.buyer), len(grid)))
    loss[:, 0] = _own_losses(fleet, base, labels, examples)
    trunk = [name for name in architecture.shapes if name not in architecture.stem_tensors]
    holds_stem = task.masks[architecture.stem_tensors[0]]
    each = evaluation_bytes(architecture, examples.shape[1])
    for pairs, columns in _tiles(len(task.buyer), len(grid), chunk_size(fleet.working_bytes, each)):
        here = {name: order[pairs] for name, order in task.permutations.items()}
        own = take({name: fleet.parameters[name] for name in trunk}, task.buyer[pairs])
        other = permute(architecture, take({name: offered[name] for name in trunk}, task.seller[pairs]), here)
        z_own, z_other = base.of(pairs), architecture.permute_stem(bought.of(pairs), here)
        step = (z_other - z_own).masked_fill_(~_beside(holds_stem[pairs], z_own), 0)
        share = torch.from_numpy(grid[columns]).to(z_own)
        z = (step.unsqueeze(1) * _beside(share, z_own)).add_(z_own.unsqueeze(1)).flatten(0, 1)
        repeat = torch.arange(len(z_own), device=z.device).repeat_interleave(len(share))
        masks = {name: task.masks[name][pairs][repeat] for name in trunk}
        merged = interpolate(take(own, repeat), take(other, repeat), share.repeat(len(z_own)), masks)
        y = labels[examples[task.group[pairs]]][repeat]
        loss[pairs, columns] = mean_loss(architecture.trunk(merged, z), y).reshape(-1, len(share))
    return loss


class _Stems:
    """Stems of the distinct (model, group) among some pairs, ``[U, V, ..., h]``, each computed once."""

    def __init__(
        self,
        architecture: Architecture,
        models: Parameters,
        row: Tensor,
        group: Tensor,
        inputs: Tensor,
        examples: Tensor,
    ) -> None:
        distinct, self.inverse = torch.unique(row * len(examples) + group, return_inverse=True)
        self.row, self.group = distinct // len(examples), distinct % len(examples)
        x = inputs[examples[0]] if len(examples) == 1 else inputs[examples[self.group]]
        stem = {name: models[name] for name in architecture.stem_tensors}
        self.z = architecture.stem(take(stem, self.row), x)

    def of(self, pairs: slice) -> Tensor:
        """Return the stems of some pairs."""
        return self.z[self.inverse[pairs]]


def _own_losses(fleet: Fleet, base: _Stems, labels: Tensor, examples: Tensor) -> Floats:
    """Return each pair's loss without a merge, computed once for each buyer."""
    loss = np.empty(len(base.row))
    size = chunk_size(fleet.working_bytes, evaluation_bytes(fleet.architecture, examples.shape[1]))
    for part in chunks(len(loss), size):
        logits = fleet.architecture.trunk(take(fleet.parameters, base.row[part]), base.z[part])
        loss[part] = mean_loss(logits, labels[examples[base.group[part]]])
    return loss[base.inverse.cpu().numpy()]


def _tiles(pairs: int, weights: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Yield tiles of at most `size` cells that cover the pairs x weights table without its first column."""
    for part in chunks(pairs, max(1, size // max(1, weights - 1))):
        for columns in chunks(weights - 1, size):
            yield part, slice(columns.start + 1, columns.stop + 1)


def _alignments(
    fleet: Fleet, offered: Parameters, buyer: Tensor, seller: Tensor, align: bool
) -> Permutations:
    """Return the permutations of each pair, matched once for each distinct (buyer, seller)."""
    architecture = fleet.architecture
    if not align:
        return identity_permutations(architecture, len(buyer), fleet.device)
    sellers = next(iter(offered.values())).shape[0]
    distinct, inverse = torch.unique(buyer * sellers + seller, return_inverse=True)
    found = identity_permutations(architecture, len(distinct), fleet.device)
    for part in chunks(len(distinct), chunk_size(fleet.working_bytes, alignment_bytes(architecture))):
        own = take(fleet.parameters, distinct[part] // sellers)
        other = take(offered, distinct[part] % sellers)
        for name, order in match_weights(architecture, own, other).permutations.items():
            found[name][part] = order
    return take(found, inverse)


def _beside(values: Tensor, z: Tensor) -> Tensor:
    """Return ``[n]`` as ``[n, 1, ..., 1]`` to broadcast against a stem ``[n, V, ..., h]``."""
    return values.view(-1, *[1] * (z.dim() - 1))


def _column(values: npt.ArrayLike, device: torch.device) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.int64)).to(device)
