"""Cells of a table on disk, each in a file of its own: what is there is not played again.

Core Objects: Cell, play_missing, save_cell, read_cell, is_saved, claim
"""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from experiments.command_line.sentences import UserError
from sim.records.tables import RecordError, write_atomically

Watch = Callable[[], None]
DIGEST = b"sha256"
"""What the digest of a cell's rows is called in the metadata of its file."""


@dataclass(frozen=True)
class Cell:
    """A piece of work with a file of its own.

    Attributes
    ----------
    path : Path
        Its file.
    play : callable
        Makes its rows, at least one; is given what to call after every part of the work.
    parts : int
        How many parts the work has.
    """

    path: Path
    play: Callable[[Watch], pd.DataFrame]
    parts: int = 1


def play_missing(cells: Iterable[Cell], jobs: int, unit: str) -> None:
    """Play the cells that have no whole file and save each as it is done.

    Damaged files are replaced. Stopped at any time and called again, it goes on with what is missing.

    Parameters
    ----------
    cells : iterable of Cell
        All cells.
    jobs : int
        Processes that share the work, one thread each.
    unit : str
        What the parts are, for the progress bar, which is shown on a terminal only.
    """
    every = list(cells)
    missing = [cell for cell in every if not is_saved(cell.path)]
    total, left = sum(cell.parts for cell in every), sum(cell.parts for cell in missing)
    with _bar() as bar:
        task = bar.add_task(unit, total=total, completed=total - left)
        if jobs == 1 or len(missing) == 1:
            for cell in missing:
                _play_and_save(cell, partial(bar.advance, task))
            return
        work = Parallel(n_jobs=jobs, return_as="generator_unordered")(
            delayed(_play_and_save)(cell, _nobody) for cell in missing
        )
        for parts in work:
            bar.advance(task, parts)


def save_cell(path: Path, rows: pd.DataFrame) -> None:
    """Write the rows of a cell, at least one, with the digest of what will be read."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    own = {**table.schema.metadata, DIGEST: _digest(table.to_pandas())}
    write_atomically(path, partial(pq.write_table, table.replace_schema_metadata(own)))


def read_cell(path: Path) -> pd.DataFrame:
    """Return the rows of a cell.

    Raises
    ------
    RecordError
        If no file has them as they were written.
    """
    try:
        table = pq.read_table(path)
        rows = table.to_pandas()
        whole = (table.schema.metadata or {}).get(DIGEST) == _digest(rows)
    except Exception:  # Whatever the library says of a damaged file.
        whole = False
    if not whole:
        raise RecordError(f"{path} must be the whole file of a cell; repeat the command that wrote it")
    return rows


def is_saved(path: Path) -> bool:
    """Return whether a file has the rows of a cell as they were written."""
    with suppress(RecordError):
        return read_cell(path) is not None
    return False


def _digest(rows: pd.DataFrame) -> bytes:
    found = hashlib.sha256(repr([*rows.dtypes.items()]).encode())
    found.update(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes())
    return found.hexdigest().encode()


def claim(folder: Path, own: str, what: str) -> None:
    """Make a folder with ``config.yaml`` in it, or accept one with the same; `what` is what it holds.

    Raises
    ------
    UserError
        If the folder holds something else.
    """
    path = folder / "config.yaml"
    if path.is_file() and path.read_text(encoding="utf-8") == own:
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"--output must be a new folder, or that of {what} with this configuration; got {folder}"
        )
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda p: p.write_text(own, encoding="utf-8"))


def _play_and_save(cell: Cell, watch: Watch) -> int:
    torch.set_num_threads(1)
    save_cell(cell.path, cell.play(watch))
    return cell.parts


def _nobody() -> None:
    """Watch nothing."""


def _bar() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
