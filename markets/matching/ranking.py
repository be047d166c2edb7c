"""Groups of rows: their numbers, and the first few of each, without a loop over the groups.

Core Objects: Ranking, best_of_groups, dense_codes, groups, first_rows, inverse,
first_appearance
"""

from dataclasses import dataclass

import numpy as np

from markets.columns import Bools, Floats, Ints

_SLACK = 4
"""How many times larger than its content a table may be before sorting is the better way."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows sorted once by group and score, so that each selection afterwards costs O(rows).

    Attributes
    ----------
    order : int64[R]
        Rows sorted by group, then by falling score, then by rising priority.
    start : int64[R]
        For each place in `order`, the first place of its group.
    limit : int64[R]
        For each place in `order`, how many rows its group may have.
    """

    order: Ints
    start: Ints
    limit: Ints

    @classmethod
    def of(cls, group: Ints, score: Floats, priority: Ints, limit: Ints | int) -> "Ranking":
        """Sort the rows; cost O(R log R), in tables of one row a group where groups are of similar size.

        Parameters
        ----------
        group : int64[R]
            The group of each row.
        score : float64[R]
            Larger comes first.
        priority : int64[R]
            Distinct numbers that break ties of the score; smaller comes first.
        limit : int64[R] or int
            Rows a group may have at most, the same in all of its rows.
        """
        order = _sorted_by_group(group, score, priority)
        by_group = group[order]
        opens = np.diff(by_group, prepend=-1) != 0
        start = np.maximum.accumulate(np.where(opens, np.arange(len(order)), 0))
        return cls(order, start, np.broadcast_to(np.asarray(limit, dtype=np.int64), group.shape)[order])

    def first(self, mask: Bools) -> Bools:
        """Return, for bool[R] `mask`, which of its rows are among the first `limit` of their group."""
        return mask & self.has_room(mask)

    def has_room(self, mask: Bools) -> Bools:
        """Return, bool[R], which rows have fewer than `limit` of bool[R] `mask` before them in the group."""
        chosen = mask[self.order]
        before: Ints = np.cumsum(chosen) - chosen
        room = np.empty_like(mask)
        room[self.order] = before - before[self.start] < self.limit
        return room


def best_of_groups(group: Ints, score: Floats, priority: Ints, mask: Bools) -> Bools:
    """Return the one row of each group that leads a `Ranking` of the rows of bool[R] `mask`; cost O(R)."""
    row = np.flatnonzero(mask)
    best = np.full(int(group.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(best, group[row], score[row])
    row = row[score[row] == best[group[row]]]
    least = np.full(len(best), np.iinfo(np.int64).max)
    np.minimum.at(least, group[row], priority[row])
    leads = np.zeros_like(mask)
    leads[row[priority[row] == least[group[row]]]] = True
    return leads


def _sorted_by_group(group: Ints, score: Floats, priority: Ints) -> Ints:
    """Return the rows by group, falling score and rising priority."""
    together = np.argsort(group, kind="stable")
    size = np.bincount(group) if len(group) and group.max() < _SLACK * len(group) else np.zeros(1, int)
    widest = int(size.max())
    if not 0 < widest * len(size) <= _SLACK * len(group):
        return np.lexsort((priority, -score, group)).astype(np.int64)
    filled = np.arange(widest) < size[:, None]
    # Rows of no score at all come before the places that are not filled.
    fallen, turn = np.full(filled.shape, np.inf), np.full(filled.shape, np.iinfo(np.int64).max)
    fallen[filled], turn[filled] = -score[together], priority[together]
    place = np.lexsort((turn, fallen)) + (np.cumsum(size) - size)[:, None]
    return together[place[filled]]


def dense_codes(values: Ints) -> Ints:
    """Return the rank of each value among the distinct values, from 0 without gaps.

    Parameters
    ----------
    values : int64[R]
        Not negative. The cost is O(R) unless the largest is far above R; then it is that of sorting.

    Examples
    --------
    >>> dense_codes(np.array([7, 3, 7])).tolist()
    [1, 0, 1]
    """
    if not len(values) or values.max() >= _SLACK * len(values):
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    present = np.zeros(int(values.max()) + 1, dtype=np.int64)
    present[values] = 1
    return (np.cumsum(present) - 1)[values]


def groups(code: Ints) -> list[Ints]:
    """Return the rows of each group, rising, in the order of the groups' codes; cost that of sorting."""
    if not len(code):
        return []
    together = np.argsort(code, kind="stable")
    return np.split(together, np.flatnonzero(np.diff(code[together])) + 1)


def inverse(permutation: Ints) -> Ints:
    """Return where each number stands in a permutation of 0, 1, ..., int64[R]; cost O(R)."""
    place = np.empty_like(permutation)
    place[permutation] = np.arange(len(permutation))
    return place


def first_rows(code: Ints) -> Ints:
    """Return the first row of each group, int64[number of groups], for codes as `dense_codes` makes them."""
    first = np.empty(int(code.max(initial=-1)) + 1, dtype=np.int64)
    # Of several rows that write to one place the last one stays.
    first[code[::-1]] = np.arange(len(code))[::-1]
    return first


def first_appearance(values: Ints) -> tuple[Ints, Ints]:
    """Return numbers for the distinct values, in the order of their first appearance.

    Returns
    -------
    code : int64[R]
        The number of each row's value: 0 for the value of row 0, 1 for the next new one, and so on.
    first : int64[number of distinct values]
        The row where each value first appears, rising.

    Examples
    --------
    >>> code, first = first_appearance(np.array([7, 3, 7]))
    >>> code.tolist(), first.tolist()
    ([0, 1, 0], [0, 1])
    """
    code = dense_codes(values)
    first = first_rows(code)
    by_place = np.argsort(first)
    return inverse(by_place)[code], first[by_place]
