"""The order of a pair, without a dense matrix where pairs are few."""

from dataclasses import dataclass

import numpy as np

from markets.columns import Ints

_SLACK = 4
"""How many times larger than its content a table may be before searching is the better way."""


@dataclass(frozen=True, eq=False)
class PairIndex:
    """A table from pairs to orders, or a sorted column where the table would be mostly empty.

    Attributes
    ----------
    line, column : int64
        What the place of a bid and the number of a listing add to the key of their pair.
    key, place : int64
        Sorted keys and the order of each; without keys, `place` is the table itself, -1 where nobody is.
    """

    line: Ints
    column: Ints
    key: Ints | None
    place: Ints

    @classmethod
    def of(cls, line: Ints, column: Ints, keys: Ints, cells: int) -> "PairIndex":
        """Index R orders by keys below `cells`; cost O(R), or O(R log R) where most cells are empty."""
        if cells > _SLACK * len(keys):
            order = np.argsort(keys)
            return cls(line, column, keys[order], order)
        table = np.full(cells, -1)
        table[keys] = np.arange(len(keys))
        return cls(line, column, None, table)

    def find(self, bid: Ints, listing: Ints) -> Ints:
        """Return the order of each pair, -1 where there is none; the arguments broadcast."""
        wanted = self.line[bid] + self.column[listing]
        if self.key is None:
            return self.place[wanted]
        at = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        return np.where(self.key[at] == wanted, self.place[at], -1)
