"""Who gains."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.configuration.keys import Config
from experiments.figures.bands import draw_means, over_replicates
from experiments.figures.plan import Plan
from experiments.figures.style import BLACK, GREY, arm_style, mark_arm, new_figure
from experiments.findings.run_view import RunView

LABELLED = 24
"""Most organisations that are labelled one by one."""


def gains(view: RunView) -> Figure | None:
    """Draw each organisation's gain in net profit over autarky, one panel an arm.

    Reads the regions in `organisations` and the findings' gains by arm, replicate and organisation.

    Returns
    -------
    Figure or None
        Credits over the whole run; None without trading arms or without autarky to compare with. Each panel
        has a scale of its own.
    """
    arms = view.trading_arms
    found = view.findings.gains.dropna(subset=["gain"])
    if not arms or found.empty:
        return None
    figure = new_figure(max(4.4, 1.6 + 1.9 * len(arms)))
    panels = figure.subplots(len(arms), 1, sharex=True, squeeze=False)[:, 0]
    for axes, arm in zip(panels, arms, strict=True):
        band = over_replicates(found[found["arm"] == arm], "organisation", "gain")
        _draw_arm(axes, arm, band)
        _draw_regions(axes, view.regions(arm))
        mark_arm(axes, arm)
    _label_organisations(panels[-1], view.config)
    figure.supylabel("gain in net profit over autarky (credits)")
    _explain(figure, view.config.replicates)
    return figure


def _draw_arm(axes: Axes, arm: str, band: pd.DataFrame) -> None:
    style = arm_style(arm)
    told = ((band["low"] > 0) | (band["high"] < 0) | band["low"].isna()).to_numpy()
    organisation = band.index.to_numpy()
    draw_means(axes, band, fmt="none", ecolor=style.colour, capsize=4, zorder=2)
    for chosen, face in ((told, style.colour), (~told, "white")):
        axes.plot(
            organisation[chosen],
            band["mean"].to_numpy()[chosen],
            linestyle="",
            marker=style.marker,
            markersize=8,
            color=style.colour,
            markerfacecolor=face,
        )
    axes.axhline(0, color=BLACK, linewidth=1.2, zorder=1)
    axes.margins(y=0.15)


def _draw_regions(axes: Axes, region: list[int]) -> None:
    changes = np.flatnonzero(np.diff(region)) + 0.5
    for boundary in changes:
        axes.axvline(boundary, color=GREY, linewidth=1, linestyle=(0, (1, 1.5)))
    axes.set_xlim(-0.6, len(region) - 0.4)


def _label_organisations(axes: Axes, config: Config) -> None:
    number, sizes = config.organisations, config.data.sizes
    step = int(np.ceil(number / LABELLED))
    shown = np.arange(0, number, step)
    if len(set(sizes)) > 1:
        axes.set_xticks(shown, [f"{i}\n×{sizes[i % len(sizes)]:g}" for i in shown])
        axes.set_xlabel("organisation, × relative size of its endowment")
    else:
        axes.set_xticks(shown)
        axes.set_xlabel("organisation")


def _explain(figure: Figure, replicates: int) -> None:
    """Say what the marks mean, in a legend without any arm's colour."""
    draw = figure.axes[0]
    handles = [*draw.plot([], [], "o", color=GREY, markersize=8), *draw.plot([], [], ":", color=GREY)]
    labels = ["mean", "border of a region"]
    if replicates > 1:
        labels[0] = "mean and interval"
        handles[1:1] = draw.plot([], [], "o", color=GREY, markerfacecolor="white", markersize=8)
        labels[1:1] = ["interval includes 0"]
    figure.legend(handles, labels, loc="outside upper center", ncols=3)


FIGURE = Plan(
    "gains",
    "Who gains",
    "Net profit over the whole run, less what the same organisation's model without a market would have "
    "earned in the same regions. Neighbours without a border between them are rivals. Each panel has a "
    "scale of its own.",
    gains,
)
