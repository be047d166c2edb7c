"""Merging: move a buyer's parameters towards those it bought.

Core Objects: interpolate, merge
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.alignment import Permutations
from agents.learning.fleet import Fleet
from agents.learning.merge_operators.base import interpolate
from agents.learning.merge_operators.recipe import Recipe
from agents.learning.networks.base import Architecture
from agents.learning.parameters import Parameters, take
from markets.refusals import InputError

__all__ = ["interpolate", "merge", "position_masks", "purchase_rank"]


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
    offered: Parameters,
    buyer: npt.ArrayLike,
    seller: npt.ArrayLike,
    position: npt.ArrayLike,
    names: Sequence[str],
    weight: npt.ArrayLike,
    permutations: Permutations | None = None,
    reset_optimiser: bool = True,
    recipe: Recipe | None = None,
    after_merge: Callable[[npt.NDArray[np.int64]], None] | None = None,
    loss_of: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]] | None = None,
) -> None:
    """Merge purchases into their buyers' models, in place.

    Several purchases of one buyer are applied in the order given; the first purchases of all buyers are one
    batched computation, then the second ones, and so on. Running statistics are not merged: `after_merge` is
    where `agents.learning.calibration.recalibrate` estimates them anew.

    Parameters
    ----------
    fleet : Fleet
        Holds the buyers.
    offered : Parameters
        Models for sale as they were at listing, leaves ``[S, ...]``.
    buyer, seller : array of int, shape (P,)
        Slot in the fleet and row of `offered`.
    position, names : array of int, shape (P,), and sequence of str
        What was bought: ``names[position[p]]``.
    weight : array of float, shape (P,)
        Merge weight, in [0, 1].
    permutations : dict of Tensor, optional
        Name to int64 ``[P, h]`` from the trial; without them units stay in the seller's order.
    reset_optimiser : bool
        Whether the buyers' optimisers start afresh (Huang, Vishwakarma and Sala 2023).
    recipe : Recipe, optional
        How pairs are merged; by interpolation by default. The evidence of a buyer follows its merges.
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
    buyers, weights = np.asarray(buyer, dtype=np.int64), np.asarray(weight, dtype=np.float64)
    wrong = weights[~((weights >= 0) & (weights <= 1))]
    if len(wrong):
        raise InputError(f"weight must be in [0, 1]; got {wrong[0]}")
    sellers = torch.as_tensor(np.asarray(seller, dtype=np.int64)).to(fleet.device)
    masks = position_masks(fleet.architecture, position, names, fleet.device)
    shares = torch.from_numpy(weights).to(fleet.device, torch.float32)
    recipe = recipe or Recipe()
    recipe = replace(recipe, own=recipe.own.copy_of(fleet.rows(np.unique(buyers)), fleet.slots))
    rank = purchase_rank(buyers)
    for turn in range(int(rank.max(initial=-1)) + 1):
        chosen = np.flatnonzero(rank == turn)
        rows = torch.from_numpy(chosen).to(fleet.device)
        moved = None if permutations is None else take(permutations, rows)
        purchases = (buyers[chosen], sellers[rows], shares[rows], take(masks, rows), moved)
        _merge_turn(fleet, offered, *purchases, recipe, after_merge, loss_of)
    if reset_optimiser:
        fleet.reset_optimiser(np.unique(buyers))


def _merge_turn(
    fleet: Fleet,
    offered: Parameters,
    buyers: npt.NDArray[np.int64],
    sellers: Tensor,
    shares: Tensor,
    masks: dict[str, Tensor],
    permutations: Permutations | None,
    recipe: Recipe,
    after_merge: Callable[[npt.NDArray[np.int64]], None] | None,
    loss_of: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]] | None,
) -> None:
    """Merge one purchase into each of some distinct buyers, and bring their evidence up to date, in place."""
    slots = fleet.rows(buyers)
    operands = recipe.operands(fleet, offered, slots, sellers, masks, permutations)
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


def purchase_rank(buyer: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each purchase how many earlier ones have the same buyer, ``[P]``."""
    order = np.argsort(buyer, kind="stable")
    ordered = buyer[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(buyer) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[starts, len(buyer)])
    rank = np.empty(len(buyer), np.int64)
    rank[order] = np.arange(len(buyer)) - np.repeat(starts, sizes)
    return rank
