"""What every rule of endowments has, and ways to share a pool out.

A pool is a list of classes, each a shuffled int64 array of the indices of its examples; an endowment is a
list of the same classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from markets.columns import Bools, Floats, Ints
from sim.data.datasets import DataError

Draw = Callable[..., np.random.Generator]
"""From a purpose, and numbers that tell its streams apart, to the random stream of the division."""
Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Groups = Annotated[int, Field(ge=1, le=1_000_000)]


class EndowmentRule(ABC):
    """How the pool is shared out among organisations. Subclasses are frozen dataclasses.

    Fields that `sim.config.data.DataConfig` has too are set there, as in ``data.kept=0.2``.

    Attributes
    ----------
    drawn : bool
        Whether it depends on what is drawn if everybody gets something.
    """

    name: str
    drawn: ClassVar[bool] = False

    @abstractmethod
    def share_out(self, pool: list[Ints], organisations: int, draw: Draw) -> list[list[Ints]]:
        """Return the endowment of every organisation.

        Parameters
        ----------
        pool : list of int64 arrays
            Examples of each class, shuffled.
        organisations : int
            How many there are, at most as many as examples.
        draw : callable
            Randomness, for the purposes ``data-endowments`` and ``data-kept``.

        Raises
        ------
        DataError
            If somebody is left without what it must have.
        """


def shared_out(pool: list[Ints], sizes: list[float], organisations: int) -> list[list[Ints]]:
    """Share every class out in proportion to repeated sizes; if all are alike, deal the pool like cards."""
    if len(set(sizes)) < 2:
        starts = np.cumsum([0, *(len(m) for m in pool)])[:-1]
        return [
            [m[(i - start) % organisations :: organisations] for m, start in zip(pool, starts, strict=True)]
            for i in range(organisations)
        ]
    share = np.resize(sizes, organisations)
    return by_organisation(pool, [np.cumsum(share)[:-1] / share.sum()] * len(pool))


def by_organisation(pool: list[Ints], ends: list[Floats]) -> list[list[Ints]]:
    """Cut every class at cumulative shares, N - 1 of them, and return what each of N organisations gets."""
    cuts = [np.rint(own * len(m)).astype(np.int64) for own, m in zip(ends, pool, strict=True)]
    by_class = [np.split(m, at) for m, at in zip(pool, cuts, strict=True)]
    return [list(own) for own in zip(*by_class, strict=True)]


def check_held(pool: list[Ints], shares: list[list[Ints]], required: Bools, told: str) -> None:
    """Raise ``DataError`` if an organisation has nothing of a class that it must hold.

    Parameters
    ----------
    pool, shares
        What was shared out, and how.
    required : bool [organisations, classes]
        What each must hold.
    told : str
        The fields that decide, with their values.
    """
    held = np.array([[len(m) for m in share] for share in shares])
    lacking = np.argwhere(required & (held == 0))
    if len(lacking):
        k = lacking[0, 1]
        raise DataError(
            f"endowment too small for a class: the {len(pool[k])} examples of class {k} in the pool must "
            f"reach every organisation that is to hold some; got organisations={len(shares)}, {told}"
        )
