"""Merging: move a buyer's parameters towards those it bought.

Core Objects: interpolate, merge
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.alignment import Permutations, permute
from agents.learning.fleet import Fleet
from agents.learning.networks.base import Architecture
from agents.learning.parameters import Parameters, spread, take

Masks = Mapping[str, Tensor]


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


def interpolate(own: Parameters, other: Parameters, weight: Tensor, masks: Masks | None = None) -> Parameters:
    """Return ``(1 - weight) * own + weight * other`` on the tensors of each pair's block, `own` elsewhere.

    Weight 0 gives `own`, weight 1 gives `other`, and a model merged with itself is itself, all to the last
    bit. A tensor that does not enter may hold anything, NaN included.

    Parameters
    ----------
    own, other : Parameters
        Leaves ``[P, ...]``.
    weight : Tensor
        Share of `other`, in [0, 1], ``[P]``.
    masks : mapping of Tensor, optional
        Tensor name to bool ``[P]``: whether the pair's block holds it; all tensors by default.
    """
    merged = {}
    for name, leaf in own.items():
        share = spread(weight if masks is None else weight * masks[name], leaf)
        step = other[name] - leaf
        # from the nearer end, so that both ends are exact
        near, far = leaf + share * step, other[name] - (1 - share) * step
        merged[name] = torch.where(share == 0, leaf, torch.where(share < 0.5, near, far))
    return merged


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
) -> None:
    """Merge purchases into their buyers' models, in place.

    Several purchases of one buyer are applied in the order given; the first purchases of all buyers are one
    batched computation, then the second ones, and so on. Running statistics are not merged, for
    `agents.learning.calibration.recalibrate` estimates them anew.

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

    Raises
    ------
    ValueError
        If a weight is not in [0, 1], or a slot or position does not exist.
    """
    buyers, weights = np.asarray(buyer, dtype=np.int64), np.asarray(weight, dtype=np.float64)
    wrong = weights[~((weights >= 0) & (weights <= 1))]
    if len(wrong):
        raise ValueError(f"weight must be in [0, 1]; got {wrong[0]}")
    sellers = torch.as_tensor(np.asarray(seller, dtype=np.int64)).to(fleet.device)
    masks = position_masks(fleet.architecture, position, names, fleet.device)
    shares = torch.from_numpy(weights).to(fleet.device, torch.float32)
    rank = purchase_rank(buyers)
    for turn in range(int(rank.max(initial=-1)) + 1):
        chosen = np.flatnonzero(rank == turn)
        rows = torch.from_numpy(chosen).to(fleet.device)
        bought = take(offered, sellers[rows])
        if permutations is not None:
            bought = permute(fleet.architecture, bought, take(permutations, rows))
        own = fleet.copy_of(buyers[chosen])
        fleet.write(buyers[chosen], interpolate(own, bought, shares[rows], take(masks, rows)))
    if reset_optimiser:
        fleet.reset_optimiser(np.unique(buyers))


def purchase_rank(buyer: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each purchase how many earlier ones have the same buyer, ``[P]``."""
    order = np.argsort(buyer, kind="stable")
    ordered = buyer[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(buyer) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[starts, len(buyer)])
    rank = np.empty(len(buyer), np.int64)
    rank[order] = np.arange(len(buyer)) - np.repeat(starts, sizes)
    return rank
