"""Merging: move a buyer's parameters towards those it bought."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.networks.base import Architecture
from agents.learning.operators.recipe import AlignedPairs
from agents.learning.stack.data import column
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.offered import Offered, Prepared
from agents.learning.stack.pairs import Pairs
from agents.learning.stack.parameters import take
from markets.columns import Floats, Ints
from markets.refusals import InputError


def position_masks(
    architecture: Architecture, position: npt.ArrayLike, names: Sequence[str], device: torch.device
) -> dict[str, Tensor]:
    """Return for each tensor which pairs' blocks hold it.

    Parameters
    ----------
    architecture : Architecture
        Cuts its tensors into positions.
    position : array of int, shape (P,)
        Position of each pair's block, as a number in `names`.
    names : sequence of str
        Position names; "model" holds all tensors, names joined by "+" those of each.

    Returns
    -------
    dict of Tensor
        Tensor name to bool ``[P]``.
    """
    holds = np.array(
        [[tensor in architecture.tensors_of(name) for tensor in architecture.shapes] for name in names]
    )
    table = torch.from_numpy(holds[np.asarray(position, dtype=np.int64)]).to(device)
    return {tensor: table[:, column] for column, tensor in enumerate(architecture.shapes)}


@torch.no_grad()
def merge(
    fleet: Fleet,
    prepared: Prepared,
    pairs: Pairs,
    weight: npt.ArrayLike,
    *,
    reset_optimiser: bool = True,
    after_merge: Callable[[Ints], None] | None = None,
    loss_of: Callable[[Ints], Floats] | None = None,
) -> None:
    """Merge purchases into their buyers' models, in place.

    Several purchases of one buyer are applied in the order given; the first purchases of all buyers are one
    batched computation, then the second ones, and so on. Running statistics are not merged: `after_merge` is
    where `agents.learning.training.calibration.recalibrate` estimates them anew.

    Parameters
    ----------
    fleet : Fleet
        Holds the buyers.
    prepared : Prepared
        What was for sale, and the alignment of each pair from its trial. The evidence of a buyer follows its
        merges, in a copy.
    pairs : Pairs
        What was bought: slots in the fleet, rows of what was offered, and positions.
    weight : array of float, shape (P,)
        Merge weight, in [0, 1].
    reset_optimiser : bool
        Whether the buyers' optimisers start afresh (Huang, Vishwakarma and Sala 2023).
    after_merge : callable, optional
        What is done to slots of the fleet after each merge, before a loss is measured.
    loss_of : callable, optional
        From slots of the fleet to their loss on validation data: where it is given, a merge that raises it is
        undone.

    Raises
    ------
    InputError
        If a weight is not in [0, 1], or a slot or position does not exist.
    """
    weights = np.asarray(weight, dtype=np.float64)
    wrong = weights[~((weights >= 0) & (weights <= 1))]
    if len(wrong):
        raise InputError(f"weight must be in [0, 1]; got {wrong[0]}")
    offered, buyers = prepared.offered, np.unique(pairs.buyer)
    aligned = AlignedPairs(
        buyer=fleet.rows(pairs.buyer),
        seller=column(pairs.seller, fleet.device),
        masks=position_masks(fleet.architecture, pairs.position, offered.positions, fleet.device),
        permutations=prepared.permutations,
    )
    shares = torch.from_numpy(weights).to(fleet.device, torch.float32)
    own = offered.recipe.own.copy_of(fleet.rows(buyers), fleet.slots)
    offered = replace(offered, recipe=replace(offered.recipe, own=own))
    rank = purchase_rank(pairs.buyer)
    for turn in range(int(rank.max(initial=-1)) + 1):
        chosen = np.flatnonzero(rank == turn)
        rows = torch.from_numpy(chosen).to(fleet.device)
        some, slots = aligned.take(rows), pairs.buyer[chosen]
        _merge_turn(fleet, offered, some, slots, shares[rows], after_merge, loss_of)
    if reset_optimiser:
        fleet.reset_optimiser(buyers)


def _merge_turn(
    fleet: Fleet,
    offered: Offered,
    pairs: AlignedPairs,
    buyers: Ints,
    shares: Tensor,
    after_merge: Callable[[Ints], None] | None,
    loss_of: Callable[[Ints], Floats] | None,
) -> None:
    """Merge one purchase into each of some distinct buyers, and bring their evidence up to date, in place."""
    recipe, slots = offered.recipe, pairs.buyer
    operands = recipe.operands(fleet, offered.leaves, pairs)
    merged, pooled = recipe.operator.merge(operands, shares), recipe.operator.pooled(operands, shares)
    own = fleet.models_of(buyers) if loss_of else {}
    before = loss_of(buyers) if loss_of else np.full(len(buyers), np.inf)
    fleet.write(buyers, merged)
    if after_merge:
        after_merge(buyers)
    if loss_of:
        better = loss_of(buyers) <= before
        kept, undone = (torch.from_numpy(np.flatnonzero(c)).to(fleet.device) for c in (better, ~better))
        fleet.write(buyers[~better], take(own, undone))
        slots, pooled = slots[kept], take(pooled, kept)
    recipe.own.put(slots, pooled)


def purchase_rank(buyer: Ints) -> Ints:
    """Return for each purchase how many earlier ones have the same buyer, ``[P]``."""
    order = np.argsort(buyer, kind="stable")
    ordered = buyer[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(buyer) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[starts, len(buyer)])
    rank = np.empty(len(buyer), np.int64)
    rank[order] = np.arange(len(buyer)) - np.repeat(starts, sizes)
    return rank
