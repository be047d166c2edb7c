"""Whole models."""

from pydantic.dataclasses import dataclass

from agents.learning.networks.base import WHOLE, Architecture
from sim.exchange.blocks import BLOCKS
from sim.exchange.blocks.base import Blocks, Cut


@BLOCKS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Model(Blocks):
    """One block that holds all the parameters."""

    name: str = "model"

    def cut(self, architecture: Architecture) -> Cut:  # noqa: ARG002
        """Return the whole (see `Blocks.cut`)."""
        return Cut.apart(WHOLE)
