"""Columns: read-only numpy arrays, validated once where they enter."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from markets.refusals import InputError

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


LARGEST_NUMBER = 2**63 - 1
"""The largest int64."""


def require(good: Bools, values: npt.NDArray[np.generic], field: str, allowed: str) -> None:
    """Raise an ``InputError`` that names the first row of `values` where `good` is false.

    Parameters
    ----------
    good : bool[R]
        Whether each value is allowed.
    values : array[R]
        The column under test.
    field, allowed : str
        The column's name and what it may hold, for the message.
    """
    if not good.all():
        row = int(np.argmin(good))
        raise InputError(f"{field} must be {allowed}; got {values[row]} in row {row}")


def freeze(values: npt.NDArray[np.generic]) -> None:
    """Make an array read-only in place."""
    values.flags.writeable = False


def whole_numbers(field: str, values: npt.ArrayLike, least: int = 0) -> Ints:
    """Return a read-only int64 copy of a column of whole numbers.

    Raises
    ------
    InputError
        If the column is not one-dimensional, not of whole numbers, or holds a value below `least` or one that
        int64 does not hold.
    """
    given = np.asarray(values)
    if given.ndim != 1:
        raise InputError(f"{field} must be a column of one dimension; got {given.ndim} dimensions")
    # An empty list has no type of its own: numpy calls it float64.
    if given.size and given.dtype.kind not in "iu" and not _is_of_python_integers(given):
        raise InputError(f"{field} must hold whole numbers of an integer type; got {given.dtype}")
    if given.dtype.kind in "uO":
        require(given <= LARGEST_NUMBER, given, field, f"at most {LARGEST_NUMBER}")
        require(given >= least, given, field, f"at least {least}")
    column = given.astype(np.int64)
    require(column >= least, column, field, f"at least {least}")
    freeze(column)
    return column


def whole_number(field: str, value: int, least: int = 0) -> int:
    """Return a whole number that int64 holds.

    Raises
    ------
    InputError
        If it is none, or below `least`.
    """
    if not isinstance(value, int | np.integer) or not least <= value <= LARGEST_NUMBER:
        raise InputError(f"{field} must be a whole number from {least} to {LARGEST_NUMBER}; got {value!r}")
    return int(value)


def _is_of_python_integers(given: npt.NDArray[np.generic]) -> bool:
    """Return whether a column holds Python's integers, one of them too large for numpy's."""
    return given.dtype.kind == "O" and all(type(value) is int for value in given)


def amounts(field: str, values: npt.ArrayLike) -> Floats:
    """Return a read-only float64 copy of a column of finite, non-negative amounts.

    Raises
    ------
    InputError
        If the column is not one-dimensional or holds NaN, an infinity or a negative value.
    """
    column = np.array(values, dtype=np.float64)
    if column.ndim != 1:
        raise InputError(f"{field} must be a column of one dimension; got {column.ndim} dimensions")
    require(np.isfinite(column) & (column >= 0), column, field, "finite and not negative")
    freeze(column)
    return column
