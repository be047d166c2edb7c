"""Figures: each a function of a run's records alone, one file a figure.

A figure is one file with a `FIGURE`, and its entry in `FIGURES` below.
"""

import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.figures.learning import learning_curves, merge_weights
from experiments.figures.market import (
    order_book_depth,
    price_paths,
    prices_and_volume,
    supply_and_demand,
    trade_network,
    values,
)
from experiments.figures.plan import Plan, enter
from experiments.figures.style import in_style
from experiments.figures.welfare import gains, lorenz, welfare, withheld
from experiments.findings.run_view import RunView
from experiments.reports.drawn import Drawn
from sim.records.tables import write_atomically

FIGURES: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        learning_curves.FIGURE,
        merge_weights.FIGURE,
        welfare.FIGURE,
        gains.FIGURE,
        lorenz.FIGURE,
        prices_and_volume.FIGURE,
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


def register(plan: Plan) -> Plan:
    """Let a figure of one's own be drawn like all others, last; return it.

    Raises
    ------
    RegistrationError
        If another figure has its name.
    """
    return enter(FIGURES, plan)


def draw_figures(folder: Path, view: RunView, names: Iterable[str] | None = None) -> list[Drawn]:
    """Draw every figure that applies to a run and save it as PNG (150 dots an inch), SVG and, if asked, PDF.

    The same records give the same bytes.

    Parameters
    ----------
    folder : Path
        Where to save; made if it is not there.
    view : RunView
        The run.
    names : iterable of str or None
        Which figures; all if None.

    Returns
    -------
    list of Drawn
        In the order of the names, or of `FIGURES`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    look = view.config.run.figure
    with in_style(look):
        for plan in (FIGURES[name] for name in (FIGURES if names is None else names)):
            figure = plan.draw(view)
            if figure is not None:
                caption = " ".join([plan.caption, *([told_of(view.config.replicates)] * plan.intervals)])
                places = save_figure(folder, plan.name, figure, look.pdf)
                drawn.append(Drawn(plan.name, plan.title, caption, *places))
    return drawn


def save_figure(folder: Path, name: str, figure: Figure, pdf: bool = False) -> list[Path]:
    """Save a figure as PNG (150 dots an inch), SVG and, if asked, PDF, and return their places."""
    # Without the date, and with a version of matplotlib left out, bytes depend on the records alone.
    kinds: dict[str, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    if pdf:
        # Embedding a font tells every step of it as information.
        logging.getLogger("fontTools").setLevel(logging.WARNING)
        kinds["pdf"] = {"CreationDate": None, "Creator": None, "Producer": None}
    places = [folder / f"{name}.{kind}" for kind in kinds]
    for place, (kind, metadata) in zip(places, kinds.items(), strict=True):
        write_atomically(place, partial(_write, figure, format=kind, metadata=metadata))
        figure.set_layout_engine("none")  # as it was found for the first file, for all
    return places


def _write(figure: Figure, path: Path, **options: Any) -> None:
    figure.savefig(path, dpi=DPI, **options)


def told_of(replicates: int) -> str:
    """Return what a caption says of the intervals of a figure that shows them where it can."""
    if replicates == 1:
        return "One replicate: nothing is known of the spread, so there is no interval."
    return f"Bands and bars, where nothing else is said: 95% intervals over {replicates} replicates."
