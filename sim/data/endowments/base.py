"""What every rule of endowments has, and ways to share a pool out.

A pool is a sequence of classes, each a shuffled int64 array of the places of its examples; an endowment is a
list of the same classes.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, ClassVar, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from markets.columns import Bools, Floats, Ints
from sim.data.datasets import DataError, Examples

Draw = Callable[..., np.random.Generator]
"""From a purpose, and numbers that tell its streams apart, to the random stream of the division."""
Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Groups = Annotated[int, Field(ge=1, le=1_000_000)]


@dataclasses.dataclass(frozen=True, eq=False)
class Pool(Sequence[Ints]):
    """The classes of what is shared out, and what the data say of each example.

    Parameters
    ----------
    classes : list of int64 arrays
        Examples of each class, shuffled: places among `originals`.
    examples : Examples
        All there are.
    originals : int64 array
        The examples of one task, copies left out: places among all.
    """

    classes: list[Ints]
    examples: Examples
    originals: Ints

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[Ints]:
        return iter(self.classes)

    @overload
    def __getitem__(self, at: int) -> Ints: ...

    @overload
    def __getitem__(self, at: slice) -> list[Ints]: ...

    def __getitem__(self, at: int | slice) -> Ints | list[Ints]:
        return self.classes[at]

    @property
    def members(self) -> Ints:
        """All examples of the pool, class by class."""
        return np.concatenate(self.classes)

    def rows(self, members: Ints) -> NDArray[Any]:
        """Return the inputs of some examples as rows of numbers, [n, F]."""
        chosen = self.examples.inputs[self.originals[members]]
        return chosen.reshape(len(chosen), int(np.prod(chosen.shape[1:])))

    def by_class(self, members: Ints) -> list[Ints]:
        """Return some examples of the pool, each once, class by class and in their order there."""
        chosen = np.zeros(len(self.originals), dtype=bool)
        chosen[members] = True
        return [own[chosen[own]] for own in self.classes]


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
    def share_out(self, pool: Pool, organisations: int, draw: Draw) -> list[list[Ints]]:
        """Return the endowment of every organisation.

        Parameters
        ----------
        pool : Pool
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


def shared_out(pool: Sequence[Ints], sizes: list[float], organisations: int) -> list[list[Ints]]:
    """Share every class out in proportion to repeated sizes; if all are alike, deal the pool like cards."""
    if len(set(sizes)) < 2:
        starts = np.cumsum([0, *(len(m) for m in pool)])[:-1]
        return [
            [m[(i - start) % organisations :: organisations] for m, start in zip(pool, starts, strict=True)]
            for i in range(organisations)
        ]
    share = np.resize(sizes, organisations)
    return by_organisation(pool, [np.cumsum(share)[:-1] / share.sum()] * len(pool))


def by_organisation(pool: Sequence[Ints], ends: list[Floats]) -> list[list[Ints]]:
    """Cut every class at cumulative shares, N - 1 of them, and return what each of N organisations gets."""
    cuts = [np.rint(own * len(m)).astype(np.int64) for own, m in zip(ends, pool, strict=True)]
    by_class = [np.split(m, at) for m, at in zip(pool, cuts, strict=True)]
    return [list(own) for own in zip(*by_class, strict=True)]


def proportional(counts: Sequence[float], total: int) -> Ints:
    """Divide `total` in proportion to the counts by largest remainders (Hamilton)."""
    quota = np.asarray(counts) * total / np.sum(counts)
    sizes = np.floor(quota).astype(np.int64)
    by_remainder = np.argsort(sizes - quota, kind="stable")
    sizes[by_remainder[: total - sizes.sum()]] += 1
    return sizes


def check_held(pool: Sequence[Ints], shares: list[list[Ints]], required: Bools, told: str) -> None:
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
        name = pool.examples.class_names[k] if isinstance(pool, Pool) else k
        raise DataError(
            f"endowment too small for a class: the {len(pool[k])} examples of class {name} in the pool must "
            f"reach every organisation that is to hold some; got organisations={len(shares)}, {told}"
        )
