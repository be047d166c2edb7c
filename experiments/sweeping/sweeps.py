"""Sweeps: all cells in one table, side by side, and what each differs from the first by, in pairs.

Cells that differ in nothing but the seed are one choice with more replicates. Replicates of the same seed
share data, initial weights and random streams in every cell, so that differences between choices are paired.

Core Objects: Sweep, aggregate, read_sweep, compare
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from experiments.findings.comparison import Comparison, compare_choices
from experiments.findings.summary import METRICS
from experiments.runs.cells import CELLS, is_finished
from experiments.sweeping.plan import Plan, PlannedCell
from sim.records.run_folder import RecordError, RunFolder


@dataclass(frozen=True)
class Sweep:
    """The cells of a sweep that have finished.

    Attributes
    ----------
    keys : list of str
        The keys that were swept, the seed apart.
    cells : DataFrame
        `sweep.parquet`: one row a cell and arm. Columns: `cell` (its key), the swept keys, `seed`, `arm`,
        `replicates` (how many) and every metric of `METRICS` as its mean over them.
    replicates : DataFrame
        `replicates.parquet`: the same with one row a cell, arm and `replicate`.
    unfinished : list of str
        Folders of the cells that have no result.
    """

    keys: list[str]
    cells: pd.DataFrame
    replicates: pd.DataFrame
    unfinished: list[str]


def aggregate(folder: Path, checked: bool = True) -> None:
    """Write `replicates.parquet` and `sweep.parquet` from the finished cells of a sweep's last command.

    Their bytes depend on the cells alone, whoever played them and in whatever order.

    Parameters
    ----------
    folder : Path
        The sweep's folder.
    checked : bool
        Whether a damaged file is refused.

    Raises
    ------
    RecordError
        If no cell has finished, or a file is damaged.
    """
    own = RunFolder(folder, checked)
    plan = Plan.load(own)
    finished = [c for c in plan.cells if is_finished(folder / CELLS / c.key)]
    if not finished:
        raise RecordError(f"{folder} must hold at least one finished cell; there is none")
    replicates = pd.concat([_replicates(own, planned) for planned in finished], ignore_index=True)
    for key in plan.keys:
        replicates[key] = _as_numbers(replicates[key])
    by = ["cell", *plan.keys, "seed", "arm"]
    groups = replicates.groupby(by, sort=False, dropna=False)
    cells = groups[list(METRICS)].mean().reset_index()
    counts = groups.size().to_numpy()
    if "replicates" not in cells:
        cells.insert(len(by), "replicates", counts)
    own.change(
        {
            "replicates.parquet": partial(replicates.to_parquet, index=False),
            "sweep.parquet": partial(cells.to_parquet, index=False),
        }
    )


def read_sweep(folder: Path, checked: bool = True) -> Sweep:
    """Return the tables that `aggregate` wrote.

    Raises
    ------
    RecordError
        If there are none, or they are damaged or cannot be read.
    """
    own = RunFolder(folder, checked)
    plan = Plan.load(own)
    tables = {}
    for name in ("sweep", "replicates"):
        path = own.file(f"{name}.parquet")
        try:
            tables[name] = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise RecordError(
                f"{path} must be the table of a sweep; it cannot be read (make it with: parabourse report "
                f"{folder})"
            ) from error
    paths = [folder / CELLS / planned.key for planned in plan.unique]
    unfinished = [str(path) for path in paths if not is_finished(path)]
    return Sweep(
        keys=plan.keys, cells=tables["sweep"], replicates=tables["replicates"], unfinished=unfinished
    )


def _replicates(folder: RunFolder, planned: PlannedCell) -> pd.DataFrame:
    """Return a cell's replicates with its key and its values of the swept keys."""
    cell = RunFolder(folder.place(f"{CELLS}/{planned.key}"), folder.checked)
    frame = _read_csv(cell.file("replicates.csv"))
    own: dict[str, str | int] = {"cell": planned.key, **planned.choice, "seed": planned.seed}
    labels = pd.DataFrame({name: [value] * len(frame) for name, value in own.items()})
    return pd.concat([labels, frame], axis=1)


def _read_csv(path: Path) -> pd.DataFrame:
    """Return a cell's `replicates.csv`, whose metrics are numbers."""
    try:
        frame = pd.read_csv(path)
        # Every metric is a column in every sweep, of numbers, whether it applies to these cells or not.
        metrics = frame.reindex(columns=list(METRICS)).astype("float64")
        return frame[["arm", "replicate"]].astype({"arm": "str", "replicate": "int64"}).join(metrics)
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise RecordError(f"{path} must hold a cell's metrics; it cannot be read") from error


def _as_numbers(values: pd.Series) -> pd.Series:
    """Return what was typed as numbers where all of it are numbers."""
    numbers = pd.to_numeric(values, errors="coerce")
    return values if numbers.isna().any() else numbers


def compare(folder: Path, half_widths: Mapping[str, float] | None = None, checked: bool = True) -> Comparison:
    """Compare the cells of a sweep's tables; write `comparison.csv` and `differences.csv` into its folder.

    Raises
    ------
    RecordError
        If there are no tables (see `aggregate`).
    InputError
        As `compare_choices`.
    """
    sweep = read_sweep(folder, checked)
    found = compare_choices(sweep.keys, sweep.replicates, sweep.unfinished, half_widths)
    RunFolder(folder, checked).change(
        {
            "comparison.csv": partial(found.levels.to_csv, index=False),
            "differences.csv": partial(found.differences.to_csv, index=False),
        }
    )
    return found
