"""Pairs: who may try what."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from markets.columns import Ints


@dataclass(frozen=True)
class Pairs:
    """Buyers and the listings that they may try, one row a pair.

    Attributes
    ----------
    buyer, seller : int64 [P]
        Organisations; in the laboratory, which computes for several worlds at once, their slots.
    listing : int64 [P]
        The listing's number in its world.
    position : int64 [P]
        Where in a model the listing's block fits.
    """

    buyer: Ints
    listing: Ints
    seller: Ints
    position: Ints

    @classmethod
    def of(cls, buyer: npt.ArrayLike, seller: npt.ArrayLike, position: npt.ArrayLike = 0) -> "Pairs":
        """Return pairs of slots and models for sale, of the first position by default, listed in turn."""
        buyers, sellers = (np.asarray(side, dtype=np.int64) for side in (buyer, seller))
        positions = np.broadcast_to(np.asarray(position, dtype=np.int64), buyers.shape)
        return cls(buyer=buyers, listing=np.arange(len(buyers)), seller=sellers, position=positions)

    def __len__(self) -> int:
        return len(self.buyer)

    def take(self, rows: Ints) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(**{f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self)})

    def at(self, slots: Ints) -> "Pairs":
        """Return the same pairs by the slots [N] of the organisations."""
        return dataclasses.replace(self, buyer=slots[self.buyer], seller=slots[self.seller])

    @classmethod
    def joined(cls, parts: "Sequence[Pairs]") -> "Pairs":
        """Return the pairs of several worlds, in turn."""
        names = [f.name for f in dataclasses.fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
