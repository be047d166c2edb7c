"""Levies: what a rule charges without delivering.

The losers of an all-pay auction, contributions that are not refunded, taxes on those who prevent a project.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from markets.columns import Floats, Ints, amounts, freeze, require, whole_numbers
from markets.refusals import InputError


@dataclass(frozen=True, eq=False)
class Levies:
    """One row for each levy, sorted by the order it is charged on. Make it with `Levies.of`.

    Attributes
    ----------
    row : int64[D]
        The order of each levy; none of them trades.
    paid, received : float64[D]
        By the order's buyer and by its seller, in credits; the broker keeps the difference.
    """

    row: Ints
    paid: Floats
    received: Floats

    @classmethod
    def of(cls, row: npt.ArrayLike, paid: npt.ArrayLike, received: npt.ArrayLike) -> "Levies":
        """Copy, validate, sort by row and freeze; rows on which no money moves are left out.

        Raises
        ------
        InputError
            If columns differ in length, a row appears twice, or an amount is NaN, infinite or negative.
        """
        rows, charged, passed_on = charges("levies", row, paid, received)
        require(np.append(True, np.diff(rows) > 0)[: len(rows)], rows, "levies.row", "in one levy only")
        moves = (charged > 0) | (passed_on > 0)
        levies = cls(rows[moves], charged[moves], passed_on[moves])
        for column in (levies.row, levies.paid, levies.received):
            freeze(column)
        return levies

    @classmethod
    @cache
    def none(cls) -> "Levies":
        """Return no levies."""
        return cls.of([], [], [])

    def __len__(self) -> int:
        return len(self.row)


def charges(
    name: str, row: npt.ArrayLike, paid: npt.ArrayLike, received: npt.ArrayLike
) -> tuple[Ints, Floats, Floats]:
    """Return validated, read-only copies of the columns of a table of charges, sorted by row.

    Parameters
    ----------
    name : str
        The table's name, for messages.
    row : array_like of int [T]
        The order of each charge.
    paid, received : array_like [T]
        By its buyer and by its seller, in credits.

    Raises
    ------
    InputError
        If columns differ in length, a row is negative, or an amount is NaN, infinite or negative.
    """
    rows = whole_numbers(f"{name}.row", row)
    sides = {
        field: amounts(f"{name}.{field}", side) for field, side in (("paid", paid), ("received", received))
    }
    for field, side in sides.items():
        if len(side) != len(rows):
            raise InputError(f"{name}.{field} must have as many rows as row ({len(rows)}); got {len(side)}")
    order = np.argsort(rows, kind="stable")
    rows, bought, sold = rows[order], sides["paid"][order], sides["received"][order]
    for column in (rows, bought, sold):
        freeze(column)
    return rows, bought, sold
