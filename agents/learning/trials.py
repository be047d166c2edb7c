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
from agents.learning.memory import alignment_bytes, chunk_size, chunks, stem_bytes, tile_size, trunk_bytes
from agents.learning.merging import position_masks
from agents.learning.networks.base import Architecture
from agents.learning.networks.products import whole_lines
from agents.learning.parameters import Parameters, gather, take

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


@dataclass(frozen=True)
class _Validation:
    """Examples on the fleet's device and which of them, ``[G, V]``, each group is measured on.

    The first `count` columns are meant; the others repeat one of them.
    """

    inputs: Tensor
    labels: Tensor
    examples: Tensor
    count: int


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
    examples = whole_lines(_column(index, fleet.device))
    held = _Validation(inputs.to(fleet.device), labels.to(fleet.device), examples, index.shape[1])
    loss, held_by_fleet = np.empty((len(buyers), len(grid))), _holds(fleet, offered)
    # neighbours in this order share the buyer, whose stem is then computed in few blocks only
    order = np.lexsort((sellers.cpu().numpy(), buyers.cpu().numpy(), task.group.cpu().numpy()))
    size = chunk_size(fleet.working_bytes, stem_bytes(fleet.architecture, examples.shape[1]))
    for part in chunks(len(order), size):
        chosen = order[part]
        block = task.take(torch.from_numpy(chosen).to(fleet.device))
        loss[chosen] = _try_block(fleet, offered, held_by_fleet, block, grid, held)
    loss = np.where(np.isfinite(loss), loss, np.inf)
    best = loss.argmin(axis=1)
    least = loss[np.arange(len(loss)), best]
    gain = np.where(best > 0, loss[:, 0] - np.where(np.isfinite(least), least, 0), 0.0)
    return TrialResults(loss, grid[best], gain, permutations)


def _try_block(
    fleet: Fleet, offered: Parameters, held_by_fleet: bool, task: _Task, grid: Floats, held: _Validation
) -> Floats:
    """Return the losses ``[p, W]`` of pairs whose stems fit into memory together."""
    architecture = fleet.architecture
    base, bought = _stems(fleet, offered, held_by_fleet, task, held)
    loss = np.empty((len(task.buyer), len(grid)))
    loss[:, 0] = _own_losses(fleet, base, task, held)
    trunk = [name for name in architecture.shapes if name not in architecture.stem_tensors]
    holds_stem = task.masks[architecture.stem_tensors[0]]
    own = take({name: fleet.parameters[name] for name in trunk}, task.buyer)
    other = take({name: offered[name] for name in trunk}, task.seller)
    other = permute(architecture, other, task.permutations)
    step = {name: _step(own[name], other[name], task.masks[name]) for name in trunk}
    y, shares = held.labels[held.examples[task.group]], torch.from_numpy(grid).to(base.z)
    for pairs, columns in _tiles(len(task.buyer), len(grid), _passes_at_once(fleet, held)):
        here = {name: order[pairs] for name, order in task.permutations.items()}
        z_own, z_other = base.of(pairs), architecture.permute_stem(bought.of(pairs), here)
        share = shares[columns]
        z = _along(z_own, _step(z_own, z_other, holds_stem[pairs]), share)
        merged = {name: _along(own[name][pairs], step[name][pairs], share) for name in trunk}
        found = mean_loss(
            architecture.trunk(merged, z), y[pairs].repeat_interleave(len(share), 0), held.count
        )
        loss[pairs, columns] = found.reshape(-1, len(share))
    return loss


def _step(own: Tensor, other: Tensor, holds: Tensor) -> Tensor:
    """Return ``other - own`` of ``[p, ...]``, and 0, whatever they hold, where a pair's block does not."""
    return (other - own).masked_fill_(~holds.view(-1, *[1] * (own.dim() - 1)), 0)


def _along(own: Tensor, step: Tensor, share: Tensor) -> Tensor:
    """Return ``own + share * step`` of every pair and weight, ``[p w, ...]``."""
    shares = share.view(-1, *[1] * (own.dim() - 1))
    return torch.addcmul(own.unsqueeze(1), shares, step.unsqueeze(1)).flatten(0, 1)


@dataclass(frozen=True)
class _Stems:
    """Stems of the distinct (model, group) among some pairs, ``[U, ...]``, and which is whose, ``[p]``."""

    z: Tensor
    inverse: Tensor

    def of(self, pairs: slice) -> Tensor:
        """Return the stems of some pairs."""
        return self.z.index_select(0, self.inverse[pairs])


def _holds(fleet: Fleet, offered: Parameters) -> bool:
    """Return whether the fleet's slots still hold the stems on offer, row by row, as they do as a rule."""
    names = fleet.architecture.stem_tensors
    return all(torch.equal(fleet.parameters[name], offered[name]) for name in names)


def _stems(
    fleet: Fleet, offered: Parameters, held_by_fleet: bool, task: _Task, held: _Validation
) -> tuple[_Stems, _Stems]:
    """Return the stems of the buyers and of the sellers; a model that is both has one, of the same bits."""
    pairs = len(task.buyer)
    if held_by_fleet:
        row, group = torch.cat([task.buyer, task.seller]), torch.cat([task.group, task.group])
        both = _stems_of(fleet.architecture, fleet.parameters, row, group, held)
        return _Stems(both.z, both.inverse[:pairs]), _Stems(both.z, both.inverse[pairs:])
    return (
        _stems_of(fleet.architecture, fleet.parameters, task.buyer, task.group, held),
        _stems_of(fleet.architecture, offered, task.seller, task.group, held),
    )


def _stems_of(
    architecture: Architecture, models: Parameters, row: Tensor, group: Tensor, held: _Validation
) -> _Stems:
    examples = held.examples
    distinct, inverse = torch.unique(row * len(examples) + group, return_inverse=True)
    x = gather(held.inputs, examples[0] if len(examples) == 1 else examples[distinct % len(examples)])
    stem = take({name: models[name] for name in architecture.stem_tensors}, distinct // len(examples))
    return _Stems(architecture.stem(stem, x), inverse)


def _own_losses(fleet: Fleet, base: _Stems, task: _Task, held: _Validation) -> Floats:
    """Return each pair's loss without a merge, computed once for each buyer and group."""
    found, inverse = torch.unique(base.inverse, return_inverse=True)
    row, group = torch.empty_like(found), torch.empty_like(found)
    row[inverse], group[inverse] = task.buyer, task.group
    loss = np.empty(len(found))
    for part in chunks(len(found), _passes_at_once(fleet, held)):
        logits = fleet.architecture.trunk(take(fleet.parameters, row[part]), base.z[found[part]])
        loss[part] = mean_loss(logits, held.labels[held.examples[group[part]]], held.count)
    return loss[inverse.cpu().numpy()]


def _passes_at_once(fleet: Fleet, held: _Validation) -> int:
    bytes_each = trunk_bytes(fleet.architecture, held.examples.shape[1])
    return tile_size(fleet.working_bytes, bytes_each, fleet.device)


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
    size = tile_size(fleet.working_bytes, alignment_bytes(architecture), fleet.device)
    for part in chunks(len(distinct), size):
        own = take(fleet.parameters, distinct[part] // sellers)
        other = take(offered, distinct[part] % sellers)
        for name, order in match_weights(architecture, own, other).permutations.items():
            found[name][part] = order
    return take(found, inverse)


def _column(values: npt.ArrayLike, device: torch.device) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.int64)).to(device)
