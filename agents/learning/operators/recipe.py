"""A merge operator together with what it is to know: how a market merges in a round.

Core Objects: Recipe, Evidence, AlignedPairs, gather_evidence
"""

from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from agents.learning.alignment.base import Permutations
from agents.learning.alignment.weight_matching import permute
from agents.learning.operators.base import Masks, MergeOperator, Operands, Owners
from agents.learning.operators.fisher import EXAMPLES_AT_ONCE
from agents.learning.operators.interpolation import Interpolation
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.memory import chunk_size, chunks, training_bytes
from agents.learning.stack.parameters import Parameters, take


@dataclass(frozen=True)
class Evidence:
    """Evidence of some models, by slot.

    Attributes
    ----------
    leaves : Parameters
        Leaves ``[E, ...]``; none for an operator that needs no evidence.
    place : Tensor or None
        Row of `leaves` that each slot has, int64 ``[slots]``.
    """

    leaves: Parameters = field(default_factory=dict)
    place: Tensor | None = None

    def take(self, slots: Tensor) -> Parameters:
        """Return a copy of the evidence of some slots, leaves ``[len(slots), ...]``."""
        return take(self.leaves, slots if self.place is None else self.place[slots])

    def copy_of(self, slots: Tensor, count: int) -> "Evidence":
        """Return a copy for some distinct slots of `count`, to which `put` may write."""
        place = torch.full((count,), -1, dtype=torch.int64, device=slots.device)
        place[slots] = torch.arange(len(slots), device=slots.device)
        return Evidence(leaves=self.take(slots), place=place)

    def put(self, slots: Tensor, leaves: Parameters) -> None:
        """Write the evidence of some slots, in place."""
        rows = slots if self.place is None else self.place[slots]
        for name, leaf in self.leaves.items():
            leaf[rows] = leaves[name]

    @property
    def bytes_each(self) -> int:
        """Bytes of one slot's evidence."""
        return sum(leaf[0].numel() * leaf.element_size() for leaf in self.leaves.values() if len(leaf))


@dataclass(frozen=True)
class AlignedPairs:
    """Pairs as tensors on the fleet's device, each with its block and its alignment.

    Attributes
    ----------
    buyer, seller : Tensor
        Slots in the fleet and rows of the models for sale, int64 ``[P]``.
    masks : mapping of Tensor or None
        Which tensors each pair's block holds, bool ``[P]`` by name; None is all.
    permutations : dict of Tensor or None
        How the seller's units are reordered, int64 ``[P, h]`` by name; None leaves them as they are.
    """

    buyer: Tensor
    seller: Tensor
    masks: Masks | None
    permutations: Permutations | None

    def take(self, rows: Tensor) -> Self:
        """Return some of the pairs, in the order given."""
        return replace(
            self,
            buyer=self.buyer[rows],
            seller=self.seller[rows],
            masks=None if self.masks is None else take(self.masks, rows),
            permutations=None if self.permutations is None else take(self.permutations, rows),
        )


@dataclass(frozen=True)
class Recipe:
    """How pairs are merged; by default by interpolation.

    Attributes
    ----------
    operator : MergeOperator
        The rule.
    own, offered : Evidence
        What is known of the fleet's slots and of the rows of the models for sale.
    base : Parameters or None
        The common ancestor of each slot's model, leaves ``[slots, ...]``, where there is one.
    """

    operator: MergeOperator = field(default_factory=Interpolation)
    own: Evidence = field(default_factory=Evidence)
    offered: Evidence = field(default_factory=Evidence)
    base: Parameters | None = None

    def operands(self, fleet: Fleet, offered: Parameters, pairs: AlignedPairs) -> Operands:
        """Return the models of pairs as they are now, sellers' in the order of the pairs' permutations."""
        other, evidence = take(offered, pairs.seller), self.offered.take(pairs.seller)
        if pairs.permutations is not None:
            other = permute(fleet.architecture, other, pairs.permutations)
            evidence = self.operator.permute_evidence(fleet.architecture, evidence, pairs.permutations)
        return Operands(
            own=take(fleet.parameters, pairs.buyer),
            other=other,
            masks=pairs.masks,
            own_evidence=self.own.take(pairs.buyer),
            other_evidence=evidence,
            base=None if self.base is None else take(self.base, pairs.buyer),
        )


@torch.no_grad()
def gather_evidence(
    fleet: Fleet, operator: MergeOperator, slots: Tensor, inputs: Tensor, rows: Tensor, seeds: Tensor
) -> Evidence:
    """Return the evidence of some slots.

    Cost and memory: see the operator; models are taken a few at a time to stay within the fleet's budget.

    Parameters
    ----------
    fleet : Fleet
        Holds the models.
    slots : Tensor
        Distinct slots, int64 ``[n]``.
    inputs : Tensor
        Examples ``[E, *S]``.
    rows : Tensor
        Examples of each slot's owner, int64 ``[n, L]``, padded with -1 at the end.
    seeds : Tensor
        A random number for each, int64 ``[n]``.
    """
    each = EXAMPLES_AT_ONCE * training_bytes(fleet.architecture, 1, fleet.device)
    size = chunk_size(fleet.working_bytes, each)
    parts = [
        operator.evidence(
            Owners(
                architecture=fleet.architecture,
                parameters=take(fleet.models, slots[part]),
                inputs=inputs,
                rows=rows[part],
                seeds=seeds[part],
            )
        )
        for part in chunks(len(slots), size)
    ]
    names = parts[0] if parts else {}
    leaves = {name: torch.cat([part[name] for part in parts]) for name in names}
    place = torch.full((fleet.slots,), -1, dtype=torch.int64, device=fleet.device)
    place[slots] = torch.arange(len(slots), device=fleet.device)
    return Evidence(leaves=leaves, place=place)
