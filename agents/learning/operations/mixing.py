"""Mixing: every model becomes a weighted mean of models.

What federated and decentralised averaging have in common: with mixing weights ``W [N, N]`` whose rows sum to
1, the model of organisation i becomes ``sum_j W_ij theta_j``. Units are taken in the order in which they
come; nothing is aligned.

Source: Boyd, Ghosh, Prabhakar and Shah (2006), "Randomized gossip algorithms", for the matrices.
"""

from collections.abc import Callable

import numpy as np
import torch

from agents.learning.stack.fleet import Fleet
from markets.columns import Floats, Ints
from markets.refusals import InputError

SUM_TOLERANCE = 1e-9


@torch.no_grad()
def mix(
    fleet: Fleet,
    slots: Ints,
    weights: Floats,
    reset_optimiser: bool = True,
    after_merge: Callable[[Ints], None] | None = None,
) -> None:
    """Replace models by weighted means of the models of their group, in place.

    Parameters
    ----------
    fleet : Fleet
        Holds the models.
    slots : int64 array, shape (W, N)
        Distinct slots: W groups of N models each.
    weights : float64 array, shape (W, N, N)
        Row i of a group's matrix says of what the new model i is made; rows sum to 1. Who keeps its own model
        alone is left as it is, bit for bit.
    reset_optimiser : bool
        Whether the optimisers of those whose model changed start afresh.
    after_merge : callable, optional
        What is done to the slots whose model changed; running statistics, which are not mixed, are estimated
        anew there.

    Raises
    ------
    InputError
        If the shapes do not fit, a weight is negative or a row does not sum to 1.

    Notes
    -----
    Cost: W N^2 operations a parameter.
    """
    groups, number = slots.shape
    if weights.shape != (groups, number, number):
        raise InputError(f"weights must have the shape {(groups, number, number)}; got {weights.shape}")
    if (weights < 0).any() or (np.abs(weights.sum(axis=2) - 1) > SUM_TOLERANCE).any():
        raise InputError(f"weights must be at least 0 and each row sum to 1; got {weights.tolist()}")
    changed = (weights != np.eye(number)).any(axis=2)
    moved = slots[changed]
    share = torch.from_numpy(weights).to(fleet.device, torch.float32)
    rows = torch.from_numpy(np.flatnonzero(changed)).to(fleet.device)
    mixed = {}
    for name, leaf in fleet.copy_of(slots.ravel()).items():
        means = share @ leaf.view(groups, number, -1)
        mixed[name] = means.view(leaf.shape).index_select(0, rows)
    fleet.write(moved, mixed)
    if after_merge and len(moved):
        after_merge(moved)
    if reset_optimiser:
        fleet.reset_optimiser(moved)
