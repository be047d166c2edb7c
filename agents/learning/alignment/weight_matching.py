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
from dataclasses import dataclass, replace

import numpy as np
import torch
from pydantic.dataclasses import dataclass as configuration
from torch import Tensor

from agents.learning.alignment.assignment import best_assignments
from agents.learning.alignment.base import ALIGNMENTS, Alignment, Permutations, identity_permutations
from agents.learning.networks.base import Architecture
from agents.learning.networks.products import product
from agents.learning.stack.device import precise_dtype
from agents.learning.stack.parameters import Parameters
from agents.learning.symmetries.members import Member, reordered, units_of
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
        self.permutations = {
            name: replace(one, members=tuple(each for each in one.members if each.tensor in own))
            for name, one in architecture.permutations.items()
        }
        self.coupled = {
            name: any(
                near == name and other.axis != one.axis
                for one in found.members
                for other, near in moving[one.tensor]
            )
            for name, found in self.permutations.items()
        }
        self.neighbours = {
            name: {near for one in found.members for _, near in moving[one.tensor]}
            - (set() if self.coupled[name] else {name})
            for name, found in self.permutations.items()
        }
        self.varying = {
            name: [
                one
                for one in found.members
                if any((near, other.axis) != (name, one.axis) for other, near in moving[one.tensor])
            ]
            for name, found in self.permutations.items()
        }
        self.left = {
            one: units_of(self.own[one.tensor], one, found.width)
            for found in self.permutations.values()
            for one in found.members
        }
        self.constant = {
            name: sum(
                product(self.left[one], self._partners(one, found.width, self.other[one.tensor]))
                for one in found.members
                if one not in self.varying[name]
            )
            for name, found in self.permutations.items()
        }

    @staticmethod
    def _partners(member: Member, width: int, leaf: Tensor) -> Tensor:
        """Return a member's units as one column each, ``[P, rest, width]``."""
        return units_of(leaf, member, width).transpose(1, 2)

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
        for one in self.varying[name]:
            other = _rows(self.other[one.tensor], some)
            other = _reordered(self.architecture, one.tensor, other, here, skip=(name, one.axis))
            partners = self._partners(one, self.permutations[name].width, other)
            cost = cost + product(_rows(self.left[one], some), partners)
        assert isinstance(cost, Tensor)
        found = best_assignments(cost)
        if self.coupled[name]:
            gain = self._worth(name, here | {name: found}, some) - self._worth(name, here, some)
        else:
            gain = _numbers(_total(cost, found) - _total(cost, here[name]))
        moved = gain > self.tolerance[rows]
        if moved.any():
            chosen = torch.from_numpy(np.flatnonzero(moved)).to(self.device)
            permutations[name][torch.from_numpy(rows[moved]).to(self.device)] = found[chosen]
        return np.where(moved, gain, 0)

    def _worth(self, name: str, here: Permutations, some: Tensor | None) -> Floats:
        """Return the inner products of the tensors that a permutation moves, ``[p]``.

        Where it moves two axes of one tensor, as the state of a recurrent layer, the cost matrix holds for
        one with the other in place: what is gained is known only afterwards.
        """
        tensors = dict.fromkeys(one.tensor for one in self.permutations[name].members)
        terms = [
            _rows(self.own[tensor], some)
            * _reordered(self.architecture, tensor, _rows(self.other[tensor], some), here)
            for tensor in tensors
        ]
        return _numbers(torch.stack([term.flatten(1).sum(1) for term in terms]).sum(0))


def _rows(leaf: Tensor, rows: Tensor | None) -> Tensor:
    """Return some rows of a leaf, or itself if no rows are named."""
    return leaf if rows is None else leaf.index_select(0, rows)


def _total(table: Tensor, order: Tensor) -> Tensor:
    """Return what permutations ``[P, h]`` are worth by cost matrices ``[P, h, h]``, ``[P]``."""
    return table.gather(2, order.unsqueeze(2)).squeeze(2).sum(1)


def _numbers(values: Tensor) -> Floats:
    return np.asarray(values.cpu().numpy(), dtype=np.float64)


def _reordered(
    architecture: Architecture,
    name: str,
    leaf: Tensor,
    permutations: Mapping[str, Tensor],
    skip: tuple[str, int] | None = None,
) -> Tensor:
    """Return leaves ``[P, ...]`` with their units reordered, but for a permutation on an axis."""
    for member, permutation in architecture.moving_axes[name]:
        if (permutation, member.axis) != skip:
            leaf = reordered(leaf, member, permutations[permutation])
    return leaf.contiguous()
