"""Welfare and who gets it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.configuration.keys import Config
from experiments.figures.bands import error_bars, over_replicates, stack_bars
from experiments.figures.plan import Plan
from experiments.figures.style import BLACK, ORANGE, PURPLE, SKY, legend_above, new_figure
from experiments.findings.run_view import RunView

PARTS = {
    "consumer_surplus": ("consumers", SKY, ""),
    "profits": ("organisations, net of payments", ORANGE, "//"),
    "broker_surplus": ("broker", PURPLE, "xx"),
}

BASELINE = "autarky in the same regions"


def welfare(view: RunView) -> Figure | None:
    """Draw total welfare by arm as stacked bars: consumers, organisations, broker.

    Reads the findings' metrics by arm and replicate.

    Returns
    -------
    Figure
        Credits over the whole run, means over replicates; the error bar is the interval of total welfare.
        Negative parts hang below zero.
    """
    found = view.findings.replicates
    figure = new_figure(5.0)
    axes = figure.subplots()
    total = over_replicates(found, "arm", "welfare").loc[view.config.arms]
    means = found.groupby("arm")[list(PARTS)].mean().loc[view.config.arms]
    parts = []
    for part, (label, colour, hatch) in PARTS.items():
        label = label if means[part].abs().max() > 0 else f"{label} (0 in every arm)"
        parts.append((means[part].to_numpy(), label, colour, hatch))
    stack_bars(axes, range(len(means)), parts, 0.62)
    _mark_totals(axes, total)
    if "welfare_gain" in found and found["welfare_gain"].notna().any():
        _mark_baselines(axes, view.config, found)
    axes.axhline(0, color=BLACK, linewidth=1)
    axes.set_xticks(range(len(view.config.arms)), view.config.arms)
    axes.set_xlim(-0.6, len(view.config.arms) - 0.4)
    axes.set(xlabel="arm", ylabel="welfare over the whole run (credits)")
    axes.margins(y=0.12)
    legend_above(figure, axes, 2, last=BASELINE)
    return figure


def _mark_totals(axes: Axes, total: pd.DataFrame) -> None:
    places = np.arange(len(total))
    axes.errorbar(
        places,
        total["mean"],
        error_bars(total),
        fmt="o",
        color=BLACK,
        capsize=6,
        label="total" if total["low"].isna().all() else "total, with interval",
    )
    for place, (mean, high) in enumerate(zip(total["mean"], total["high"], strict=True)):
        top = mean if np.isnan(high) else high
        told = f"{mean:.1f}" if abs(mean) >= 10 else f"{mean:.3g}"
        axes.annotate(told, (place, top), (0, 6), textcoords="offset points", ha="center", weight="bold")


def _mark_baselines(axes: Axes, config: Config, found: pd.DataFrame) -> None:
    baseline = (found["welfare"] - found["welfare_gain"]).groupby(found["arm"]).mean()
    known = [(place, arm) for place, arm in enumerate(config.arms) if np.isfinite(baseline[arm])]
    axes.hlines(
        [baseline[arm] for _, arm in known],
        [place - 0.4 for place, _ in known],
        [place + 0.4 for place, _ in known],
        color=BLACK,
        linestyle=(0, (2, 1)),
        linewidth=2.2,
        label=BASELINE,
    )


FIGURE = Plan(
    "welfare",
    "Total welfare and who gets it",
    "Means over replicates; the bars add up to total welfare. Dashed, where there is autarky to compare "
    "with: what its models would bring in the regions of the arm, so that each market is compared with "
    "the same regions without one.",
    welfare,
)
