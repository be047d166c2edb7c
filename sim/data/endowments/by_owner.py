"""Who owns what is said by the data themselves."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Ints
from sim.data.datasets import DataError
from sim.data.endowments import ENDOWMENTS
from sim.data.endowments.base import Draw, EndowmentRule, Pool


@ENDOWMENTS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ByOwner(EndowmentRule):
    """Everybody owns what the data's own `organisation` says: hospitals, sites, writers.

    Organisation i is the i-th name in sorted order, of its task where there are several.
    """

    name: str = "by_owner"
    drawn: ClassVar[bool] = True

    def share_out(self, pool: Pool, organisations: int, draw: Draw) -> list[list[Ints]]:  # noqa: ARG002
        """Return what each name owns of the pool (see `EndowmentRule.share_out`)."""
        data = pool.examples
        if data.organisation is None:
            raise DataError(
                "data.endowment must be another rule where the data have no column or array organisation, "
                "which says who owns what; got by_owner"
            )
        owner = data.organisation[pool.originals]
        numbers = np.unique(owner)
        others = data.task_of_each != data.task_of_each[pool.originals[0]]
        if (shared := np.intersect1d(numbers, data.organisation[others])).size:
            raise DataError(
                f"organisation must own examples of one task; got {data.organisation_names[shared[0]]!r} "
                f"with examples of several"
            )
        if len(numbers) != organisations:
            told = ", ".join(map(str, data.organisation_names))
            raise DataError(
                f"organisations must be {len(np.unique(data.organisation))}, those that the data name "
                f"({told if len(told) <= 60 else told[:60] + '...'}), as many of every task; got "
                f"{organisations * data.tasks}"
            )
        shares = [[own[owner[own] == number] for own in pool] for number in numbers]
        for number, share in zip(numbers, shares, strict=True):
            if not any(map(len, share)):
                raise DataError(
                    f"organisation must keep an example beside those of the validation and test set; got "
                    f"{data.organisation_names[number]!r} with {np.count_nonzero(owner == number)} in all"
                )
        return shares
