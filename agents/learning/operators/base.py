"""What the market needs to know of a merge operator.

A merge has two models, the buyer's own and the seller's aligned one, and a weight in [0, 1]: weight 0 is the
buyer's own model, to the last bit. Some operators also use what the two organisations tell of their data in
aggregate (the **evidence**: Fisher information, inner products of layer inputs), and some the common
ancestor of the two models.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from agents.learning.networks.base import Architecture
from agents.learning.stack.parameters import Parameters, spread, take
from markets.registry import Registry

Masks = Mapping[str, Tensor]
"""Tensor name to bool ``[P]``: whether a pair's block holds the tensor."""


@dataclass(frozen=True)
class Operands:
    """P merges to make: the two models of each, and what is known beside their parameters.

    Attributes
    ----------
    own, other : Parameters
        Buyers' models and the sellers' aligned to them, leaves ``[P, ...]``.
    masks : mapping of Tensor or None
        Which tensors each pair's block holds; None is all. The others stay the buyer's own, and what the
        seller's hold may be anything, NaN included.
    own_evidence, other_evidence : Parameters
        Evidence of the buyers and, with units in the buyer's order, of the sellers; leaves ``[P, ...]``.
    base : Parameters or None
        Common ancestors of the two models, leaves ``[P, ...]``, where there are any.
    """

    own: Parameters
    other: Parameters
    masks: Masks | None = None
    own_evidence: Parameters = field(default_factory=dict)
    other_evidence: Parameters = field(default_factory=dict)
    base: Parameters | None = None

    def take(self, rows: Tensor) -> "Operands":
        """Return some of the merges, in the order given."""
        return Operands(
            own=take(self.own, rows),
            other=take(self.other, rows),
            masks=None if self.masks is None else take(self.masks, rows),
            own_evidence=take(self.own_evidence, rows),
            other_evidence=take(self.other_evidence, rows),
            base=None if self.base is None else take(self.base, rows),
        )


@dataclass(frozen=True)
class Owners:
    """n organisations as they compute their evidence.

    Attributes
    ----------
    architecture : Architecture
        What their models have in common.
    parameters : Parameters
        Models, leaves ``[n, ...]``, running statistics included.
    inputs : Tensor
        All examples ``[E, *S]``.
    rows : Tensor
        Examples that each computes on, its own, int64 ``[n, L]``, padded with -1 at the end.
    seeds : Tensor
        A random number for each, int64 ``[n]``.
    """

    architecture: Architecture
    parameters: Parameters
    inputs: Tensor
    rows: Tensor
    seeds: Tensor


class MergeOperator(ABC):
    """Configuration of a merge operator, and its rule.

    Attributes
    ----------
    weighted : bool
        Whether a weight says how far to go; if not, weight 1 is the merge and nothing lies between.
    ancestral : bool
        Whether the rule looks at the common ancestor of the two models.
    replaces : bool
        Whether nothing is left of the buyer's own block at weight 1.
    examples : int
        Examples of its own on which an organisation computes its evidence; 0 if it needs none.
    """

    name: str
    examples: int = 0
    weighted: ClassVar[bool] = True
    ancestral: ClassVar[bool] = False
    replaces: ClassVar[bool] = True

    def refuses(self, architecture: Architecture) -> str:
        """Return why models of an architecture cannot be merged so, as "needs a ..."; '' if they can."""
        del architecture
        return ""

    @abstractmethod
    def merge(self, operands: Operands, weight: Tensor) -> Parameters:
        """Return merged models, leaves ``[P, ...]``, at merge weights in [0, 1], ``[P]``."""

    def evidence(self, owners: Owners) -> Parameters:
        """Return what each organisation tells of itself, leaves ``[n, ...]``; nothing by default."""
        del owners
        return {}

    def permute_evidence(
        self, architecture: Architecture, evidence: Parameters, permutations: Mapping[str, Tensor]
    ) -> Parameters:
        """Return evidence ``[P, ...]`` with the models' units reordered; by default nothing moves."""
        del architecture, permutations
        return evidence

    def pooled(self, operands: Operands, weight: Tensor) -> Parameters:
        """Return the evidence of merged models, for what is merged next; by default that of the buyers."""
        del weight
        return operands.own_evidence


class StraightOperator(MergeOperator):
    """A merge operator that goes in a straight line from the buyer's own model to a partner's.

    Trials of such an operator compute first layers once a pair, not once a weight.
    """

    @abstractmethod
    def partner(self, operands: Operands) -> Parameters:
        """Return the models at weight 1, leaves ``[P, ...]``; outside a pair's block they hold anything."""

    def merge(self, operands: Operands, weight: Tensor) -> Parameters:
        """Return ``(1 - weight) * own + weight * partner`` on each pair's block, `own` elsewhere."""
        return interpolate(operands.own, self.partner(operands), weight, operands.masks)


def interpolate(own: Parameters, other: Parameters, weight: Tensor, masks: Masks | None = None) -> Parameters:
    """Return ``(1 - weight) * own + weight * other`` on the tensors of each pair's block, `own` elsewhere.

    Weight 0 gives `own`, weight 1 gives `other`, and a model merged with itself is itself, all to the last
    bit. A tensor that does not enter may hold anything, NaN included. Cost: O(P D) for D parameters.

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
        merged[name] = torch.where(share == 0, leaf, between(leaf, other[name], share))
    return merged


def between(own: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """Return ``(1 - share) * own + share * other``; exact at both ends and where both are the same."""
    step = other - own
    return torch.where(share < 0.5, own + share * step, other - (1 - share) * step)


def inside(own: Parameters, merged: Parameters, weight: Tensor, masks: Masks | None) -> Parameters:
    """Return `merged` on the tensors of each pair's block where its weight is not 0, `own` elsewhere."""
    found = {}
    for name, leaf in own.items():
        enters = spread(weight if masks is None else weight * masks[name], leaf) > 0
        found[name] = torch.where(enters, merged[name], leaf)
    return found


MERGE_OPERATORS: Registry[MergeOperator] = Registry("merge operator", MergeOperator)
