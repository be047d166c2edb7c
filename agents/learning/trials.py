"""Try before purchase: what a block would do for a buyer, and at which merge weight.

The loss of every (pair, weight) is measured on the validation examples of the pair's group. The first layer
is linear in its parameters, so where the merge operator goes in a straight line its pre-activation of a
merged model is the same merge of the two models' pre-activations: it is computed once a model, not once a
merge. The rest of the network runs once for each pair and weight, many at a time.

Source: Huang, Vishwakarma and Sala (2023), "Train 'n Trade: Foundations of Parameter Markets": the merge
weight is the one on a grid with the least loss on the broker's data; merge weight 0 (no purchase) is always
among those compared.

Where a network keeps running statistics, a merged model's are first estimated on validation inputs, as
`recalibrate` will after the purchase, and then used; weight 0 is the buyer's model as it stands.

Core Objects: try_blocks, Trials
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.alignment.base import Alignment, Permutations, Unaligned, identity_permutations
from agents.learning.alignment.weight_matching import WeightMatching
from agents.learning.operations.merging import position_masks
from agents.learning.operations.weight_searches import GivenWeights, WeightSearch
from agents.learning.stack.data import Data, column
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.memory import alignment_bytes, chunk_size, chunks, row_parts, stem_bytes, tile_size
from agents.learning.stack.offered import Assorted, Offered, Prepared
from agents.learning.stack.pairs import Pairs
from agents.learning.stack.parameters import Parameters, spread, take
from agents.learning.training.calibration import calibration_examples
from agents.learning.trial_paths import CurvedPath, PairsOnTrial, StraightPath, Validation, holds
from markets.columns import Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Outcome of the trials of P pairs, each at W weights.

    Attributes
    ----------
    compared : float64 array, shape (P, W)
        Merge weights that were compared, 0 first.
    losses : float64 array, shape (P, W)
        Validation loss of the merged model, nats an example; inf where it is not finite.
    loss_before, loss_after : float64 array, shape (P,)
        Loss at weight 0, and that less the gain.
    weight : float64 array, shape (P,)
        Merge weight of the least loss, the smallest if several share it.
    gain : float64 array, shape (P,)
        Gain from trade: loss at weight 0 minus the least loss, >= 0; inf only if the buyer's own loss is not
        finite.
    prepared : Prepared or Assorted
        What merges need: the offer, and how the seller's units were reordered.
    """

    compared: Floats
    losses: Floats
    loss_before: Floats
    loss_after: Floats
    weight: Floats
    gain: Floats
    prepared: Prepared | Assorted

    @classmethod
    def assembled(cls, parts: "Mapping[int, Trials]", rows: Mapping[int, Ints]) -> "Trials":
        """Return the trials of pairs of several architectures, in one order.

        Parameters
        ----------
        parts : mapping
            From the number of a fleet to the trials of its pairs.
        rows : mapping
            From the number of a fleet to the place that each of its pairs has among all.
        """
        turn = np.argsort(np.concatenate([rows[fleet] for fleet in parts]))
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts.values()])[turn]
            for name in vars(next(iter(parts.values())))
            if name != "prepared"
        }
        fleet = np.repeat(list(parts), [len(rows[number]) for number in parts])[turn]
        row = np.concatenate([np.arange(len(rows[number])) for number in parts])[turn]
        prepared = {number: part.prepared.of(number) for number, part in parts.items()}
        return cls(**columns, prepared=Assorted(prepared, fleet, row))

    def take(self, rows: Ints) -> "Trials":
        """Return some of the trials, in the order given."""
        taken = {name: column[rows] for name, column in vars(self).items() if name != "prepared"}
        return Trials(**taken, prepared=self.prepared.take(rows))


@torch.no_grad()
def try_blocks(
    fleet: Fleet,
    offered: Offered,
    pairs: Pairs,
    data: Data,
    weights: npt.ArrayLike | WeightSearch,
    *,
    alignment: Alignment | None = None,
    calibration: Ints | None = None,
) -> Trials:
    """Measure the loss of every pair's merged model at the merge weights of a search.

    Cost: P x (W - 1) forward passes over V examples, without their first layer where the operator goes in a
    straight line, and one weight matching a distinct (buyer, seller). Memory stays within the fleet's budget.

    Parameters
    ----------
    fleet : Fleet
        Holds the buyers.
    offered : Offered
        What is for sale. Where a seller has learnt for another group than the buyer's, so do the tasks of the
        two heads differ, which then do not count in weight matching.
    pairs : Pairs
        Slots in the fleet, rows of what is offered, and the blocks on trial; the buyer's own tensors stay
        elsewhere.
    data : Data
        Validation examples, and whose each pair is measured on.
    weights : WeightSearch, or array of float, shape (W,)
        How to look for the merge weight, or the grid to compare: in [0, 1], increasing, the first of them 0.
    alignment : Alignment, optional
        How the seller's units are put in the buyer's order first; by default weight matching.
    calibration : int64 array, shape (G, C), optional
        Examples of each group on which running statistics are estimated; those of `data` by default.

    Raises
    ------
    InputError
        If the grid is not as described, or a slot or position does not exist.
    """
    search = weights if isinstance(weights, WeightSearch) else GivenWeights(weights)
    index, group = data.groups(fleet.device)
    alike = torch.ones_like(group, dtype=torch.bool)
    if offered.group is not None:
        alike = group == column(offered.group[pairs.seller], fleet.device)
    buyers, sellers = fleet.rows(pairs.buyer), column(pairs.seller, fleet.device)
    task = PairsOnTrial(
        buyer=buyers,
        seller=sellers,
        masks=position_masks(fleet.architecture, pairs.position, offered.positions, fleet.device),
        permutations=_permutations(fleet, offered.leaves, buyers, sellers, alike, alignment),
        group=group,
        held_by_fleet=holds(fleet, offered.leaves),
    )
    straight = StraightPath.serves(fleet.architecture, offered.recipe.operator)
    kind = partial(StraightPath if straight else CurvedPath, fleet, offered)
    held, known = _validation(
        fleet, data, index, index if calibration is None else column(calibration, fleet.device)
    )
    compared, loss = (np.empty((len(pairs), search.evaluations)) for _ in range(2))
    # neighbours in this order share the buyer, whose stem is then computed in few blocks only
    order = np.lexsort((pairs.seller, pairs.buyer, group.cpu().numpy()))
    rows = max(piece.examples.shape[1] for piece in (*held, known))
    each = stem_bytes(fleet.architecture, rows) + 4 * offered.recipe.own.bytes_each
    for part in chunks(len(order), chunk_size(fleet.working_bytes, each)):
        chosen = order[part]
        block = task.take(torch.from_numpy(chosen).to(fleet.device))
        compared[chosen], loss[chosen] = _try_block(
            kind, block, search, held, known if fleet.statistics else None
        )
    least = loss.min(axis=1, keepdims=True)
    best = np.where(loss == least, compared, np.inf).argmin(axis=1)
    row = np.arange(len(loss))
    least = loss[row, best]
    before = loss[:, 0]
    gain = np.where(best > 0, before - np.where(np.isfinite(least), least, 0), 0.0)
    return Trials(
        compared=compared,
        losses=loss,
        loss_before=before,
        loss_after=before - gain,
        weight=compared[row, best],
        gain=gain,
        prepared=Prepared(offered=offered, permutations=task.permutations),
    )


def _validation(
    fleet: Fleet, data: Data, index: Tensor, calibration: Tensor
) -> tuple[list[Validation], Validation]:
    """Return the examples of trials, in parts that fit into memory, and those for running statistics."""
    inputs, targets = data.on(fleet.device)
    parts = row_parts(fleet.architecture, index.shape[1], fleet.device)
    held = [Validation.of(inputs, targets, index[:, part]) for part in parts]
    return held, Validation.of(inputs, targets, calibration_examples(calibration))


def _try_block(
    kind: Callable[[PairsOnTrial, Validation], StraightPath | CurvedPath],
    task: PairsOnTrial,
    search: WeightSearch,
    held: list[Validation],
    known: Validation | None,
) -> tuple[Floats, Floats]:
    """Return the weights and losses ``[p, W]`` of pairs whose stems fit into memory together."""
    count = sum(piece.count for piece in held)
    calibrated = None if known is None else kind(task, known)
    only = kind(task, held[0]) if len(held) == 1 else None

    def paths() -> Iterator[tuple[StraightPath | CurvedPath, float]]:
        """Yield a path for each part of the examples, and its share of them; several are not kept."""
        for piece in held:
            yield only or kind(task, piece), piece.count / count

    def loss_at(weights: Floats) -> Floats:
        statistics = _statistics(calibrated, weights)
        loss = np.zeros(weights.shape)
        for path, share in paths():
            for pairs, columns in _tiles(weights.shape[0], weights.shape[1], path.at_once):
                here = {name: leaf[pairs, columns].flatten(0, 1) for name, leaf in statistics.items()}
                loss[pairs, columns] += share * path.losses(pairs, weights[pairs, columns], here)
        return np.where(np.isfinite(loss), loss, np.inf)

    before = np.zeros(len(task.buyer))
    for path, share in paths():
        before += share * path.own_losses()
    return search.search(loss_at, np.where(np.isfinite(before), before, np.inf))


def _statistics(path: StraightPath | CurvedPath | None, weights: Floats) -> Parameters:
    """Return the running statistics of every pair's merges, ``[p, w, ...]``; none without a path."""
    found: Parameters = {}
    if path is None:
        return found
    for pairs, columns in _tiles(weights.shape[0], weights.shape[1], path.at_once):
        some = weights[pairs, columns]
        for name, leaf in path.statistics(pairs, some).items():
            every = found.setdefault(name, leaf.new_empty(*weights.shape, *leaf.shape[1:]))
            every[pairs, columns] = leaf.unflatten(0, some.shape)
    return found


def _tiles(pairs: int, weights: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Yield tiles of at most `size` cells that cover the pairs x weights table."""
    for part in chunks(pairs, max(1, size // max(1, weights))):
        for columns in chunks(weights, size):
            yield part, columns


def _permutations(
    fleet: Fleet, offered: Parameters, buyer: Tensor, seller: Tensor, alike: Tensor, way: Alignment | None
) -> Permutations:
    """Return the permutations of each pair, found once for each distinct (buyer, seller).

    The head counts where the two have learnt `alike`, bool ``[P]``.
    """
    architecture = fleet.architecture
    if isinstance(way, Unaligned):  # Models need not be looked at.
        return identity_permutations(architecture, len(buyer), fleet.device)
    sellers = next(iter(offered.values())).shape[0]
    distinct, inverse = torch.unique(buyer * sellers + seller, return_inverse=True)
    same = torch.ones_like(distinct, dtype=torch.bool)
    same[inverse] = alike
    found = identity_permutations(architecture, len(distinct), fleet.device)
    size = tile_size(fleet.working_bytes, alignment_bytes(architecture), fleet.device)
    for part in chunks(len(distinct), size):
        own = take(fleet.parameters, distinct[part] // sellers)
        other = take(offered, distinct[part] % sellers)
        if not same[part].all():
            for name in architecture.tensors_of(list(architecture.positions)[-1]):
                own[name] = own[name] * spread(same[part], own[name])
        for name, order in (way or WeightMatching()).permutations(architecture, own, other).items():
            found[name][part] = order
    return take(found, inverse)
