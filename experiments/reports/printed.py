"""Numbers and tables as they are printed.

Core Objects: SHOWN, wide_console, cell_of, cell
"""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console

from experiments.findings.statistics import Interval

SHOWN = {
    "welfare": "welfare, credits",
    "test_accuracy": "mean test accuracy",
    "better_off": "share better off",
    "gini": "Gini of profits",
    "allocative_efficiency": "allocative efficiency",
    "price_of_anarchy": "price of anarchy",
}


def wide_console() -> Console:
    """Return a console as wide as the terminal, or wide enough for a table where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=120)


def cell_of(row: Mapping[Any, Any] | None) -> str:
    """Return `cell` of a row with the fields of an `Interval`."""
    return cell(None if row is None else Interval(row["mean"], row["low"], row["high"], int(row["n"])))


def cell(found: Interval | None) -> str:
    """Return a mean and its interval as text: a dash where there is none."""
    if found is None or not np.isfinite(found.mean):
        return "-"
    digits = 2 if abs(found.mean) >= 10 else 3
    mean = f"{found.mean:.{digits}f}"
    return f"{mean} ± {found.high - found.mean:.{digits}f}" if np.isfinite(found.high) else mean
