"""What every alignment has, and none.

Core Objects: Alignment, ALIGNMENTS, Unaligned, Permutations, identity_permutations
"""

from abc import ABC, abstractmethod

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from agents.learning.networks.base import Architecture
from agents.learning.stack.parameters import Parameters
from markets.registry import Registry

Permutations = dict[str, Tensor]
"""Name to int64 ``[P, h]``: unit j of an aligned model is unit ``permutation[j]`` of the other."""


class Alignment(ABC):
    """In which order a seller's units are merged with a buyer's. Subclasses are frozen dataclasses."""

    name: str

    @abstractmethod
    def permutations(self, architecture: Architecture, own: Parameters, other: Parameters) -> Permutations:
        """Return how the units of sellers' models are reordered for buyers' own, leaves ``[P, ...]``."""


ALIGNMENTS: Registry[Alignment] = Registry("alignment", Alignment)


def identity_permutations(architecture: Architecture, pairs: int, device: torch.device) -> Permutations:
    """Return for each permutation of an architecture the one that moves nothing, int64 ``[pairs, h]``."""
    widths = {name: permutation.width for name, permutation in architecture.permutations.items()}
    return {name: torch.arange(width, device=device).repeat(pairs, 1) for name, width in widths.items()}


@ALIGNMENTS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Unaligned(Alignment):
    """Units stay in the order in which they come."""

    name: str = "none"

    def permutations(self, architecture: Architecture, own: Parameters, other: Parameters) -> Permutations:  # noqa: ARG002
        """Return permutations that move nothing (see `Alignment.permutations`)."""
        first = next(iter(own.values()))
        return identity_permutations(architecture, len(first), first.device)
