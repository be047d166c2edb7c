"""Heat maps of the cross table: mechanisms down, strategies across; a figure a measure, a panel a setting."""

import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from experiments.figures.style import GREY, in_style
from experiments.studies.cross.cells import MEASURES
from markets.columns import Floats
from sim.records.tables import write_atomically

DPI = 110
SIGNED = ("budget", "advantage", "damage")
"""Measures whose zero is the middle of the colour scale."""

CAP = 0.98
"""Share of the cells that the colour scale spans: the wildest would leave no colours to the others."""

FEW = 7
"""Up to so many strategies a cell has room for its number."""


def draw_heat_maps(folder: Path, table: pd.DataFrame) -> list[Path]:
    """Draw a figure for each measure from the table alone, save it as PNG and SVG, and return the PNGs.

    A cell shows its mean. A dot marks where the 95% interval holds 0 (measures with a sign), a cross where
    there is no cell.
    """
    drawn = []
    with in_style():
        for measure in MEASURES:
            figure = _figure(measure, table[table["measure"] == measure])
            for kind in ("png", "svg"):
                path = folder / f"cross-{measure}.{kind}"
                metadata = {"Date": None} if kind == "svg" else None
                write_atomically(path, partial(figure.savefig, format=kind, dpi=DPI, metadata=metadata))
            drawn.append(folder / f"cross-{measure}.png")
    return drawn


def _figure(measure: str, cells: pd.DataFrame) -> Figure:
    mechanisms, strategies = (sorted(cells[name].unique()) for name in ("mechanism", "strategy"))
    settings = list(cells["setting"].unique())
    wide = 0.62 if len(strategies) <= FEW else 0.36
    width = 2.8 + len(settings) * (0.6 + wide * len(strategies))
    figure = Figure(figsize=(max(width, 9.0), 2.4 + 0.32 * len(mechanisms)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(settings), sharey=True))
    norm = _scale(measure, cells["mean"].to_numpy())
    for axes, setting in zip(panels, settings, strict=True):
        image = _panel(axes, cells[cells["setting"] == setting], measure, norm, mechanisms, strategies)
        axes.set_title(setting)
    figure.colorbar(
        image,
        ax=panels,
        pad=0.01,
        extend="both" if measure in SIGNED else "max",
        label=textwrap.fill(MEASURES[measure].split(", ")[-1], int(5 * figure.get_figheight())),
    )
    title = textwrap.fill(MEASURES[measure], int(6.5 * figure.get_figwidth()))
    figure.suptitle(title[0].upper() + title[1:], fontweight="bold")
    figure.supxlabel("strategy of the followers")
    return figure


def _scale(measure: str, mean: Floats) -> Normalize:
    if measure in SIGNED:
        largest = max(float(np.quantile(np.abs(mean), CAP)), 1e-12)
        return TwoSlopeNorm(0.0, -largest, largest)
    low, high = float(mean.min()), float(np.quantile(mean, CAP))
    return Normalize(low, max(high, low + 1e-12))


def _panel(
    axes: Axes,
    cells: pd.DataFrame,
    measure: str,
    norm: Normalize,
    mechanisms: list[str],
    strategies: list[str],
) -> AxesImage:
    def laid_out(column: str) -> Floats:
        wide = cells.pivot_table(index="mechanism", columns="strategy", values=column, dropna=False)
        return wide.reindex(index=mechanisms, columns=strategies).to_numpy(dtype=np.float64)

    mean, low, high = laid_out("mean"), laid_out("low"), laid_out("high")
    image = axes.imshow(mean, cmap="PuOr" if measure in SIGNED else "cividis", norm=norm, aspect="auto")
    axes.grid(visible=False)
    axes.set_xticks(
        range(len(strategies)), [s.replace("_", " ") for s in strategies], rotation=60, ha="right"
    )
    axes.set_yticks(range(len(mechanisms)), [m.replace("_", " ") for m in mechanisms])
    if len(strategies) <= FEW:
        for (row, column), value in np.ndenumerate(mean):
            if np.isfinite(value):
                red, green, blue, _ = image.to_rgba(np.array(value))
                ink = "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.5 else "black"
                axes.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=9, color=ink)
    elif measure in SIGNED:
        row, column = np.nonzero((low <= 0) & (high >= 0))
        axes.plot(column, row, ".", color="black", markersize=3)
    row, column = np.nonzero(np.isnan(mean))
    axes.plot(column, row, "x", color=GREY, markersize=5)
    return image
