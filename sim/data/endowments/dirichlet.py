"""Shares of every class that are drawn."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Ints
from sim.data.datasets import DataError
from sim.data.endowments import ENDOWMENTS
from sim.data.endowments.base import Draw, EndowmentRule, Pool, Positive, by_organisation


@ENDOWMENTS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Dirichlet(EndowmentRule):
    """The shares of every class are drawn from a Dirichlet distribution with concentration `alpha`.

    They are Dirichlet(alpha, ..., alpha) over organisations (Yurochkin et al. 2019; Hsu, Qi and Brown 2019
    draw the class mix of each organisation instead).
    """

    name: str = "dirichlet"
    alpha: Positive = 0.5
    drawn: ClassVar[bool] = True

    def share_out(self, pool: Pool, organisations: int, draw: Draw) -> list[list[Ints]]:
        """Cut every class at the cumulative shares of a draw (see `EndowmentRule.share_out`)."""
        shares = draw("data-endowments").dirichlet(np.full(organisations, self.alpha), size=len(pool))
        endowments = by_organisation(pool, [np.cumsum(share)[:-1] for share in shares])
        nothing = sum(not any(len(m) for m in own) for own in endowments)
        if nothing:
            raise DataError(
                f"data.alpha must be larger, or organisations fewer, for each to get an example; "
                f"got alpha {self.alpha} and {organisations} organisations, of which {nothing} got none"
            )
        return endowments
