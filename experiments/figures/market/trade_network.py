"""Who buys from whom."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from experiments.configuration.keys import Config
from experiments.figures.plan import Plan
from experiments.figures.style import VERMILLION, mark_arm, new_figure, whole_numbers
from experiments.findings.run_view import RunView
from markets.columns import Floats, Ints

ABREAST = 3
"""Most panels in a row."""


def trade_network(view: RunView) -> Figure | None:
    """Draw the number of trades between every buyer and seller, one panel a trading arm.

    Reads `trades`, and the regions in `organisations`.

    Returns
    -------
    Figure or None
        Mean number of settled trades a replicate over the whole run, on one scale; pairs of rivals are
        outlined. None without trading arms.
    """
    arms = view.trading_arms
    if not arms:
        return None
    counts = {arm: trade_counts(view.tables["trades"], arm, view.config) for arm in arms}
    # Without any trade the scale must still have a length.
    most = max(float(np.nanmax(c)) for c in counts.values()) or 1.0
    rows = -(-len(arms) // ABREAST)
    figure = new_figure(0.7 + (2.6 if len(arms) > 1 else 4.4) * rows)
    grid = figure.subplots(rows, min(ABREAST, len(arms)), squeeze=False, sharex=True, sharey=True)
    for spare in grid.flat[len(arms) :]:
        spare.remove()
    rivals = False
    for axes, arm in zip(grid.flat, arms, strict=False):
        image = axes.imshow(counts[arm], cmap="Blues", vmin=0, vmax=most, interpolation="none")
        rivals |= _outline_rivals(axes, np.array(view.regions(arm)))
        mark_arm(axes, arm)
        axes.set(xlabel="seller", facecolor="#EEEEEE")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        whole_numbers(axes, "x")
        whole_numbers(axes, "y")
    for axes in grid[:, 0]:
        axes.set_ylabel("buyer")
    figure.colorbar(
        image, ax=grid, label="trades a replicate", shrink=0.8, ticks=MaxNLocator(6, steps=[1, 2, 5, 10])
    )
    if rivals:
        handle = Line2D([], [], color=VERMILLION, linewidth=2.2)
        figure.legend([handle], ["pairs of rivals: one region"], loc="outside upper center")
    return figure


def trade_counts(trades: pd.DataFrame, arm: str, config: Config) -> Floats:
    """Return the mean number of settled trades a replicate, [buyer, seller]; NaN on the diagonal."""
    chosen = trades[(trades["arm"] == arm) & trades["settled"].astype(bool)]
    counts = np.zeros((config.organisations, config.organisations))
    np.add.at(counts, (chosen["buyer"].to_numpy(dtype=int), chosen["seller"].to_numpy(dtype=int)), 1.0)
    np.fill_diagonal(counts, np.nan)
    return counts / config.replicates


def _outline_rivals(axes: Axes, region: Ints) -> bool:
    """Draw the border of all pairs in one region; return whether there are any rivals."""
    shared = region[:, None] == region[None, :]
    shared &= (shared.sum(axis=1) > 1)[:, None]
    padded = np.pad(shared, 1)
    across = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])
    along = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])
    segments = [[(c - 0.5, r - 0.5), (c + 0.5, r - 0.5)] for r, c in across]
    segments += [[(c - 0.5, r - 0.5), (c - 0.5, r + 0.5)] for r, c in along]
    axes.add_collection(
        LineCollection(segments, colors=VERMILLION, linewidths=2.2, capstyle="projecting", clip_on=False)
    )
    return bool(shared.any())


FIGURE = Plan(
    "trade_network",
    "Who buys from whom",
    "Trades over the whole run, mean over replicates. Organisations of one region compete for the same "
    "consumers.",
    trade_network,
    intervals=False,
)
