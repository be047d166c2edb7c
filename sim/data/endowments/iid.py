"""Stratified shares."""

from dataclasses import field

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Ints
from sim.data.endowments import ENDOWMENTS
from sim.data.endowments.base import Draw, EndowmentRule, Pool, Positive, check_held, shared_out


@ENDOWMENTS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Iid(EndowmentRule):
    """Stratified shares: the pool is dealt like cards.

    Sizes, and the counts of each class, differ by at most one between organisations, if `sizes` are alike.
    """

    name: str = "iid"
    sizes: list[Positive] = field(default_factory=list)

    def share_out(self, pool: Pool, organisations: int, draw: Draw) -> list[list[Ints]]:  # noqa: ARG002
        """Return shares in proportion to the sizes (see `EndowmentRule.share_out`)."""
        shares = shared_out(pool, self.sizes, organisations)
        # Strata of numbers only make parts alike: an organisation may lack one.
        are_strata = isinstance(pool, Pool) and pool.examples.kind != "classification"
        required = np.full((organisations, len(pool)), not are_strata)
        check_held(pool, shares, required, f"data.sizes={self.sizes}")
        return shares
