"""Bundles of layers."""

from itertools import combinations

from pydantic.dataclasses import dataclass

from sim.exchange.blocks import BUNDLES
from sim.exchange.blocks.base import Bundles


@BUNDLES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class NoBundles(Bundles):
    """Single layers alone."""

    name: str = "none"

    def runs(self, layers: int) -> list[tuple[int, int]]:  # noqa: ARG002
        """Return no bundle."""
        return []


@BUNDLES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Whole(Bundles):
    """All layers together, besides each alone."""

    name: str = "whole"

    def runs(self, layers: int) -> list[tuple[int, int]]:
        """Return the whole, if it is more than a layer."""
        return [(0, layers)] if layers > 1 else []


@BUNDLES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Adjacent(Bundles):
    """Every run of two or more adjacent layers: L (L - 1) / 2 bundles of L layers."""

    name: str = "adjacent"

    def runs(self, layers: int) -> list[tuple[int, int]]:
        """Return the runs by their first layer, and then by their last."""
        return [(first, last) for first, last in combinations(range(layers + 1), 2) if last - first > 1]
