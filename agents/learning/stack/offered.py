"""What is for sale, and what trials leave for the merges that follow them.

Core Objects: Offered, Prepared
"""

from collections.abc import Sequence
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
