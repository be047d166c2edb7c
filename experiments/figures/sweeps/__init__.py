"""The figures of a sweep, each a function of its tables alone, one file a figure."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from experiments.command_line.explaining.keys import meaning_of
from experiments.configuration.keys import FigureConfig
from experiments.configuration.plain_data import read_manifest
from experiments.figures import save_figure, told_of
from experiments.figures.plan import enter
from experiments.figures.style import USUAL, in_style
from experiments.figures.sweeps import cost, frontier, interaction, sensitivity
from experiments.figures.sweeps.plan import SweepPlan, SweepView
from experiments.findings.summary import METRICS
from experiments.reports.drawn import Drawn
from experiments.sweeping.sweeps import Sweep
from sim.records.run_folder import RunFolder

SWEEP_FIGURES: dict[str, SweepPlan] = {
    plan.name: plan for plan in (sensitivity.FIGURE, interaction.FIGURE, frontier.FIGURE, cost.FIGURE)
}
"""Every figure of a sweep by name, in the order in which a report tells them."""


def register(plan: SweepPlan) -> SweepPlan:
    """Let a figure of one's own be drawn like all others, last; as `experiments.figures.register`."""
    return enter(SWEEP_FIGURES, plan)


def draw_sweep_figures(
    folder: Path,
    sweep: Sweep,
    seconds: pd.DataFrame,
    outcomes: Sequence[str],
    names: Iterable[str] | None = None,
    keys: Sequence[str] = (),
    look: FigureConfig = USUAL,
) -> list[Drawn]:
    """Draw the figures that apply to a sweep and save them as PNG (150 dots an inch), SVG and, if asked, PDF.

    Parameters
    ----------
    folder : Path
        Where to save; made if it is not there.
    sweep : Sweep
        The tables.
    seconds : DataFrame
        Of `read_seconds`.
    outcomes : sequence of str
        Metrics; figures that show an outcome are drawn for each.
    names : iterable of str
        Which figures; all if None.
    keys : sequence of str
        Swept keys that are looked at; by default all.
    look : FigureConfig
        How the figures look.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    meanings = {key: meaning_of(key) for key in sweep.keys}
    worlds = len(sweep.replicates[["seed", "replicate"]].drop_duplicates())
    with in_style(look):
        for plan in [SWEEP_FIGURES[name] for name in (SWEEP_FIGURES if names is None else names)]:
            for outcome in outcomes if plan.of_outcome else outcomes[:1]:
                figure = plan.draw(SweepView(sweep, seconds, outcome, list(keys or sweep.keys), meanings))
                if figure is None:
                    continue
                name = f"{plan.name}-{outcome}" if plan.of_outcome else plan.name
                title = f"{plan.title}: {METRICS[outcome]}" if plan.of_outcome else plan.title
                caption = " ".join([plan.caption, *([told_of(worlds)] * plan.intervals)])
                drawn.append(Drawn(name, title, caption, *save_figure(folder, name, figure, look.pdf)))
    return drawn


def read_seconds(cells: Path) -> pd.DataFrame:
    """Return the wall time of each phase of every cell, from the manifests in a sweep's folder of cells.

    Returns
    -------
    DataFrame
        Columns `cell`, `phase` and `seconds`; empty where no manifest tells.
    """
    # Whoever concludes a sweep has checked its cells.
    folders = [RunFolder(path.parent, checked=False) for path in sorted(cells.glob("*/manifest.json"))]
    rows = [
        {"cell": folder.path.name, "phase": phase, "seconds": spent}
        for folder in folders
        for phase, spent in (read_manifest(folder).get("seconds") or {}).items()
    ]
    return pd.DataFrame(rows, columns=["cell", "phase", "seconds"])
