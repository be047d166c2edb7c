"""Credits and micro-credits: amounts as people say them and as the ledger keeps them.

Core Objects: Money, PositiveMoney, to_micro, to_credits, total, sums, spendable, rescaled
"""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from markets.columns import LARGEST_NUMBER, Floats, Ints
from markets.refusals import InputError

T = TypeVar("T")

Money = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
PositiveMoney = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]

MICRO = 1_000_000
"""Micro-credits in a credit."""

HALF_A_UNIT = 0.5 / MICRO
"""What is less, in credits, rounds to nothing."""

LARGEST = 2**50
"""The largest amount of one posting, in micro-credits."""

LARGEST_SUM = LARGEST_NUMBER
"""The largest sum of amounts, in micro-credits: `total` and `sums` see to it that none wraps around."""

_LOW = 32


def to_micro(amounts: npt.ArrayLike, rounding: str = "nearest") -> Ints:
    """Convert credits to whole micro-credits, int64 of the same shape.

    Parameters
    ----------
    amounts : array_like
        Finite amounts in credits.
    rounding : str
        ``down``, ``up`` or ``nearest``. An amount within float64 rounding of a whole micro-credit is that
        micro-credit, so ``to_micro(to_credits(m), rounding) == m`` for every `rounding` and ``|m| <=
        LARGEST``.

    Raises
    ------
    InputError
        If an amount is not finite or too large, or the rounding unknown.
    """
    rule = {"down": np.floor, "up": np.ceil, "nearest": np.rint}.get(rounding)
    if rule is None:
        raise InputError(f"rounding must be 'down', 'up' or 'nearest'; got {rounding!r}")
    micro = np.asarray(amounts, dtype=np.float64) * MICRO
    fits = np.abs(micro) <= LARGEST
    if not np.all(fits):
        worst = float(np.asarray(amounts, dtype=np.float64)[~fits].ravel()[0])
        raise InputError(f"credits must be finite and at most {LARGEST / MICRO} in size; got {worst}")
    whole = np.rint(micro)
    exact = np.abs(micro - whole) <= 2 * np.spacing(np.abs(micro))
    return np.where(exact, whole, rule(micro)).astype(np.int64)


def to_credits(micro: npt.ArrayLike) -> Floats:
    """Convert micro-credits to credits, float64 of the same shape."""
    return np.asarray(micro, dtype=np.float64) / MICRO


def total(amount: Ints) -> int:
    """Return the sum of int64 amounts, however large."""
    return (int((amount >> _LOW).sum()) << _LOW) + int((amount & (1 << _LOW) - 1).sum())


def sums(name: str, group: Ints, amount: Ints, count: int) -> Ints:
    """Return the sums of amounts by group, exact or refused.

    Parameters
    ----------
    name : str
        What the sums are, for the message.
    group : int64[R]
        From 0 to `count` - 1.
    amount : int64[R]
        In micro-credits, of any sign; fewer than 2**31.

    Returns
    -------
    int64[count]

    Raises
    ------
    InputError
        If a sum does not fit int64.
    """
    high, low = np.zeros((2, count), dtype=np.int64)
    np.add.at(high, group, amount >> _LOW)
    np.add.at(low, group, amount & (1 << _LOW) - 1)
    high += low >> _LOW
    low &= (1 << _LOW) - 1
    wide = np.abs(high + (high < 0)) >= 1 << (63 - _LOW)
    if wide.any():
        which = int(np.argmax(wide))
        raise InputError(
            f"{name} must be at most {LARGEST_SUM} micro-credits in size; "
            f"got {(int(high[which]) << _LOW) + int(low[which])} in row {which}"
        )
    return (high << _LOW) + low


def spendable(balances: Ints, credit_limit: int) -> Ints:
    """Return balances and credit limit together, or the largest int64 where that is less, micro-credits."""
    return np.minimum(balances, LARGEST_SUM - credit_limit) + credit_limit


def rescaled(value: T, factor: float) -> T:
    """Return an amount, or a component with all its amounts, in a unit of 1/`factor` the worth.

    Parameters
    ----------
    value : number, array, tuple, mapping, component or None
        A component is a dataclass with `money_fields`, the names of its fields that are amounts or hold
        components; what has none is an amount. None stays None.
    factor : float
        Amounts become so many times as large.

    Examples
    --------
    >>> rescaled({"share": (1.0, 2.5), "none": None}, 2)
    {'share': (2.0, 5.0), 'none': None}
    """
    fields: tuple[str, ...] = getattr(value, "money_fields", ())
    changed: Any
    if value is None:
        changed = None
    elif isinstance(value, Mapping):
        changed = {key: rescaled(amount, factor) for key, amount in value.items()}
    elif isinstance(value, tuple):
        changed = tuple(rescaled(amount, factor) for amount in value)
    elif dataclasses.is_dataclass(value):
        amounts = {name: rescaled(getattr(value, name), factor) for name in fields}
        changed = dataclasses.replace(value, **amounts)  # type: ignore[type-var]
    else:
        changed = value * factor  # type: ignore[operator]
    return changed
