"""Cells of a table on disk, each in a file of its own: what is there is not played again.

Core Objects: Cell, play_missing, claim
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
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

from experiments.sentences import UserError
from sim.records import write_atomically

Watch = Callable[[], None]


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
    missing = [cell for cell in every if not _is_whole(cell.path)]
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
    rows = cell.play(watch)
    write_atomically(cell.path, partial(rows.to_parquet, index=False))
    return cell.parts


def _nobody() -> None:
    """Watch nothing."""


def _is_whole(path: Path) -> bool:
    try:
        return path.is_file() and len(pd.read_parquet(path)) > 0
    except (OSError, ValueError):
        return False


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
