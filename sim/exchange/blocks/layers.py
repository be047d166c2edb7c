"""A block a layer, and bundles of layers."""

from typing import Annotated, Any

import numpy as np
from pydantic.dataclasses import dataclass

from agents.learning.networks.base import JOINT, WHOLE, Architecture
from markets.choices import Choice
from markets.refusals import InputError
from sim.exchange.blocks import BLOCKS, BUNDLES
from sim.exchange.blocks.base import Blocks, Cut

MOST_LAYERS = 62
"""Layers that the bits of a listing's contents can stand for."""
BUNDLE = Choice("broker.bundles", BUNDLES)


@BLOCKS.register
@dataclass(frozen=True, config={"extra": "forbid", "validate_default": True})
class Layers(Blocks):
    """A block a layer, and `bundles` of them (`broker.bundles`)."""

    name: str = "layers"
    bundles: Annotated[Any, BUNDLE] = "none"

    @property
    def overlap(self) -> bool:
        """Whether there are bundles."""
        return bool(self.bundles.name != "none")

    def cut(self, architecture: Architecture) -> Cut:
        """Return the layers and then the bundles (see `Blocks.cut`)."""
        layers = tuple(architecture.positions)
        number = len(layers)
        if not self.overlap:
            return Cut.apart(*layers)
        if number > MOST_LAYERS:
            raise InputError(
                f"broker.bundles must be none for networks of more than {MOST_LAYERS} layers; "
                f"got {self.bundles.name!r} for {number} layers"
            )
        runs = self.bundles.runs(number)
        names = [WHOLE if run == (0, number) else JOINT.join(layers[slice(*run)]) for run in runs]
        masks = [2**last - 2**first for first, last in runs]
        return Cut((*layers, *names), np.array([*(1 << np.arange(number)), *masks], dtype=np.int64))
