"""A few large organisations and many small ones."""

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Ints
from sim.data.endowments import ENDOWMENTS
from sim.data.endowments.base import Draw, EndowmentRule, Pool, Positive, proportional


@ENDOWMENTS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class PowerLaw(EndowmentRule):
    """Sizes fall by a power law: organisation i has a share in proportion to (i + 1) ** -exponent.

    Each has one example for certain; the rest of the pool is in proportion. Endowments are stratified, but
    the small ones may lack classes.

    Parameters
    ----------
    exponent : float
        How unequal they are: 1 is Zipf's law, with which the first has twice as much as the second (sizes).
    """

    name: str = "sizes"
    exponent: Positive = 1.0

    def share_out(self, pool: Pool, organisations: int, draw: Draw) -> list[list[Ints]]:  # noqa: ARG002
        """Cut the pool, its classes evenly spread, at the sizes (see `EndowmentRule.share_out`)."""
        place = np.concatenate([(np.arange(len(own)) + 0.5) / len(own) for own in pool])
        spread = pool.members[np.argsort(place, kind="stable")]
        share = np.arange(1, organisations + 1) ** -self.exponent
        sizes = 1 + proportional(share.tolist(), len(spread) - organisations)
        return [pool.by_class(own) for own in np.split(spread, np.cumsum(sizes)[:-1])]
