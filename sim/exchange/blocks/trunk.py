"""All but the heads."""

from pydantic.dataclasses import dataclass

from agents.learning.networks.base import JOINT, Architecture
from markets.refusals import InputError
from sim.exchange.blocks import BLOCKS
from sim.exchange.blocks.base import Blocks, Cut


@BLOCKS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Trunk(Blocks):
    """One block that holds all layers but the last, the head."""

    name: str = "trunk"

    def cut(self, architecture: Architecture) -> Cut:
        """Return the trunk (see `Blocks.cut`)."""
        layers = tuple(architecture.positions)
        if len(layers) < 2:
            raise InputError(
                f"broker.blocks must be model for {architecture.signature}, a lone head; got trunk"
            )
        return Cut.apart(JOINT.join(layers[:-1]))
