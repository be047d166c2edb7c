"""Measured, said, realised."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from experiments.figures.bands import draw_means, over_replicates
from experiments.figures.plan import Plan
from experiments.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    legend_above,
    mark_arm,
    new_figure,
)
from experiments.findings.run_view import RunView

SERIES = {
    "bid": ("said: bid", PURPLE, "s", (0, (5, 1.5))),
    "paid": ("paid", ORANGE, "D", (0, (7, 1.5, 1, 1.5))),
    "ask": ("said: ask", BLUE, "v", (0, (1, 1.2))),
    "realised_value": ("realised value", GREEN, "o", "-"),
}
BINS = 8
ABREAST = 3
SPREAD = 30.0
"""Ratio of 95th percentile to median of measured values above which a linear axis would hide most trades."""


def values(view: RunView) -> Figure | None:
    """Draw what was bid, asked, paid and realised against what the trial measured, one panel a trading arm.

    Reads `trades`.

    Returns
    -------
    Figure or None
        Credits a round; every settled trade's realised value as a dot, and means in bins with equally many
        trades, with intervals over replicates. None where nothing was traded.
    """
    settled = view.tables["trades"][view.tables["trades"]["settled"].astype(bool)]
    arms = [arm for arm in view.trading_arms if (settled["arm"] == arm).any()]
    if not arms:
        return None
    columns = min(ABREAST, len(arms))
    rows = -(-len(arms) // columns)
    figure = new_figure(1.3 + (2.5 if columns > 1 else 4.2) * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for spare in grid.flat[len(arms) :]:
        spare.remove()
    for axes, arm in zip(grid.flat, arms, strict=False):
        _draw_arm(axes, settled[settled["arm"] == arm])
        mark_arm(axes, arm)
        axes.set_box_aspect(1)
    _scale(grid[0, 0], settled)
    for axes in grid[:, 0]:
        axes.set_ylabel("credits a round")
    figure.supxlabel("value that the buyer's trial measured (credits a round)")
    legend_above(figure, grid[0, 0], 3)
    return figure


def binned(trades: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return mean and interval of a column over replicates, in bins of equally many trades.

    Returns
    -------
    DataFrame
        Index: the mean measured value of each bin; columns mean, low, high.
    """
    measured = trades["measured_value"]
    bins = pd.qcut(measured.rank(method="first"), min(BINS, len(trades)), labels=False)
    by_replicate = trades.assign(bin=bins).groupby(["bin", "replicate"])[column].mean().reset_index()
    band = over_replicates(by_replicate, "bin", column)
    return band.set_axis(measured.groupby(bins).mean().to_numpy())


def _draw_arm(axes: Axes, trades: pd.DataFrame) -> None:
    # Dots as pixels: thousands of them as paths would make the SVG too large to open.
    dots: dict[str, Any] = {"color": GREY, "linestyle": "", "marker": ".", "markeredgewidth": 0}
    axes.plot(
        trades["measured_value"], trades["realised_value"], markersize=4, alpha=0.3, rasterized=True, **dots
    )
    axes.plot([], [], markersize=9, label="realised, each trade", **dots)
    axes.axline((0, 0), slope=1, color=BLACK, linewidth=1.2, label="as measured (45° line)")
    for column, (label, colour, marker, line) in SERIES.items():
        band = binned(trades, column)
        draw_means(axes, band, color=colour, marker=marker, linestyle=line, capsize=3, label=label)


def _scale(axes: Axes, settled: pd.DataFrame) -> None:
    """Give all panels, which share axes, equal limits both ways: linear, or logarithmic if spread asks."""
    shown = settled[["measured_value", *SERIES]].to_numpy()
    low, high = min(0.0, float(shown.min())), float(shown.max())
    median, large = np.quantile(settled["measured_value"], [0.5, 0.95])
    if large > SPREAD * median > 0:
        linear_below = 10.0 ** np.floor(np.log10(median / 10))
        axes.set_xscale("symlog", linthresh=linear_below)
        axes.set_yscale("symlog", linthresh=linear_below)
        limits = (min(low, -linear_below / 2), 2 * high)
        decades = np.arange(np.log10(linear_below), np.log10(high) + 1e-9)
        # Three powers of ten are as many as a narrow panel has room for.
        ticks = [0.0, *10.0 ** decades[:: int(np.ceil(len(decades) / 3))]]
        axes.set(xticks=ticks, yticks=ticks)
    else:
        room = 0.05 * (high - low) or 1.0
        limits = (low - room, high + room)
        for axis in (axes.xaxis, axes.yaxis):
            # A power of ten set apart would collide with the panel's title and the label below.
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_major_locator(MaxNLocator(nbins=4))
    axes.set(xlim=limits, ylim=limits)


FIGURE = Plan(
    "values",
    "Measured, said, realised: three numbers",
    "Lines: means of equally many trades. What was bid lies on the 45° line where buyers say what they "
    "measured; what was realised lies below it where rivals' purchases of the same round, or new data, "
    "left less than the trial had promised.",
    values,
)
