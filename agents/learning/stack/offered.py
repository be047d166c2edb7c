"""What is for sale, and what trials leave for the merges that follow them.

Core Objects: Offered, Prepared, Assorted
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

import torch

from agents.learning.alignment.base import Permutations
from agents.learning.networks.base import WHOLE
from agents.learning.operators.recipe import Recipe
from agents.learning.stack.parameters import Parameters
from markets.columns import Ints


@dataclass(frozen=True, eq=False)
class Offered:
    """Models for sale as they were at listing.

    Attributes
    ----------
    leaves : Parameters
        Leaves ``[S, ...]`` on the fleet's device.
    positions : sequence of str
        Names of the blocks that a model is cut into, by the number that pairs have; whole models by default.
    recipe : Recipe
        How pairs are merged, with what is known of the models; by interpolation by default.
    group : int64 array, shape (S,), or None
        Group of examples that each model has learnt for; None where all have learnt alike.
    """

    leaves: Parameters
    positions: Sequence[str] = (WHOLE,)
    recipe: Recipe = field(default_factory=Recipe)
    group: Ints | None = None


@dataclass(frozen=True)
class Prepared:
    """What trials leave for merges: what was offered, and the alignment of each pair.

    Attributes
    ----------
    offered : Offered
        What was for sale.
    permutations : dict of Tensor or None
        Name to int64 ``[P, h]``: how the seller's units are reordered; None leaves them as they are.
    """

    offered: Offered
    permutations: Permutations | None = None

    @property
    def offers(self) -> Hashable:
        """What tells apart what was offered in different trials."""
        return self.offered

    def of(self, fleet: int) -> "Prepared":  # noqa: ARG002
        """Return what there is for the pairs of one fleet: all are of one."""
        return self

    def take(self, rows: Ints) -> "Prepared":
        """Return what there is for some of the pairs."""
        if self.permutations is None:
            return self
        return replace(self, permutations={name: order[rows] for name, order in self.permutations.items()})

    @classmethod
    def joined(cls, parts: "Sequence[Prepared]") -> "Prepared":
        """Return what there is for the pairs of several worlds, in turn, of one offer."""
        orders = [part.permutations for part in parts if part.permutations is not None]
        names = orders[0] if orders else {}
        return replace(parts[0], permutations={n: torch.cat([order[n] for order in orders]) for n in names})


@dataclass(frozen=True, eq=False)
class Assorted:
    """What trials of pairs of several architectures leave for merges.

    Attributes
    ----------
    parts : dict of int to Prepared
        Of the pairs of each fleet.
    fleet, row : int64 [P]
        Where each pair has its own.
    """

    parts: dict[int, Prepared]
    fleet: Ints
    row: Ints

    @property
    def offers(self) -> Hashable:
        """What tells apart what was offered in different trials."""
        return tuple(part.offered for part in self.parts.values())

    def take(self, rows: Ints) -> "Assorted":
        """Return what there is for some of the pairs."""
        return replace(self, fleet=self.fleet[rows], row=self.row[rows])

    def of(self, fleet: int) -> Prepared:
        """Return what there is for the pairs of one fleet, in their order."""
        return self.parts[fleet].take(self.row[self.fleet == fleet])
