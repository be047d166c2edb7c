"""``parabourse adversaries``: every adversary under every rule, what it takes and what it destroys.

Each cell is played beside the same seats without the trick; what is told are differences in pairs. A run that
was stopped goes on with the cells that are missing.

Core Objects: run_adversaries, harm_table
"""

import sys
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from experiments.command_line.sentences import UserError
from experiments.figures import save_figure
from experiments.figures.style import in_style
from experiments.figures.welfare.harm import draw_harm
from experiments.findings.statistics import paired_interval
from experiments.runs.cells import ROWS, Cell, play_cells, study_folder
from experiments.studies.contests import (
    ADVERSARIES,
    INDUCED_RULES,
    MEASURES,
    RULES,
    market_of,
    play_induced,
    play_parameters,
)
from sim.records.tables import write_atomically

INDUCED_BUYERS = 6
"""Buyers of the textbook market, half of them the adversary's."""
INDUCED_REPLICATES = 100
"""Textbook markets for every replicate of the market for parameters."""
TABLE_WIDTH = 150
"""Columns that the table takes where there is no terminal."""
CONSPIRATORS = ("ring", "false_name")
"""Adversaries that bid, and so have a place in the textbook market."""


def run_adversaries(replicates: int, rounds: int, seed: int, output: Path) -> None:
    """Play all cells, print the table, and save it with two figures.

    Writes ``harm.csv`` and ``harm.parquet`` (one row a cell and measure: mean and 95% interval of the paired
    difference), ``replicates.parquet`` and ``harm_parameters`` and ``harm_induced`` as PNG and SVG. Cost: 90
    markets of eight organisations; a few minutes at the defaults.

    Parameters
    ----------
    replicates, rounds, seed : int
        Repetitions (at least 2), rounds of each, and the root of all random streams.
    output : Path
        The folder; cells that an earlier call with the same numbers left there are not played again.

    Raises
    ------
    UserError
        If a number is too small or too large, or the folder holds cells of other numbers.
    UnfinishedError
        If a cell fails.
    """
    limits = {"replicates": (2, 1000), "rounds": (1, 10_000), "seed": (0, 2**63 - 1)}
    for name, value in (("replicates", replicates), ("rounds", rounds), ("seed", seed)):
        least, most = limits[name]
        if not least <= value <= most:
            raise UserError(f"{name} must be a whole number from {least} to {most}; got {value}")
    numbers = {"replicates": replicates, "rounds": rounds, "seed": seed}
    output = study_folder(output, "adversaries", numbers)
    cells = list(_cells(replicates, rounds, seed))
    played = zip(cells, play_cells(output, cells), strict=True)
    samples = pd.concat([tables[ROWS].assign(**cell.labels) for cell, tables in played], ignore_index=True)
    table = harm_table(samples)
    write_atomically(output / "replicates.parquet", partial(samples.to_parquet, index=False))
    write_atomically(output / "harm.parquet", partial(table.to_parquet, index=False))
    write_atomically(output / "harm.csv", partial(table.to_csv, index=False))
    with in_style():
        for market in table["market"].unique():
            save_figure(output, f"harm_{market}", draw_harm(table, market))
    _show(table)
    print(f"saved in {output}")


def harm_table(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the paired differences between attack and control, mean and 95% interval.

    Parameters
    ----------
    samples : DataFrame
        One row a market, adversary, rule, `attack` and replicate; the columns `MEASURES` in credits.

    Returns
    -------
    DataFrame
        One row a market, adversary, rule and measure: mean, low, high, n.
    """
    rows = []
    for key, group in samples.groupby(["market", "adversary", "rule"], sort=False):
        sides = group.sort_values("replicate").groupby("attack")
        attack, control = sides.get_group(True), sides.get_group(False)
        for measure in MEASURES:
            found = paired_interval(attack[measure].to_numpy(), control[measure].to_numpy())
            row = dict(zip(("market", "adversary", "rule"), key, strict=True)) | {"measure": measure}
            rows.append(row | {"mean": found.mean, "low": found.low, "high": found.high, "n": found.n})
    return pd.DataFrame(rows)


def _cells(replicates: int, rounds: int, seed: int) -> Iterator[Cell]:
    """Yield every market to play: with the adversary and without its trick."""
    sides = (True, False)
    for adversary, (name, rule), attack in product(ADVERSARIES, RULES.items(), sides):
        labels = {"market": "parameters", "adversary": adversary.name, "rule": name, "attack": attack}
        own = {"config": market_of(adversary, rule, attack), "seats": adversary.seats}
        numbers = {"rounds": rounds, "replicates": replicates, "seed": seed}
        yield Cell(labels, play_parameters, own | numbers)
    for conspirator, (name, rule), attack in product(CONSPIRATORS, INDUCED_RULES.items(), sides):
        labels = {"market": "induced", "adversary": conspirator, "rule": name, "attack": attack}
        own = {"name": conspirator, "rule": rule, "attack": attack}
        numbers = {"buyers": INDUCED_BUYERS, "seats": INDUCED_BUYERS // 2, "seed": seed}
        yield Cell(labels, play_induced, own | numbers | {"replicates": INDUCED_REPLICATES * replicates})


def _show(table: pd.DataFrame) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=TABLE_WIDTH)
    for market, rows in table.groupby("market", sort=False):
        shown = Table(title=f"{market}: change by the trick, credits ± half of the 95% interval")
        for heading in ("adversary", "rule"):
            shown.add_column(heading, no_wrap=True)
        for measure in MEASURES:
            shown.add_column(measure.replace("_", " "), justify="right")
        for (adversary, rule), group in rows.groupby(["adversary", "rule"], sort=False):
            mean, half = group["mean"].to_numpy(), (group["high"] - group["low"]).to_numpy() / 2
            numbers = [f"{m:+.3f} ± {h:.3f}" for m, h in zip(mean, half, strict=True)]
            shown.add_row(str(adversary), str(rule), *numbers)
        console.print(shown)
    for adversary in ADVERSARIES:
        print(f"{adversary.name}: the last {adversary.seats} seats, against {adversary.instead}")
