"""The figure of prices under information."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILLION,
    ArmStyle,
    new_figure,
)
from experiments.studies.pricing.information import (
    LIPSCHITZ,
    NORMS,
    PAST,
    PAST_SLOPES,
    PRIOR,
    PROBES,
    SLOPES,
    STEEPEST,
)
from experiments.studies.pricing.markets import SETTINGS_PLAYED
from experiments.studies.pricing.prices import OFFER, READINGS

SOURCES = {
    NORMS: ArmStyle(GREY, (0, (1, 1.2)), "X"),
    SLOPES: ArmStyle(ORANGE, (0, (5, 1.6)), "s"),
    PAST_SLOPES: ArmStyle(GREEN, (0, (7, 1.6, 1.2, 1.6)), "D"),
    STEEPEST: ArmStyle(BLUE, "-", "o"),
}
LEVELS = {PRIOR: ArmStyle(BLACK, "-", ""), PAST: ArmStyle(PURPLE, (0, (3, 1.2, 1, 1.2, 1, 1.2)), "")}
SIDES = {
    ("seller", OFFER): ("seller, by its offer", ArmStyle(VERMILLION, (0, (2, 1.5)), "v")),
    ("seller", READINGS): ("seller, by readings", ArmStyle(VERMILLION, "-", "^")),
    ("buyer", READINGS): ("buyer, by readings", ArmStyle(BLUE, "-", "o")),
    ("buyer", OFFER): ("buyer, by the seller's offer", ArmStyle(BLUE, (0, (2, 1.5)), "P")),
}


def draw_prices(table: pd.DataFrame) -> Figure:
    """Draw how prices and parts go to those of full information as more is told.

    Parameters
    ----------
    table : DataFrame
        What `price_table` returns, for one number of organisations.

    Returns
    -------
    Figure
        A column for each setting. Above, the distance of prices from those of full information, for each
        source of K, against the number of probes; below, each side's part with probes and the steepest slope.
        Bands: 95% intervals.
    """
    figure = new_figure(8.6)
    above, below = figure.subplots(2, len(SETTINGS_PLAYED), sharex=True, sharey="row")
    for axes, parts, setting in zip(above, below, SETTINGS_PLAYED, strict=True):
        own = table[table["setting"] == setting]
        _distances(axes, own)
        _parts(parts, own)
        axes.set_title(setting)
        parts.set_xlabel("merge weights whose loss is told")
    above[0].set_ylabel("distance from the price of\nfull information, relative")
    below[0].set_ylabel(f"part of what there is to\ngain ({STEEPEST})")
    figure.legend(*above[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    figure.legend(*below[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _distances(axes: Axes, own: pd.DataFrame) -> None:
    rows = own[(own["measure"] == "distance") & (own["rule"] == READINGS)]
    for source in LIPSCHITZ:
        _line(axes, rows[rows["told"] == source], SOURCES[source], source)
    for source, style in LEVELS.items():
        level = float(rows.loc[rows["told"] == source, "mean"].iloc[0])
        axes.axhline(level, color=style.colour, linestyle=style.line, linewidth=1.4, label=f"{source} alone")
    axes.set_yscale("log")
    axes.set_xticks(np.arange(len(PROBES)), [str(probes) for probes in PROBES])


def _parts(axes: Axes, own: pd.DataFrame) -> None:
    rows = own[own["told"] == STEEPEST]
    for (measure, rule), (label, style) in SIDES.items():
        _line(axes, rows[(rows["measure"] == measure) & (rows["rule"] == rule)], style, label)
    axes.set_ylim(-0.03, 1.03)


def _line(axes: Axes, rows: pd.DataFrame, style: ArmStyle, label: str) -> None:
    """Draw means against the place of the number of probes, and their intervals as a band."""
    place = np.searchsorted(PROBES, rows["probes"])
    axes.plot(place, rows["mean"], color=style.colour, linestyle=style.line, marker=style.marker, label=label)
    axes.fill_between(place, rows["low"], rows["high"], color=style.colour, alpha=0.18, linewidth=0)
