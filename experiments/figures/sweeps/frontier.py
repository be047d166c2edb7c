"""Welfare against inequality."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from experiments.figures.style import BLACK, GREY, arm_style, legend_above, new_figure
from experiments.figures.sweeps.plan import SweepPlan, SweepView
from experiments.findings.comparison import by_choice, choice_levels
from experiments.findings.summary import METRICS
from markets.columns import Bools, Floats

NAMED = 10
"""Up to so many points all are named; of more, those on the frontier."""

SHORT = 38
"""Up to so many characters, names stand two abreast below the axes."""

AROUND = 11.0 * np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
"""Where a number can stand beside its point and off its bars, in points of type."""


def frontier(view: SweepView) -> Figure | None:
    """Draw every choice and arm by its inequality and welfare, and the frontier of those that none betters.

    Parameters
    ----------
    view : SweepView
        The sweep; the outcome is not used.

    Returns
    -------
    Figure or None
        Means over seeds and replicates with both intervals; None with fewer than two different points.
    """
    points = frontier_points(view)
    if len(points) < 2:
        return None
    front = efficient(points["welfare"].to_numpy(), points["gini"].to_numpy())
    named = points[front | (len(points) <= NAMED)].sort_values("gini")
    abreast = 2 if named["name"].str.len().max() <= SHORT else 1
    figure = new_figure(5.6 + 0.27 * math.ceil(len(named) / abreast))
    axes = figure.subplots()
    _draw_points(axes, points, front)
    best = points[front].sort_values("gini")
    axes.step(best["gini"], best["welfare"], where="post", color=BLACK, linewidth=1.2, label="frontier")
    axes.set(xlabel=METRICS["gini"], ylabel=METRICS["welfare"])
    axes.margins(0.08)
    legend_above(figure, axes, columns=3, last="frontier")
    names = [f"{number}  {name}" for number, name in enumerate(named["name"], start=1)]
    blanks = [Line2D([], [], linestyle="") for _ in names]
    figure.legend(blanks, names, loc="outside lower left", ncols=abreast, handlelength=0, handletextpad=0)
    # Where numbers find room is known once the axes have their place.
    figure.draw_without_rendering()
    _number(axes, named)
    return figure


def frontier_points(view: SweepView) -> pd.DataFrame:
    """Return the points: `name`, `arm`, and `welfare` and `gini` with the ends of their intervals.

    An arm in which the choices are all alike, as autarky under any mechanism, is one point. Where profits are
    not all positive there is no Gini index, and no point.
    """
    keys = view.sweep.keys
    levels = choice_levels(keys, view.sweep.replicates[[*keys, "arm", "welfare", "gini"]])
    rows = []
    for name, arm, metrics in by_choice(keys, levels):
        if not {"welfare", "gini"} <= metrics.keys():
            continue
        row: dict[str, object] = {"name": f"{name}, {arm}".lstrip(", "), "arm": arm}
        for metric in ("welfare", "gini"):
            found = metrics[metric]
            row |= {metric: found["mean"], f"{metric}_low": found["low"], f"{metric}_high": found["high"]}
        rows.append(row)
    return pd.DataFrame(rows)


def efficient(welfare: Floats, gini: Floats) -> Bools:
    """Return which points no other betters: at least as much welfare and as little inequality, one strictly.

    Cost grows as the square of the number of points.
    """
    more, less = welfare[None, :] - welfare[:, None], gini[:, None] - gini[None, :]
    bettered = (more >= 0) & (less >= 0) & ((more > 0) | (less > 0))
    return np.logical_not(bettered.any(axis=1))


def _draw_points(axes: Axes, points: pd.DataFrame, front: Bools) -> None:
    for arm, own in points.assign(front=front).groupby("arm", sort=False):
        style = arm_style(str(arm))
        bars = [
            np.nan_to_num([own[m] - own[f"{m}_low"], own[f"{m}_high"] - own[m]]) for m in ("gini", "welfare")
        ]
        axes.errorbar(own["gini"], own["welfare"], bars[1], bars[0], fmt="none", ecolor=GREY, elinewidth=1)
        for chosen, face in ((own["front"], style.colour), (~own["front"], "white")):
            axes.plot(
                own.loc[chosen, "gini"],
                own.loc[chosen, "welfare"],
                linestyle="",
                marker=style.marker,
                markersize=9,
                color=style.colour,
                markerfacecolor=face,
            )
        axes.plot([], [], linestyle="", marker=style.marker, markersize=9, color=style.colour, label=str(arm))


def _number(axes: Axes, named: pd.DataFrame) -> None:
    """Write 1, 2, ... beside the points, each where other points and numbers are furthest."""
    dots = axes.figure.dpi / 72
    places = axes.transData.transform(named[["gini", "welfare"]].to_numpy())
    taken = list(places)
    for number, (place, point) in enumerate(zip(places, named.itertuples(), strict=True), start=1):
        rooms = [min(math.dist(place + dots * beside, other) for other in taken) for beside in AROUND]
        beside = AROUND[int(np.argmax(rooms))]
        taken.append(place + dots * beside)
        axes.annotate(
            str(number),
            (point.gini, point.welfare),
            tuple(beside),
            textcoords="offset points",
            ha="center",
            va="center",
            weight="bold",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )


FIGURE = SweepPlan(
    "frontier",
    "Welfare against inequality",
    "Up and to the left is better. Filled: on the frontier. Means over seeds and replicates; "
    "an arm in which the choices are all alike, as autarky under any mechanism, is one point.",
    False,
    frontier,
    intervals=True,
)
