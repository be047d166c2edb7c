"""Findings: what was measured, beside what theory says.

Core Objects: Findings, COLUMNS, within, ratio_samples
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from experiments.findings.statistics import Interval, interval
from markets.columns import Floats
from markets.refusals import InputError

COLUMNS = (
    "case",
    "size",
    "quantity",
    "measured",
    "low",
    "high",
    "samples",
    "relation",
    "theory",
    "within",
)
"""Columns of a table of findings; one row a case, size and quantity."""

RELATIONS = ("=", ">=", "<=")
"""Theory says what the measured quantity is, that it is no less, or that it is no more."""

ROUNDING = 1e-6
"""Whole micro-credits round what theory says by no more than this, in credits."""


@dataclass
class Findings:
    """A table under construction."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        quantity: str,
        samples: ArrayLike,
        theory: float = math.nan,
        *,
        case: str = "",
        size: float = math.nan,
        relation: str = "=",
    ) -> Interval:
        """Add the mean of a quantity and its 95% interval.

        Parameters
        ----------
        quantity : str
            What was measured, with its unit.
        samples : array [n]
            One number a replicate; NaN where a replicate says nothing about it.
        theory : float
            What theory says of the mean; NaN for nothing.
        case : str
            The rule or population.
        size : float
            The size of the market, or whatever else was varied; NaN for nothing.
        relation : str
            One of `RELATIONS`: measured (relation) theory.

        Raises
        ------
        InputError
            If the relation is unknown or no replicate says anything.
        """
        if relation not in RELATIONS:
            raise InputError(f"relation must be one of {', '.join(RELATIONS)}; got {relation!r}")
        known = np.asarray(samples, dtype=np.float64)
        found = interval(known[np.isfinite(known)])
        values = (case, size, quantity, found.mean, found.low, found.high, found.n, relation, theory)
        self.rows.append(dict(zip(COLUMNS, (*values, within(found, relation, theory)), strict=True)))
        return found

    def table(self) -> pd.DataFrame:
        """Return the findings so far."""
        return pd.DataFrame(self.rows, columns=list(COLUMNS)).astype({"within": "boolean", "size": float})


def within(found: Interval, relation: str, theory: float) -> bool | None:
    """Return whether an interval agrees with theory; None where theory says nothing or one sample was taken.

    For ``=`` theory must lie in the interval, for a bound the whole interval must be on its right side; both
    up to the rounding of money.
    """
    if math.isnan(theory) or math.isnan(found.low):
        return None
    least, most = found.low - ROUNDING, found.high + ROUNDING
    if relation == "=":
        return least <= theory <= most
    return theory <= found.low + ROUNDING if relation == ">=" else found.high - ROUNDING <= theory


def ratio_samples(numerator: Floats, denominator: Floats) -> Floats:
    """Return samples whose mean is the ratio of the means, and whose spread is that ratio's to first order.

    R + (a - R b)/mean b with R = mean a/mean b (the delta method): a mean of ratios would be ruled by the
    smallest denominators. NaN where the denominators are 0 on average.
    """
    scale = denominator.mean() or np.nan
    ratio = numerator.mean() / scale
    return ratio + (numerator - ratio * denominator) / scale
