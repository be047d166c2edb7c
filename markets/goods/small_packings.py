"""Small packings, answered directly in whole numbers: exact, and of ties always the same one.

Core Objects: first_best_rows, STEPS
"""

from bisect import insort
from collections.abc import Sequence
from itertools import chain

STEPS = 10_000
"""Rows looked at after which a search is given up: some milliseconds, as long as a linear program takes."""


def first_best_rows(
    worth: Sequence[float], limits: Sequence[Sequence[int]], room: Sequence[int]
) -> list[int] | None:
    """Return the rows of the greatest total worth such that no limit has more of them than room, rising.

    Of several such sets it is the first when sets are compared row by row, in the order given, and the one
    that has the row comes first. So the answer depends on the order of the rows alone, neither on the numbers
    of the limits nor on anything that shares no limit with these rows.

    Parameters
    ----------
    worth : float[R]
        Positive and finite.
    limits : int[R][]
        The limits that each row counts against, at least one.
    room : int[L]
        Rows that each limit admits, at least 1.

    Returns
    -------
    list of int, or None
        None if the search would take more than `STEPS`, which is a matter of these rows alone.

    Notes
    -----
    Branch and bound, depth first: each row is taken before it is left out, and a branch ends where what it
    has and the best of the rows to come under the first limit of each (no other limit counted) are no more
    than the best so far. O(2^R) steps in the worst case, so that 12 rows never need more than `STEPS`.
    Measured for bundles of which a buyer wants one: hundreds for 20 rows, thousands for 30, often more than
    `STEPS` from 40 on. O(R) memory.
    """
    whole, rows = _whole(worth), len(worth)
    rest = _rest(whole, [own[0] for own in limits], room)
    # The room left under all limits is one number: a field for each, and its guard bit, lost when overdrawn.
    width = rows.bit_length() + 1
    shift = {limit: width * field for field, limit in enumerate(set(chain.from_iterable(limits)))}
    need = [sum(1 << shift[limit] for limit in own) for own in limits]
    guard = sum(1 << place + width - 1 for place in shift.values())
    left = guard + sum(min(room[limit], rows) << place for limit, place in shift.items())

    best, found, steps = 0, 0, 0
    branches = [(0, left, 0, 0)]
    while branches:
        row, left, total, taken = branches.pop()
        while total + rest[row] > best:
            steps += 1
            if steps > STEPS:
                return None
            if row == rows:
                best, found = total, taken
                break
            after = left - need[row]
            if after & guard == guard:
                branches.append((row + 1, left, total, taken))
                left, total, taken = after, total + whole[row], taken | 1 << row
            row += 1
    return [row for row in range(rows) if found >> row & 1]


def _whole(worth: Sequence[float]) -> list[int]:
    """Return worths in the largest unit of which all are whole multiples: floats are sums of halves of 1."""
    ratios = [each.as_integer_ratio() for each in worth]
    unit = max(parts for _, parts in ratios)
    return [number * (unit // parts) for number, parts in ratios]


def _rest(worth: Sequence[int], limit: Sequence[int], room: Sequence[int]) -> list[int]:
    """Return the most that the rows from each one on can add under one limit of each row, int[R + 1]."""
    rest, best = [0], dict[int, list[int]]()
    for own, gain in zip(reversed(limit), reversed(worth), strict=True):
        rivals = best.setdefault(own, [])
        insort(rivals, gain)
        rest.append(rest[-1] + gain - (rivals.pop(0) if len(rivals) > room[own] else 0))
    return rest[::-1]
