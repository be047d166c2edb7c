"""The cross table on disk: play what is missing, join the cells, print, draw."""

import dataclasses
import math
from functools import partial
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from experiments.findings.statistics import Interval, interval
from experiments.reports.printed import cell, wide_console
from experiments.runs.cells import ROWS, Cell, play_cells, study_folder
from experiments.studies.cross.cells import HEADINGS, KEYS, MEASURES, play_mechanism
from experiments.studies.cross.config import CrossConfig
from sim.records.tables import write_atomically


def play_table(config: CrossConfig, folder: Path | None) -> tuple[Path, pd.DataFrame]:
    """Play the cells that the folder lacks and return the folder and the whole table.

    Writes ``config.yaml``, a cell for each mechanism (one row a strategy, setting and replicate), and at the
    end ``cross.csv``, the table that is returned. Stopped at any time and called again, it goes on with the
    mechanisms that are not there.

    Parameters
    ----------
    config : CrossConfig
        What to cross.
    folder : Path or None
        Where, as for `study_folder`.

    Raises
    ------
    UserError
        If the folder holds something else.
    UnfinishedError
        If a cell fails.
    """
    folder = study_folder(folder, "cross", config)
    cells = [
        Cell(
            {"mechanism": mechanism},
            play_mechanism,
            {"config": dataclasses.replace(config, mechanisms=[mechanism]), "mechanism": mechanism},
        )
        for mechanism in config.mechanisms
        if config.serves(mechanism)
    ]
    samples = pd.concat([tables[ROWS] for tables in play_cells(folder, cells, config.jobs)])
    table = aggregate(samples)
    write_atomically(folder / "cross.csv", partial(table.to_csv, index=False))
    return folder, table


def aggregate(samples: pd.DataFrame) -> pd.DataFrame:
    """Return mean and 95% interval over the n replicates that say something: one row a cell and measure."""
    rows = []
    for labels, group in samples.groupby(KEYS, sort=True):
        for measure in MEASURES:
            known = group[measure].dropna().to_numpy()
            found = interval(known) if len(known) else Interval(math.nan, math.nan, math.nan, 0)
            row = dict(zip(KEYS, labels, strict=True)) | {"measure": measure}
            row |= {"mean": found.mean, "low": found.low, "high": found.high, "n": found.n}
            rows.append(row | {"meaning": MEASURES[measure]})
    return pd.DataFrame(rows)


def print_table(config: CrossConfig, table: pd.DataFrame, folder: Path) -> None:
    """Print every mechanism where all tell the truth, and what each strategy earns beyond the truth.

    The whole table is in ``cross.csv``.
    """
    console = wide_console()
    plain = "truthful" if "truthful" in config.strategies else config.strategies[0]
    for setting in config.settings:
        of_setting = table[table["setting"] == setting]
        _print_levels(console, f"{setting}, {plain}", of_setting[of_setting["strategy"] == plain])
        _print_advantages(console, setting, of_setting[of_setting["measure"] == "advantage"])
    console.print(f"all cells: {folder / 'cross.csv'}", soft_wrap=True, highlight=False)


def _print_levels(console: Console, title: str, cells: pd.DataFrame) -> None:
    measures = [measure for measure in HEADINGS if measure not in ("advantage", "damage")]
    shown = Table(title=f"{title}: mean over replicates ± half of the 95% confidence interval")
    shown.add_column("mechanism", no_wrap=True)
    for measure in measures:
        shown.add_column(HEADINGS[measure], justify="right", overflow="fold")
    for mechanism, group in cells.groupby("mechanism"):
        found = group.set_index("measure")[["mean", "low", "high", "n"]]
        shown.add_row(str(mechanism), *(cell(Interval(*found.loc[measure])) for measure in measures))
    console.print(shown)


def _print_advantages(console: Console, setting: str, cells: pd.DataFrame) -> None:
    """Print one row a strategy: under which mechanisms it clearly beats the truth, and where most."""
    shown = Table(title=f"{setting}: {MEASURES['advantage']}")
    for heading in ("strategy", "most under", "least under"):
        shown.add_column(heading, overflow="fold")
    for heading in ("mean", "clear gains", "clear losses"):
        shown.add_column(heading, justify="right", overflow="fold")
    for strategy, group in cells[cells["strategy"] != "truthful"].groupby("strategy"):
        mean = dict(zip(group["mechanism"], group["mean"], strict=True))
        extremes = [
            f"{name} ({mean[name]:.1f})"
            for name in (max(mean, key=mean.__getitem__), min(mean, key=mean.__getitem__))
        ]
        counts = [str(int(clear.sum())) for clear in (group["low"] > 0, group["high"] < 0)]
        shown.add_row(str(strategy), *extremes, f"{group['mean'].mean():.1f}", *counts)
    if shown.row_count:
        console.print(shown)
