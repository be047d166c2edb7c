"""What a run costs, by the number of organisations."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from experiments.figures.bands import draw_means, over_replicates
from experiments.figures.style import BLUE, GREY, ORANGE, new_figure
from experiments.figures.sweeps.plan import SweepPlan, SweepView
from experiments.findings.statistics import slope_interval

SIZE = "organisations"
TRAINING, TRIALS, REST = "training", "trials", "all else"
LOOKS = {TRAINING: (BLUE, "s", "-"), TRIALS: (ORANGE, "D", "--"), REST: (GREY, "o", ":")}


def cost(view: SweepView) -> Figure | None:
    """Draw floating-point operations and seconds against the number of organisations, both logarithmic.

    Parameters
    ----------
    view : SweepView
        The sweep and its seconds; the outcome is not used.

    Returns
    -------
    Figure or None
        Means with intervals over cells and replicates. The slopes in the legends are the powers with which
        costs grow, fitted by least squares to the logarithms of all of them, with intervals. None unless the
        number of organisations was swept.
    """
    if SIZE not in view.sweep.keys:
        return None
    figure = new_figure(5.0)
    panels = figure.subplots(1, 2)
    labels = ("floating-point operations\n(a replicate, all arms)", "wall time of a run (seconds)")
    for axes, table, label in zip(panels, (operations(view), wall_time(view)), labels, strict=True):
        _draw(axes, table)
        axes.set(xlabel=SIZE, ylabel=label, xscale="log", yscale="log")
        sizes = sorted(table[SIZE].unique())
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1, title="slope")
    return figure


def operations(view: SweepView) -> pd.DataFrame:
    """Return what training and trials took by cell and replicate: `organisations`, `series` and `cost`."""
    named = view.sweep.replicates.rename(columns={"training_flops": TRAINING, "trial_flops": TRIALS})
    summed = named.groupby(["cell", SIZE, "replicate"])[[TRAINING, TRIALS]].sum().reset_index()
    return summed.melt([SIZE], [TRAINING, TRIALS], "series", "cost")


def wall_time(view: SweepView) -> pd.DataFrame:
    """Return seconds of training, trials and all else, one row a cell; columns as `operations`."""
    sizes = view.sweep.cells.drop_duplicates("cell").set_index("cell")[SIZE]
    series = view.seconds["phase"].map({"train": TRAINING, "try": TRIALS}).fillna(REST)
    summed = view.seconds.groupby(["cell", series.rename("series")])["seconds"].sum()
    rows = summed.rename("cost").reset_index()
    return rows.assign(**{SIZE: rows["cell"].map(sizes)})[[SIZE, "series", "cost"]]


def _draw(axes: Axes, table: pd.DataFrame) -> None:
    for name, (colour, marker, line) in LOOKS.items():
        own = table[(table["series"] == name) & (table["cost"] > 0)]
        if own.empty:
            continue
        band = over_replicates(own, SIZE, "cost")
        label = name
        if len(band) > 1:
            slope = slope_interval(np.log(own[SIZE]), np.log(own["cost"]))
            half = f" ± {slope.high - slope.mean:.2f}" if np.isfinite(slope.high) else ""
            label = f"{name}: {slope.mean:.2f}{half}"
        draw_means(axes, band, color=colour, marker=marker, linestyle=line, capsize=4, label=label)


FIGURE = SweepPlan(
    "cost",
    "Cost by number of organisations",
    "Both axes are logarithmic; a slope of 1 is a cost in proportion to the number, 2 to its square. Fitted "
    "to all runs, with 95% intervals. Operations are counted, seconds measured where the sweep ran.",
    False,
    cost,
)
