"""What every cut of blocks and every choice of bundles has.

Core Objects: Blocks, Cut, Bundles
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from agents.learning.networks.base import Architecture
from markets.columns import Ints


@dataclass(frozen=True)
class Cut:
    """The positions at which every seller lists a block.

    Attributes
    ----------
    positions : tuple of str
        Their names; a bundle is called by its layers, or "model" if it holds all.
    contents : int64 [positions]
        The layers that each holds as a bit mask, where listings overlap; 0 where they do not.
    """

    positions: tuple[str, ...]
    contents: Ints

    @classmethod
    def apart(cls, *positions: str) -> "Cut":
        """Return a cut whose listings do not overlap."""
        return cls(positions, np.zeros(len(positions), dtype=np.int64))


class Blocks(ABC):
    """How models are cut into blocks. Subclasses are frozen dataclasses."""

    name: str

    @property
    def overlap(self) -> bool:
        """Whether two listings of a seller can hold the same layer, which not every mechanism sells."""
        return False

    @abstractmethod
    def cut(self, architecture: Architecture) -> Cut:
        """Return the positions of an architecture.

        Raises
        ------
        InputError
            If it cannot be cut so.
        """


class Bundles(ABC):
    """Which bundles of layers are listed besides the layers. Subclasses are frozen dataclasses."""

    name: str

    @abstractmethod
    def runs(self, layers: int) -> list[tuple[int, int]]:
        """Return the bundles of so many layers: the number of the first, and that after the last."""
