"""Figures: each a function of a run's records alone, one file a figure.

A figure is one file with a `FIGURE`, and its entry in `FIGURES` below.

Core Objects: FIGURES, Drawn, draw_figures, save_figure
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

from experiments.config import Config
from experiments.figures import (
    gains,
    learning_curves,
    lorenz,
    market,
    merge_weights,
    order_book_depth,
    price_paths,
    supply_and_demand,
    trade_network,
    values,
    welfare,
    withheld,
)
from experiments.figures.bands import Tables
from experiments.figures.plan import Plan
from experiments.figures.style import STYLE
from experiments.summary import Findings
from sim.records import write_atomically

FIGURES: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        learning_curves.FIGURE,
        merge_weights.FIGURE,
        welfare.FIGURE,
        gains.FIGURE,
        lorenz.FIGURE,
        market.FIGURE,
        supply_and_demand.FIGURE,
        price_paths.FIGURE,
        order_book_depth.FIGURE,
        trade_network.FIGURE,
        values.FIGURE,
        withheld.FIGURE,
    )
}
"""Every figure by name, in the order in which a report tells them."""

DPI = 150

__all__ = ["FIGURES", "Drawn", "Plan", "draw_figures", "save_figure"]


@dataclass(frozen=True)
class Drawn:
    """A figure on disk: its name, title and caption, and its two files."""

    name: str
    title: str
    caption: str
    png: Path
    svg: Path


def draw_figures(
    folder: Path,
    config: Config,
    tables: Tables,
    findings: Findings,
    names: Iterable[str] | None = None,
) -> list[Drawn]:
    """Draw every figure that applies to a run and save it as PNG (150 dots an inch) and SVG.

    The same records give the same bytes.

    Parameters
    ----------
    folder : Path
        Where to save; made if it is not there.
    config, tables, findings
        The run's configuration, its records by name, and their summary.
    names : iterable of str or None
        Which figures; all if None.

    Returns
    -------
    list of Drawn
        In the order of the names, or of `FIGURES`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with matplotlib.style.context(STYLE, after_reset=True):
        for plan in (FIGURES[name] for name in (FIGURES if names is None else names)):
            figure = plan.draw(config, tables, findings)
            if figure is not None:
                drawn.append(_save(folder, plan, figure, config.replicates))
    return drawn


def _save(folder: Path, plan: Plan, figure: Figure, replicates: int) -> Drawn:
    png, svg = save_figure(folder, plan.name, figure)
    return Drawn(plan.name, plan.title, f"{plan.caption} {_intervals(replicates)}", png, svg)


def save_figure(folder: Path, name: str, figure: Figure) -> tuple[Path, Path]:
    """Save a figure as PNG (150 dots an inch) and SVG and return their places."""
    png, svg = folder / f"{name}.png", folder / f"{name}.svg"
    # Without the date, and with a version of matplotlib left out, bytes depend on the records alone.
    write_atomically(png, partial(_write, figure, format="png", metadata={"Software": None}))
    write_atomically(svg, partial(_write, figure, format="svg", metadata={"Date": None, "Creator": None}))
    return png, svg


def _write(figure: Figure, path: Path, **options: Any) -> None:
    figure.savefig(path, dpi=DPI, **options)


def _intervals(replicates: int) -> str:
    if replicates == 1:
        return "One replicate: nothing is known of the spread, so there is no interval."
    return f"Bands and bars, where nothing else is said: 95% intervals over {replicates} replicates."
