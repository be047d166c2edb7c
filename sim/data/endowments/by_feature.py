"""Shifted inputs: neighbours on one feature belong together."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.sparse.linalg import svds

from markets.columns import Floats, Ints
from sim.data.datasets import DataError
from sim.data.endowments import ENDOWMENTS
from sim.data.endowments.base import Draw, EndowmentRule, Pool, Share, shared_out

MOST_FOR_DIRECTION = 2000
"""Examples of the pool, at most, from which the direction of a projection is taken."""


@ENDOWMENTS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ByFeature(EndowmentRule):
    """Everybody owns a range of one feature, so that inputs are shifted between organisations.

    The feature is one of the inputs, or where they spread most: the first principal component of the pool, of
    standardised columns for tables. Organisation i has the i-th part from below.

    Parameters
    ----------
    feature : int, str or None
        Which input: its place, in an image row by row, or the name of a column; null for the first principal
        component (by_feature).
    cut : str
        ``quantiles``: all have the same number of examples. ``ranges``: all parts are as wide (by_feature).
    mixed : float
        Share of the pool that is dealt to everybody alike, in [0, 1]; at 1 it is as with iid (by_feature).
    """

    name: str = "by_feature"
    feature: Annotated[int, Field(ge=0, le=1_000_000)] | str | None = None
    cut: Annotated[str, Field(pattern="^(quantiles|ranges)$")] = "quantiles"
    mixed: Share = 0.0
    drawn: ClassVar[bool] = True

    def share_out(self, pool: Pool, organisations: int, draw: Draw) -> list[list[Ints]]:  # noqa: ARG002
        """Cut the pool along the feature (see `EndowmentRule.share_out`)."""
        alike = [round(self.mixed * len(own)) for own in pool]
        dealt = shared_out([own[:n] for own, n in zip(pool, alike, strict=True)], [], organisations)
        sorted_out = np.concatenate([own[n:] for own, n in zip(pool, alike, strict=True)])
        if not sorted_out.size:
            return dealt
        values = self._values(pool, sorted_out)
        ranks = np.argsort(values, kind="stable")
        if self.cut == "quantiles":
            parts = np.array_split(sorted_out[ranks], organisations)
        else:
            ends = np.linspace(values.min(), values.max(), organisations + 1)[1:-1]
            parts = np.split(sorted_out[ranks], np.searchsorted(values[ranks], ends))
        shares = [
            [np.concatenate(both) for both in zip(own, pool.by_class(part), strict=True)]
            for own, part in zip(dealt, parts, strict=True)
        ]
        for number, share in enumerate(shares):
            if not any(map(len, share)):
                raise DataError(
                    f"data.endowment.cut must be quantiles, or organisations fewer, where a range has no "
                    f"example; got {self.cut} of {organisations} organisations, of which organisation "
                    f"{number} got none"
                )
        return shares

    def _values(self, pool: Pool, members: Ints) -> Floats:
        """Return where examples lie on the feature, [n]."""
        names = pool.examples.features
        count = int(np.prod(pool.examples.inputs.shape[1:]))
        if self.feature is None:
            return _projected(pool, members)
        at = names.index(self.feature) if self.feature in names else self.feature
        if not isinstance(at, int) or not 0 <= at < count:
            told = f", or a name among {', '.join(names)}" if names else ""
            raise DataError(
                f"data.endowment.feature must be a place from 0 to {count - 1}{told}; got {self.feature!r}"
            )
        return pool.rows(members)[:, at].astype(np.float64)


def _projected(pool: Pool, members: Ints) -> Floats:
    """Return examples projected on the first principal component of the pool, [n]."""
    rows = pool.rows(members).astype(np.float64)
    seen = np.sort(pool.members)
    some = pool.rows(seen[:: -(-len(seen) // MOST_FOR_DIRECTION)]).astype(np.float64)
    deviation = some.std(axis=0) if pool.examples.inputs.ndim == 2 else np.ones(some.shape[1])
    scale = np.where(deviation > 0, deviation, 1)
    centred = (some - some.mean(axis=0)) / scale
    if min(centred.shape) == 1 or not centred.any():
        direction = np.ones(centred.shape[1])
    else:
        direction = svds(centred, k=1, v0=np.ones(min(centred.shape)), return_singular_vectors="vh")[2][0]
    direction = direction * np.sign(direction[np.argmax(np.abs(direction))])
    return np.asarray((rows - some.mean(axis=0)) / scale @ direction)
