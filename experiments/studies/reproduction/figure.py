"""The figure of an experiment: what was reached against what varied, or the learning curves."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from experiments.figures import save_figure
from experiments.figures.bands import by_arm, draw_band, draw_levels
from experiments.figures.style import GREY, in_style, legend_above, new_figure, whole_numbers
from experiments.studies.reproduction.arms import RIVALS, SILO
from experiments.studies.reproduction.composition import Experiment
from experiments.studies.reproduction.convergence import COSTS
from experiments.studies.reproduction.rate import BOUND, horizons
from experiments.studies.reproduction.summary import samples

LABELS = {"test_accuracy": "test accuracy (share)", "test_loss": "test loss (nats an example)"}
PROFIT = {"net": "net profit (credits)"}
"""Drawn where there are rivals, beside that of silo in the same regions."""

SHORT_COSTS = {"round": "rounds", "examples": "examples", "flops": "FLOPs"}

MOST_PANELS = 6


def draw_experiment(
    folder: Path, experiment: Experiment, records: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> Path:
    """Draw an experiment from its records alone, save it as PNG and SVG, and return the PNG.

    Bands and bars are 95% intervals over replicates, of means over organisations.
    """
    with in_style():
        if "rate" in tables:
            figure = _rates(experiment, records, tables["rate"])
        elif "convergence" in tables and len(experiment.keys) == 1:
            figure = _times(experiment, tables["convergence"])
        else:
            figure = _against(experiment, records) if experiment.keys else _learning(experiment, records)
        return save_figure(folder, experiment.preset, figure)[0]


def _learning(experiment: Experiment, records: pd.DataFrame) -> Figure:
    """Draw accuracy and loss by round, one line an arm."""
    chosen = records[records["chosen"]]
    means = chosen.groupby(["arm", "replicate", "round"], sort=False)[list(LABELS)].mean().reset_index()
    figure = new_figure(5.0)
    panels = figure.subplots(1, 2, sharex=True)
    for axes, (column, label) in zip(panels, LABELS.items(), strict=True):
        band = by_arm(means, "round", column)
        for arm in experiment.config.arm_names:
            draw_band(axes, arm, band[arm])
        axes.set(xlabel="round", ylabel=label)
        whole_numbers(axes)
    panels[1].set_yscale("log")
    legend_above(figure, panels[0], columns=4)
    return figure


def _against(experiment: Experiment, records: pd.DataFrame) -> Figure:
    """Draw what was reached against the first key that varies, a row of panels for each of the others."""
    key, *others = experiment.keys
    found = samples(records, experiment.keys)
    rows = list(found.groupby(others, sort=False)) if others else [((), found)]
    rows = rows[:MOST_PANELS]
    labels_of = LABELS | (PROFIT if RIVALS in experiment.config.markets else {})
    figure = new_figure(1.2 + 3.8 * len(rows))
    panels = figure.subplots(len(rows), len(labels_of), sharex=True, squeeze=False)
    for own, (labels, group) in zip(panels, rows, strict=True):
        for axes, (column, label) in zip(own, labels_of.items(), strict=True):
            draw_levels(axes, group, key, column, experiment.config.arm_names)
            axes.set_ylabel(label)
            axes.set_title(", ".join(f"{k}={v}" for k, v in zip(others, labels, strict=True)))
    for axes in panels[-1]:
        axes.set_xlabel(key)
    legend_above(figure, panels[0, 0], columns=4)
    return figure


def _rates(experiment: Experiment, records: pd.DataFrame, rates: pd.DataFrame) -> Figure:
    """Draw the mean squared gradient norm against the horizon, with a line of the slope -1/2."""
    figure = new_figure(5.0)
    axes = figure.subplots()
    found = horizons(records)
    slope = rates.set_index("arm")["slope"]
    for arm in experiment.config.arm_names:
        draw_band(axes, arm, by_arm(found, "horizon", "gradient")[arm])
        axes.lines[-1].set_label(f"{arm} (slope {slope[arm]:.2f})")
    ends = np.array([found["horizon"].min(), found["horizon"].max()])
    level = found["gradient"].max()
    axes.plot(ends, level * (ends / ends[0]) ** BOUND, color=GREY, linewidth=1.3, label="slope -1/2")
    axes.set(
        xlabel="horizon T (rounds)",
        ylabel="mean squared norm of the own gradient",
        xscale="log",
        yscale="log",
    )
    axes.set_xticks(sorted(found["horizon"].unique()), sorted(found["horizon"].unique()))
    axes.xaxis.set_minor_locator(NullLocator())
    legend_above(figure, axes, columns=3, last="slope -1/2")
    return figure


def _times(experiment: Experiment, table: pd.DataFrame) -> Figure:
    """Draw what reaching each target cost against what varies: a row a target, a panel a cost."""
    key = experiment.keys[0]
    targets = [target for target in dict.fromkeys(table["target"]) if target != SILO]
    figure = new_figure(1.0 + 2.9 * len(targets))
    panels = figure.subplots(len(targets), len(COSTS), sharex=True, squeeze=False)
    for own, target in zip(panels, targets, strict=True):
        for axes, (cost, label) in zip(own, SHORT_COSTS.items(), strict=True):
            group = table[(table["target"] == target) & (table["cost"] == cost)]
            for arm in experiment.config.arm_names:
                band = group[group["arm"] == arm].set_index(key)[["mean", "low", "high"]]
                band.index = pd.Index(pd.to_numeric(pd.Series(band.index)))
                draw_band(axes, arm, band)
            axes.set_ylabel(label)
            axes.margins(x=0.04, y=0.08)
            axes.set_ylim(bottom=0)
        own[0].set_title(f"to a loss of {target} nats")
    for axes in panels[-1]:
        axes.set_xlabel(key)
    legend_above(figure, panels[0, 0], columns=5)
    return figure
