"""The figure of an appraisal: loss by merge weight with every operator, and accuracy by class."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from agents.learning.networks.base import WHOLE
from experiments.appraisal.appraisal import BUYER, SELLER, Appraisal, told_of
from experiments.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    in_style,
    new_figure,
)

LOOKS: tuple[tuple[str, Any, str], ...] = (
    (BLUE, "-", "o"),
    (VERMILLION, (0, (5, 1.6)), "s"),
    (GREEN, (0, (7, 1.6, 1.2, 1.6)), "D"),
    (ORANGE, (0, (2, 1.5)), "^"),
    (PURPLE, (0, (3, 1.2, 1, 1.2, 1, 1.2)), "v"),
    (SKY, (0, (10, 3)), "P"),
    (GREY, (0, (1, 1.2)), "X"),
    (BLACK, (0, (4, 1)), "*"),
)
"""Colour, line and marker of each operator."""
NAMED = 12
"""Most classes whose names fit below an axis."""


def draw_appraisal(found: Appraisal) -> Figure:
    """Return the figure of an appraisal: one panel, and a second where examples have classes."""
    with in_style():
        figure = new_figure(4.4)
        panels = 1 if found.classes.empty else 2
        axes = figure.subplots(1, panels, squeeze=False)[0]
        _draw_curves(axes[0], found)
        if panels == 2:
            _draw_classes(axes[1], found)
        return figure


def _draw_curves(axes: Axes, found: Appraisal) -> None:
    """Draw loss by merge weight of the block that gains most, a line an operator that has weights."""
    block = found.merged.row["block"] if found.merged else found.operators["block"].iloc[0]
    curves = found.curves[found.curves["block"] == block]
    drawn = [own for _, own in curves.groupby(["operator", "alignment"]) if len(own) > 2]
    drawn.sort(key=lambda own: own["loss"].min())
    for (colour, line, marker), own in zip(_looks(len(drawn)), drawn, strict=True):
        label = told_of(own.iloc[0])
        best = int(own["loss"].to_numpy().argmin())
        axes.plot(
            own["weight"],
            own["loss"],
            color=colour,
            linestyle=line,
            linewidth=1.6,
            marker=marker,
            markersize=7,
            markevery=[best],
            label=label,
        )
    before = float(found.curves["loss"][found.curves["weight"] == 0].iloc[0])
    axes.axhline(before, color=BLACK, linewidth=1)
    # What an operator spoils by far would press all others together.
    ends = np.concatenate([own["loss"].to_numpy()[[0, -1]] for own in drawn] or [np.array([before])])
    least = float(curves["loss"].min())
    top = float(np.min([np.max(ends[np.isfinite(ends)]), before + 2 * (before - least) + 0.5]))
    margin = 0.05 * max(top - least, 0.01)
    axes.set_ylim(top=top + margin, bottom=least - margin)
    axes.set(xlabel="merge weight", ylabel="validation loss\n(nats an example)", xlim=(-0.02, 1.02))
    axes.set_title("what trials find" if block == WHOLE else f"what trials of {block} find")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize="small", handlelength=2.4)


def _draw_classes(axes: Axes, found: Appraisal) -> None:
    """Draw accuracy by class of the buyer, the seller and the best merged model."""
    best = [told_of(found.merged.row)] if found.merged else []
    table = found.classes.pivot_table(index="class", columns="model", values="accuracy", sort=False)
    names = list(dict.fromkeys(found.classes["class"]))
    table = table.reindex(names)
    places = np.arange(len(names))
    looks = {BUYER: (BLACK, "o", "none"), SELLER: (VERMILLION, "^", "none")}
    if best:
        low, high = table[BUYER].to_numpy(), table[best[0]].to_numpy()
        axes.vlines(places, np.fmin(low, high), np.fmax(low, high), color=GREY, linewidth=1)
        looks[best[0]] = (BLUE, "D", BLUE)
    for model, (colour, marker, fill) in looks.items():
        axes.plot(
            places,
            table[model],
            linestyle="",
            marker=marker,
            color=colour,
            markerfacecolor=fill,
            markersize=7,
            label=f"after: {model}" if model in best else model,
            clip_on=False,
        )
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    axes.set(xlabel="class", ylabel="test accuracy (%)", ylim=(-0.02, 1.02))
    if len(names) <= NAMED and max(map(len, names)) <= 3:
        axes.set_xticks(places, names)
    axes.set_title("before and after")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize="small", handlelength=1)


def _looks(count: int) -> list[tuple[str, Any, str]]:
    return [LOOKS[number % len(LOOKS)] for number in range(count)]
