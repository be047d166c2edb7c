"""Chosen layers."""

from dataclasses import field

from pydantic.dataclasses import dataclass

from agents.learning.networks.base import JOINT, Architecture
from markets.refusals import InputError
from sim.exchange.blocks import BLOCKS
from sim.exchange.blocks.base import Blocks, Cut


@BLOCKS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Chosen(Blocks):
    """One block that holds some layers: all that is ever traded.

    ``layer0+layer1`` stands for ``{name:chosen,layers:[layer0,layer1]}``.

    Parameters
    ----------
    layers : list of str
        Names of layers of the network, in any order.
    """

    name: str = "chosen"
    layers: list[str] = field(default_factory=list)

    def cut(self, architecture: Architecture) -> Cut:
        """Return the block (see `Blocks.cut`)."""
        known = architecture.positions
        if not self.layers or not set(self.layers) <= set(known):
            raise InputError(
                f"broker.blocks must be one of {', '.join(BLOCKS)}, or among {', '.join(known)} joined by "
                f"{JOINT} for {architecture.signature}; got {JOINT.join(self.layers)!r}"
            )
        return Cut.apart(JOINT.join(name for name in known if name in self.layers))
