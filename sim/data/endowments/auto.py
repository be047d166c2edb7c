"""The data's own owners, where they name any."""

from dataclasses import field
from typing import ClassVar

from pydantic.dataclasses import dataclass

from markets.columns import Ints
from sim.data.datasets import DataError
from sim.data.endowments import ENDOWMENTS
from sim.data.endowments.base import Draw, EndowmentRule, Pool, Positive
from sim.data.endowments.by_owner import ByOwner
from sim.data.endowments.iid import Iid


@ENDOWMENTS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Auto(EndowmentRule):
    """`by_owner` where the data say who owns what, `iid` where they do not."""

    name: str = "auto"
    sizes: list[Positive] = field(default_factory=list)
    drawn: ClassVar[bool] = True

    def share_out(self, pool: Pool, organisations: int, draw: Draw) -> list[list[Ints]]:
        """Share out as one of the two does (see `EndowmentRule.share_out`)."""
        if pool.examples.organisation is None:
            return Iid(sizes=self.sizes).share_out(pool, organisations, draw)
        if self.sizes:
            raise DataError(f"data.sizes must be empty where the data say who owns what; got {self.sizes}")
        return ByOwner().share_out(pool, organisations, draw)
