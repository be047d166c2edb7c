"""Luck: what a rule draws, by name, so that a market has the same luck whatever else is cleared with it.

One number is drawn from the generator of a clearing, the root. Every row has a key, a hash of the root and of
the names of its buyer and its listing, and all that is random in the outcome is a function of the keys: ties,
coins, lotteries, orders of arrival. Rows, buyers and listings have as many independent draws as a rule has
purposes for them, for all markets at once.

Core Objects: Luck, GivenLuck, mixed, fresh, heads
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from markets.columns import Bools, Ints
from markets.matching.ranking import inverse
from markets.orders.orders import Orders

KeyArray: TypeAlias = npt.NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


class GivenLuck(np.random.Generator):
    """A generator that has the keys of the rows, to rename or reorder a market without changing its luck.

    Parameters
    ----------
    key : uint64[R]
        The keys of the orders that are cleared with it.
    """

    def __init__(self, key: KeyArray) -> None:
        super().__init__(np.random.PCG64(0))
        self.key = key


@dataclass(frozen=True, eq=False)
class Luck:
    """The random numbers of one clearing. Make it with `Luck.draw`.

    Attributes
    ----------
    key : uint64[R]
        Of each row: uniform, and independent of all others.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2, 1], seller=[0, 0, 3], listing=[7, 7, 8], bid=[1] * 3, ask=[0] * 3)
    >>> luck = Luck.draw(orders, np.random.default_rng(0))
    >>> alone = Luck.draw(orders.select(np.array([2])), np.random.default_rng(0))
    >>> bool(alone.key[0] == luck.key[2])
    True
    """

    key: KeyArray

    @classmethod
    def draw(cls, orders: Orders, rng: np.random.Generator) -> "Luck":
        """Draw the root, 64 bits, and hash the names; cost O(R)."""
        if isinstance(rng, GivenLuck):
            return cls(rng.key)
        root = rng.integers(2**64, dtype=np.uint64)
        return cls(mixed(np.full(len(orders), root), orders.buyer, orders.listing))

    @cached_property
    def priority(self) -> Ints:
        """A random order of the rows: distinct numbers, not negative, int64[R]."""
        # The row's number in the last bits makes them distinct; the others decide.
        bits = np.uint64(max(len(self.key) - 1, 1).bit_length())
        row = np.arange(len(self.key), dtype=np.uint64)
        return (self.key >> (bits + np.uint64(1)) << bits | row).astype(np.int64)

    def line(self, orders: Orders) -> Ints:
        """Return the rows buyer by buyer, and listing by listing within each, both by lot, int64[R].

        For solvers whose choice among optima depends on the order in which they meet buyers and listings: a
        buyer's place does not depend on how many rows it has. O(R log R).
        """
        buyer, listing = (
            inverse(np.argsort(self.of_groups(purpose, group), kind="stable"))[group]
            for purpose, group in (("line of buyers", orders.seat), ("line of listings", orders.lot))
        )
        return np.argsort(buyer * (int(listing.max(initial=-1)) + 1) + listing)

    def of(self, purpose: str) -> KeyArray:
        """Return fresh keys of the rows for a purpose ("coins"), uint64[R]."""
        return fresh(purpose, self.key)

    def of_groups(self, purpose: str, group: Ints) -> KeyArray:
        """Return keys of groups of rows for a purpose, uint64[number of groups]; cost O(R).

        Parameters
        ----------
        purpose : str
            What they are for ("arrival of bids").
        group : int64[R]
            Codes from 0 without gaps, such as `Orders.seat` (buyers by position) or `Orders.lot`. However
            many rows it has, each group has one key, uniform and independent of the others.
        """
        total = np.zeros(int(group.max(initial=-1)) + 1, dtype=np.uint64)
        np.add.at(total, group, self.key)
        return fresh(purpose, total)


def mixed(key: KeyArray, *names: Ints) -> KeyArray:
    """Return a key for each key and names, whole numbers from 0, that are given; all of one shape.

    One step of SplitMix64 a name, with the name as the number of the step: Steele, Lea and Flood (2014),
    "Fast Splittable Pseudorandom Number Generators", figure 13.
    """
    for name in names:
        z = key + _GAMMA * (name.astype(np.uint64) + np.uint64(1))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        key = z ^ (z >> np.uint64(31))
    return key


def heads(key: KeyArray) -> Bools:
    """Return a fair coin for each key."""
    return key >> np.uint64(63) == 1


def fresh(purpose: str, key: KeyArray) -> KeyArray:
    """Return new keys, uint64[...], that those given lead to for a purpose."""
    name = hashlib.blake2b(purpose.encode("utf-8"), digest_size=7).digest()
    return mixed(key, np.array([int.from_bytes(name, "little")]))
