"""First few of every group, without a loop over the groups.

Core Objects: Ranking, first_appearance
"""

from dataclasses import dataclass

import numpy as np

from markets.columns import BoolArray, FloatArray, IntArray


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

    order: IntArray
    start: IntArray
    limit: IntArray

    @classmethod
    def of(cls, group: IntArray, score: FloatArray, priority: IntArray, limit: IntArray | int) -> "Ranking":
        """Sort the rows; cost O(R log R).

        Parameters
        ----------
        group : int64[R]
            The group of each row.
        score : float64[R]
            Larger comes first.
        priority : int64[R]
            Breaks ties of the score; smaller comes first.
        limit : int64[R] or int
            Rows a group may have at most, the same in all of its rows.
        """
        order = np.lexsort((priority, -score, group)).astype(np.int64)
        start = np.searchsorted(group[order], group[order], side="left").astype(np.int64)
        return cls(order, start, np.broadcast_to(np.asarray(limit, dtype=np.int64), group.shape)[order])

    def first(self, mask: BoolArray) -> BoolArray:
        """Return, for bool[R] `mask`, which of its rows are among the first `limit` of their group."""
        chosen = mask[self.order]
        count = np.cumsum(chosen)
        before = (count - chosen)[self.start] if len(count) else count
        taken = np.zeros_like(mask)
        taken[self.order] = chosen & (count - before <= self.limit)
        return taken


def first_appearance(values: IntArray) -> tuple[IntArray, IntArray]:
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
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    by_place = np.argsort(first)
    number = np.empty_like(by_place)
    number[by_place] = np.arange(len(first))
    return number[inverse].astype(np.int64), first[by_place].astype(np.int64)
