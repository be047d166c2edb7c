"""Means over replicates with their intervals, and how they are drawn."""

import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from experiments.figures.style import GREY, arm_style
from experiments.findings.statistics import interval
from markets.columns import Floats

SPREAD = 0.5
"""Share of the distance between two named values over which the arms' marks are spread."""

FEW = 6
"""Up to so many named values are written on several lines below an axis; the names of more are turned."""

COINCIDENT = 0.012
"""Share of a panel's height within which lines cannot be told apart."""

LINE = 66
"""Characters that fit below an axis as wide as the figure."""


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


def tell_coinciding(axes: Axes, top: bool = False) -> None:
    """Say in a panel which of its lines lie on each other, so that nobody looks for those below.

    Lines coincide where they are nowhere further apart than a line is thick.

    Parameters
    ----------
    axes : Axes
        The panel, with its limits as they will be.
    top : bool
        Whether to say it at the upper end of the right side instead of the lower.
    """
    low, high = axes.get_ylim()
    groups: list[list[Line2D]] = []
    for line in axes.lines:
        mates = (group for group in groups if _apart(group[0], line) < COINCIDENT * abs(high - low))
        found = next(mates, None)
        if found is None:
            groups.append([line])
        else:
            found.append(line)
    told = ["\n= ".join(str(line.get_label()) for line in group) for group in groups if len(group) > 1]
    if told:
        axes.text(
            0.98,
            0.97 if top else 0.03,
            "\n".join(["one line:", *told]),
            ha="right",
            va="top" if top else "bottom",
            transform=axes.transAxes,
            fontsize="small",
            color=GREY,
        )


def _apart(one: Line2D, other: Line2D) -> float:
    """Return how far two lines are apart where both are known; infinite if they are nowhere."""
    known = [
        dict(zip(*(np.asarray(c, float) for c in line.get_data()), strict=True)) for line in (one, other)
    ]
    apart = np.array([abs(known[0][x] - known[1][x]) for x in known[0] if x in known[1]])
    return float(np.nanmax(apart)) if np.isfinite(apart).any() else np.inf


def draw_levels(axes: Axes, frame: pd.DataFrame, key: str, column: str, arms: list[str]) -> None:
    """Draw means and intervals of a column by the values of a key: lines if these are numbers, else points.

    Parameters
    ----------
    axes : Axes
        Where to draw; named values become its ticks.
    frame : DataFrame
        One row an arm, value of the key and replicate: `arm`, the key and the column. An arm without any
        number is left out.
    key, column : str
        What varies, and what is averaged over replicates.
    arms : list of str
        In the order in which they are drawn.
    """
    values = list(dict.fromkeys(frame[key]))
    numbers = pd.to_numeric(pd.Series(values), errors="coerce")
    known = frame[frame[column].notna()].assign(place=lambda t: t[key].map(values.index))
    present = {at: [arm for arm in arms if arm in set(own)] for at, own in known.groupby("place")["arm"]}
    for arm in arms:
        own = known[known["arm"] == arm]
        if own.empty:
            continue
        band = by_arm(own, "place", column)[arm]
        if numbers.notna().all():
            band.index = pd.Index(numbers[band.index])
            draw_band(axes, arm, band.sort_index())
            continue
        style = arm_style(arm)
        axes.errorbar(
            [at + _beside(arm, present[at]) for at in band.index],
            band["mean"],
            error_bars(band),
            color=style.colour,
            marker=style.marker,
            linestyle="none",
            capsize=3,
            label=arm,
        )
    if not numbers.notna().all():
        _name_levels(axes, [str(value).replace("_", " ") for value in values])


def _beside(arm: str, arms: list[str]) -> float:
    """Return how far right of a named value an arm's mark stands."""
    return SPREAD * ((arms.index(arm) + 0.5) / len(arms) - 0.5)


def _name_levels(axes: Axes, names: list[str]) -> None:
    few = len(names) <= FEW
    if few:
        names = [textwrap.fill(name, LINE // len(names)) for name in names]
    axes.set_xticks(range(len(names)), names, rotation=0 if few else 40, ha="center" if few else "right")
    axes.set_xlim(-0.6, len(names) - 0.4)


def draw_means(axes: Axes, band: pd.DataFrame, **look: Any) -> None:
    """Draw the means of `over_replicates` against their groups, with their intervals as bars."""
    axes.errorbar(band.index, band["mean"], error_bars(band), **look)


def stack_bars(
    axes: Axes, places: ArrayLike, parts: Iterable[tuple[Floats, str, str, str]], width: float
) -> None:
    """Draw parts (heights, label, colour, hatch) as bars on each other; negative ones hang below zero."""
    above = below = np.zeros(np.size(places))
    for height, label, colour, hatch in parts:
        bottom = np.where(height >= 0, above, below)
        axes.bar(places, height, width, bottom, color=colour, hatch=hatch, edgecolor="#333333", label=label)
        above, below = above + height.clip(min=0), below + height.clip(max=0)


def from_zero(axes: Axes) -> None:
    """Start the vertical axis a little below 0, so that marks at 0 are whole; for what cannot be negative."""
    top = 1.05 * axes.dataLim.y1 if axes.dataLim.y1 > 0 else 1.0
    axes.set_ylim(-0.04 * top, top)


def error_bars(band: pd.DataFrame) -> np.ndarray:
    """Return the lengths of error bars below and above the means, [2, groups]; 0 without an interval."""
    below = (band["mean"] - band["low"]).to_numpy()
    above = (band["high"] - band["mean"]).to_numpy()
    return np.nan_to_num(np.stack([below, above]))
