"""Weight matching: put the hidden units of one model in the order of another's.

Two networks that differ only in the order of their hidden units are the same function but have no useful
average. Weight matching permutes the seller's units so that its parameters lie as close as possible to the
buyer's.

Source: Ainsworth, Hayase and Srinivasa (2023), "Git Re-Basin: Merging Models modulo Permutation Symmetries",
section 3.2, algorithm 1. Its objective, the sum of inner products <own, permuted other>, is maximised one
permutation at a time, each a linear assignment. The paper visits the permutations in random order; here they
are visited input first, so that no randomness is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from pydantic.dataclasses import dataclass as configuration
from torch import Tensor

from agents.learning.alignment.assignment import best_assignments
from agents.learning.alignment.base import ALIGNMENTS, Alignment, Permutations, identity_permutations
from agents.learning.networks.base import Architecture
from agents.learning.networks.products import product
from agents.learning.stack.device import precise_dtype
from agents.learning.stack.parameters import Parameters, gather
from markets.columns import Floats, Ints

RELATIVE_TOLERANCE = 1e-10
"""An assignment must win by more than this share of the two models' norms: rounding is no reason to move."""


@dataclass(frozen=True)
class Matched:
    """Outcome of weight matching for P pairs.

    Attributes
    ----------
    permutations : dict of Tensor
        Name to int64 ``[P, h]``: unit j of the aligned model is unit ``permutation[j]`` of the other.
    objective : float64 array, shape (S + 1, P)
        Sum of inner products before the first and after each sweep; never falls.
    """

    permutations: Permutations
    objective: Floats


def permute(
    architecture: Architecture, parameters: Parameters, permutations: Mapping[str, Tensor]
) -> Parameters:
    """Return P models ``[P, ...]`` with their units reordered by permutations int64 ``[P, h]``, as a copy.

    Applied to every axis that a permutation moves, this leaves the function of each model as it was.
    """
    return {
        name: _reordered(architecture, name, leaf, permutations, skip=None)
        for name, leaf in parameters.items()
    }


@torch.no_grad()
def match_weights(
    architecture: Architecture, own: Parameters, other: Parameters, max_sweeps: int = 100
) -> Matched:
    """Align other models to own ones, pair by pair.

    Cost: a sweep is one product ``[h, rest] @ [rest, h]`` for each tensor and axis that moves, and a linear
    assignment, O(h^3), for each permutation (see `best_assignments`). A pair whose neighbouring permutations
    have not moved is not solved again. A pair with a parameter that is not finite keeps its units in place.

    Parameters
    ----------
    architecture : Architecture
        Declares which axes move together.
    own, other : Parameters
        Buyers' and sellers' parameters, leaves ``[P, ...]``.
    max_sweeps : int
        Passes over all permutations after which coordinate descent is stopped.
    """
    pairs = len(next(iter(own.values())))
    matching = _Matching(architecture, own, other)
    permutations = identity_permutations(architecture, pairs, next(iter(own.values())).device)
    solvable = np.isfinite(matching.tolerance)
    stale = {name: solvable.copy() for name in permutations}
    objective = [matching.objective()]
    for _ in range(max_sweeps):
        if not any(flags.any() for flags in stale.values()):
            break
        gained = np.zeros(pairs)
        for name, flags in stale.items():
            rows = np.flatnonzero(flags)
            gain = matching.improve(name, permutations, rows)
            moved = rows[gain > 0]
            flags[rows] = False
            gained[rows] += gain
            for neighbour in matching.neighbours[name]:
                stale[neighbour][moved] = solvable[moved]
        objective.append(objective[-1] + gained)
    return Matched(permutations, np.stack(objective))


@ALIGNMENTS.register
@configuration(frozen=True, config={"extra": "forbid"})
class WeightMatching(Alignment):
    """Units are put where the two models are closest (Ainsworth, Hayase and Srinivasa 2023)."""

    name: str = "weight_matching"

    def permutations(self, architecture: Architecture, own: Parameters, other: Parameters) -> Permutations:
        """Return what `match_weights` finds (see `Alignment.permutations`)."""
        return match_weights(architecture, own, other).permutations


class _Matching:
    """Cost matrices of P pairs, in double precision; what no other permutation touches is computed once."""

    def __init__(self, architecture: Architecture, own: Parameters, other: Parameters) -> None:
        self.architecture = architecture
        self.device = next(iter(own.values())).device
        kind = precise_dtype(self.device)
        self.own = {name: leaf.to(kind) for name, leaf in own.items()}
        self.other = {name: leaf.to(kind) for name, leaf in other.items()}
        squares = [
            sum(leaf.square().flatten(1).sum(1) for leaf in side.values()) for side in (self.own, self.other)
        ]
        # not finite if and only if a parameter is not
        norms = torch.as_tensor(squares[0]).sqrt() * torch.as_tensor(squares[1]).sqrt()
        self.tolerance = RELATIVE_TOLERANCE * _numbers(norms)
        moving = architecture.moving_axes
        self.neighbours = {
            name: {third for tensor, _ in members for _, third in moving[tensor]} - {name}
            for name, members in architecture.symmetries.items()
        }
        self.varying = {
            name: [(tensor, axis) for tensor, axis in members if len(moving[tensor]) > 1]
            for name, members in architecture.symmetries.items()
        }
        self.left = {
            (tensor, axis): _units(self.own[tensor], axis)
            for members in architecture.symmetries.values()
            for tensor, axis in members
        }
        self.constant = {
            name: sum(
                product(self.left[tensor, axis], _units(self.other[tensor], axis).transpose(1, 2))
                for tensor, axis in members
                if len(moving[tensor]) == 1
            )
            for name, members in architecture.symmetries.items()
        }

    def objective(self) -> Floats:
        """Return each pair's sum of inner products with all units in place ``[P]``."""
        terms = [(leaf * self.other[name]).flatten(1).sum(1) for name, leaf in self.own.items()]
        return _numbers(torch.as_tensor(sum(terms)))

    def improve(self, name: str, permutations: Permutations, rows: Ints) -> Floats:
        """Solve one permutation of some pairs given the others.

        Returns what each pair's objective gains, ``[len(rows)]``; 0 where the units stay as they were.
        """
        if not len(rows):
            return np.zeros(0)
        # a copy of all pairs would change nothing
        some = None if len(rows) == len(self.tolerance) else torch.from_numpy(rows).to(self.device)
        here = {near: _rows(permutations[near], some) for near in (name, *self.neighbours[name])}
        constant = self.constant[name]
        cost = _rows(constant, some) if isinstance(constant, Tensor) else 0
        for tensor, axis in self.varying[name]:
            other = _reordered(self.architecture, tensor, _rows(self.other[tensor], some), here, skip=name)
            cost = cost + product(_rows(self.left[tensor, axis], some), _units(other, axis).transpose(1, 2))
        assert isinstance(cost, Tensor)
        found = best_assignments(cost)
        gain = _numbers(_total(cost, found) - _total(cost, here[name]))
        moved = gain > self.tolerance[rows]
        if moved.any():
            chosen = torch.from_numpy(np.flatnonzero(moved)).to(self.device)
            permutations[name][torch.from_numpy(rows[moved]).to(self.device)] = found[chosen]
        return np.where(moved, gain, 0)


def _units(leaf: Tensor, axis: int) -> Tensor:
    """Return leaves ``[P, ...]`` as one row a unit of an axis, ``[P, h, rest]``."""
    if leaf.dim() == 3:
        return leaf.transpose(1, 2) if axis else leaf
    return leaf.movedim(axis + 1, 1).unsqueeze(-1).flatten(2)


def _rows(leaf: Tensor, rows: Tensor | None) -> Tensor:
    """Return some rows of a leaf, or itself if no rows are named."""
    return leaf if rows is None else leaf.index_select(0, rows)


def _total(table: Tensor, order: Tensor) -> Tensor:
    """Return what permutations ``[P, h]`` are worth by cost matrices ``[P, h, h]``, ``[P]``."""
    return table.gather(2, order.unsqueeze(2)).squeeze(2).sum(1)


def _numbers(values: Tensor) -> Floats:
    return np.asarray(values.cpu().numpy(), dtype=np.float64)


def _reordered(
    architecture: Architecture, name: str, leaf: Tensor, permutations: Mapping[str, Tensor], skip: str | None
) -> Tensor:
    for axis, permutation in architecture.moving_axes[name]:
        if permutation != skip:
            order = permutations[permutation]
            first = torch.arange(0, order.numel(), order.shape[1], device=order.device).unsqueeze(1)
            units = leaf.movedim(axis + 1, 1).flatten(0, 1)
            leaf = gather(units, order + first).movedim(1, axis + 1)
    return leaf.contiguous()
