"""Means over replicates with their intervals, and how they are drawn.

Core Objects: over_replicates, by_arm, draw_band
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from experiments.figures.style import arm_style
from experiments.statistics import interval

Tables = dict[str, pd.DataFrame]


def over_replicates(frame: pd.DataFrame, by: str, column: str) -> pd.DataFrame:
    """Return mean and 95% interval over replicates of a column, by group.

    Parameters
    ----------
    frame : DataFrame
        One row a replicate and group. Rows where the column is NaN do not count.
    by : str
        Column that makes the groups.
    column : str
        What to average.

    Returns
    -------
    DataFrame
        Index: the groups, sorted. Columns: mean, low, high; the ends are NaN with one replicate, and all
        three for a group without numbers.
    """
    rows = {group: _interval(samples) for group, samples in frame.groupby(by)[column]}
    columns = ["mean", "low", "high"]
    return pd.DataFrame(list(rows.values()), index=pd.Index(rows), columns=columns, dtype=float)


def by_arm(frame: pd.DataFrame, by: str, column: str) -> dict[str, pd.DataFrame]:
    """Return `over_replicates` for each arm of a table."""
    return {str(arm): over_replicates(rows, by, column) for arm, rows in frame.groupby("arm")}


def _interval(samples: pd.Series) -> tuple[float, float, float]:
    finite = samples.to_numpy(dtype=float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return (np.nan, np.nan, np.nan)
    found = interval(finite)
    return (found.mean, found.low, found.high)


def draw_band(axes: Axes, arm: str, band: pd.DataFrame) -> None:
    """Draw the means of an arm as a line with markers, and the intervals as a band where there are any."""
    style = arm_style(arm)
    rounds = band.index.to_numpy()
    # Lines often coincide: markers take turns, and lines above are thinner, so that those below stay visible.
    # More than about seven markers a line would hide its style.
    before, step = len(axes.lines), max(1, round(len(rounds) / 7))
    axes.plot(
        rounds,
        band["mean"],
        color=style.colour,
        linestyle=style.line,
        linewidth=max(1.4, 3.0 - 0.5 * before),
        marker=style.marker,
        markersize=max(4.0, 8.0 - before),
        markevery=(before % step, step),
        label=arm,
    )
    axes.fill_between(rounds, band["low"], band["high"], color=style.colour, alpha=0.18, linewidth=0)


def from_zero(axes: Axes) -> None:
    """Start the vertical axis a little below 0, so that marks at 0 are whole; for what cannot be negative."""
    top = 1.05 * axes.dataLim.y1 if axes.dataLim.y1 > 0 else 1.0
    axes.set_ylim(-0.04 * top, top)


def error_bars(band: pd.DataFrame) -> np.ndarray:
    """Return the lengths of error bars below and above the means, [2, groups]; 0 without an interval."""
    below = (band["mean"] - band["low"]).to_numpy()
    above = (band["high"] - band["mean"]).to_numpy()
    return np.nan_to_num(np.stack([below, above]))
