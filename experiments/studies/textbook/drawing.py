"""How findings are drawn: measured as marks with intervals, theory as thin dashed lines of the same colour.

Core Objects: draw_series, theory_key, mark_bound, size_axis, of
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator

from experiments.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION

SERIES_STYLES = (
    (BLUE, "o"),
    (VERMILLION, "s"),
    (GREEN, "^"),
    (PURPLE, "D"),
    (ORANGE, "v"),
    (SKY, "P"),
    (BLACK, "X"),
)
"""Colour and marker of each series in turn."""


def draw_series(
    axes: Axes, rows: pd.DataFrame, style: int, label: str, theory: bool = True, shift: float = 1.0
) -> None:
    """Draw findings against their size: marks with 95% intervals and, where there is theory, a dashed line.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    rows : DataFrame
        Findings of one case and quantity.
    style : int
        Which of `SERIES_STYLES`, counted round.
    label : str
        In the legend.
    theory : bool
        Whether to draw what theory says; otherwise the marks are joined by dots.
    shift : float
        Factor on the marks' sizes, so that marks that coincide stay visible.
    """
    colour, marker = SERIES_STYLES[style % len(SERIES_STYLES)]
    rows = rows.sort_values("size")
    size, measured = rows["size"].to_numpy(), rows["measured"].to_numpy()
    lengths = np.nan_to_num([measured - rows["low"], rows["high"] - measured]).clip(min=0)
    if theory and rows["theory"].notna().any():
        axes.plot(size, rows["theory"], color=colour, linestyle=(0, (4, 2)), linewidth=1.3, zorder=1.5)
    line = "none" if theory else (0, (1, 1))
    axes.errorbar(
        shift * size,
        measured,
        lengths,
        color=colour,
        marker=marker,
        linestyle=line,
        linewidth=1.2,
        elinewidth=2.0,
        capsize=4,
        label=label,
        zorder=3,
    )


def theory_key(axes: Axes, label: str = "theory (dashed, same colour)") -> str:
    """Enter the dashed lines of theory into the legend; return the label."""
    axes.plot([], [], color=GREY, linestyle=(0, (4, 2)), linewidth=1.3, label=label)
    return label


def mark_bound(axes: Axes, level: float, text: str) -> None:
    """Draw a level that theory names, with its name on it."""
    axes.axhline(level, color=GREY, linewidth=1.2, linestyle=(0, (1, 1.5)), zorder=1)
    axes.annotate(
        text,
        (0.99, level),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=10,
        color=GREY,
    )


def size_axis(axes: Axes, sizes: Sequence[float], label: str) -> None:
    """Scale the horizontal axis by logarithms and tick it at the sizes that were played."""
    axes.set_xscale("log")
    axes.set_xticks(list(sizes), [f"{size:g}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(min(sizes) / 1.25, max(sizes) * 1.25)
    axes.set_xlabel(label)


def of(results: pd.DataFrame, quantity: str, case: str | None = None) -> pd.DataFrame:
    """Return the findings about a quantity, of one case or of all."""
    rows = results[results["quantity"] == quantity]
    return rows if case is None else rows[rows["case"] == case]
