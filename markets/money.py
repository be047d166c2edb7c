"""Credits and micro-credits: amounts as people say them and as the ledger keeps them.

Core Objects: to_micro, to_credits, rescaled
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from markets.columns import FloatArray, IntArray
from markets.refusals import InputError

T = TypeVar("T")

MICRO = 1_000_000
"""Micro-credits in a credit."""

LARGEST = 2**50
"""The largest amount of one posting, in micro-credits: sums of thousands of them fit int64."""


def to_micro(amounts: npt.ArrayLike, rounding: str = "nearest") -> IntArray:
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
    if not np.all(np.abs(micro) <= LARGEST):
        raise InputError(f"credits must be finite and at most {LARGEST / MICRO} in size; got {amounts!r}")
    whole = np.rint(micro)
    exact = np.abs(micro - whole) <= 2 * np.spacing(np.abs(micro))
    return np.where(exact, whole, rule(micro)).astype(np.int64)


def to_credits(micro: npt.ArrayLike) -> FloatArray:
    """Convert micro-credits to credits, float64 of the same shape."""
    return np.asarray(micro, dtype=np.float64) / MICRO


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
