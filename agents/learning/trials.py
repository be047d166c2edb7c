"""Try before purchase: what a block would do for a buyer, and at which merge weight.

The loss of every (pair, weight) is measured on the validation examples of the pair's group. The first layer
is linear in its parameters, so where the merge operator goes in a straight line its pre-activation of a
merged model is the same merge of the two models' pre-activations: it is computed once a model, not once a
merge. The rest of the network runs once for each pair and weight, many at a time.

Source: Huang, Vishwakarma and Sala (2023), "Train 'n Trade: Foundations of Parameter Markets": the merge
weight is the one on a grid with the least loss on the broker's data; merge weight 0 (no purchase) is always
among those compared.

Core Objects: try_blocks, TrialResults
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.alignment import Permutations, identity_permutations, match_weights
from agents.learning.fleet import Fleet
from agents.learning.memory import alignment_bytes, chunk_size, chunks, stem_bytes, tile_size
from agents.learning.merge_operators.recipe import Recipe
from agents.learning.merging import position_masks
from agents.learning.networks.products import whole_lines
from agents.learning.parameters import Parameters, take
from agents.learning.trial_paths import CurvedPath, StraightPath, Task, Validation
from agents.learning.weight_search import GridSearch, WeightSearch

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrialResults:
    """Outcome of the trials of P pairs, each at W weights.

    Attributes
    ----------
    weights : float64 array, shape (P, W)
        Merge weights that were compared, 0 first.
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

    weights: Floats
    loss: Floats
    weight: Floats
    gain: Floats
    permutations: Permutations


@torch.no_grad()
def try_blocks(
    fleet: Fleet,
    offered: Parameters,
    buyer: npt.ArrayLike,
    seller: npt.ArrayLike,
    position: npt.ArrayLike,
    names: Sequence[str],
    weights: npt.ArrayLike | WeightSearch,
    inputs: Tensor,
    labels: Tensor,
    index: npt.NDArray[np.int64],
    group: npt.ArrayLike,
    align: bool = True,
    recipe: Recipe | None = None,
) -> TrialResults:
    """Measure the loss of every pair's merged model at the merge weights of a search.

    Cost: P x (W - 1) forward passes over V examples, without their first layer where the operator goes in a
    straight line, and one weight matching a distinct (buyer, seller). Memory stays within the fleet's budget.

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
    weights : WeightSearch, or array of float, shape (W,)
        How to look for the merge weight, or the grid to compare: in [0, 1], increasing, the first of them 0.
    inputs, labels : Tensor
        Examples ``[E, C, H, W]`` and their classes int64 ``[E]``.
    index : int64 array, shape (G, V)
        Validation examples of each group.
    group : array of int, shape (P,)
        Whose examples a pair is measured on.
    align : bool
        Whether to match the seller's units to the buyer's first.
    recipe : Recipe, optional
        How pairs are merged; by interpolation by default.

    Raises
    ------
    ValueError
        If the grid is not as described, or a slot or position does not exist.
    """
    search = weights if isinstance(weights, WeightSearch) else _grid(weights)
    recipe = recipe or Recipe()
    buyers, sellers = fleet.rows(buyer), _column(seller, fleet.device)
    permutations = _alignments(fleet, offered, buyers, sellers, align)
    masks = position_masks(fleet.architecture, position, names, fleet.device)
    task = Task(buyers, sellers, _column(group, fleet.device), masks, permutations)
    examples = whole_lines(_column(index, fleet.device))
    held = Validation(inputs.to(fleet.device), labels.to(fleet.device), examples, index.shape[1])
    compared, loss = (np.empty((len(buyers), search.evaluations)) for _ in range(2))
    # neighbours in this order share the buyer, whose stem is then computed in few blocks only
    order = np.lexsort((sellers.cpu().numpy(), buyers.cpu().numpy(), task.group.cpu().numpy()))
    each = stem_bytes(fleet.architecture, examples.shape[1]) + 4 * recipe.own.bytes_each
    for part in chunks(len(order), chunk_size(fleet.working_bytes, each)):
        chosen = order[part]
        block = task.take(torch.from_numpy(chosen).to(fleet.device))
        compared[chosen], loss[chosen] = _try_block(fleet, offered, block, search, held, recipe)
    least = loss.min(axis=1, keepdims=True)
    best = np.where(loss == least, compared, np.inf).argmin(axis=1)
    row = np.arange(len(loss))
    least = loss[row, best]
    gain = np.where(best > 0, loss[:, 0] - np.where(np.isfinite(least), least, 0), 0.0)
    return TrialResults(compared, loss, compared[row, best], gain, permutations)


def _try_block(
    fleet: Fleet, offered: Parameters, task: Task, search: WeightSearch, held: Validation, recipe: Recipe
) -> tuple[Floats, Floats]:
    """Return the weights and losses ``[p, W]`` of pairs whose stems fit into memory together."""
    path = (StraightPath if StraightPath.serves(recipe.operator) else CurvedPath)(
        fleet, offered, task, held, recipe
    )

    def loss_at(weights: Floats) -> Floats:
        loss = np.empty(weights.shape)
        for pairs, columns in _tiles(weights.shape[0], weights.shape[1], path.at_once):
            loss[pairs, columns] = path.losses(pairs, weights[pairs, columns])
        return np.where(np.isfinite(loss), loss, np.inf)

    before = path.own_losses()
    return search.search(loss_at, np.where(np.isfinite(before), before, np.inf))


def _grid(weights: npt.ArrayLike) -> GridSearch:
    return GridSearch(tuple(np.asarray(weights, dtype=np.float64).ravel().tolist()))


def _tiles(pairs: int, weights: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Yield tiles of at most `size` cells that cover the pairs x weights table."""
    for part in chunks(pairs, max(1, size // max(1, weights))):
        for columns in chunks(weights, size):
            yield part, columns


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
