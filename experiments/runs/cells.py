"""Cells: pieces of work in a folder each, so that what has been played is not played again.

A cell is named by all that decides its numbers: its resolved configuration and Parabourse's version. Whoever
plays it holds its folder; a second process waits, and finds it finished. The file that marks it finished is
written last, and a cell whose files are not what was written is played again. Cells of sweeps are runs, those
of studies are tables.

Core Objects: Cell, cell_key, study_folder, play_cells, play_missing, play_held, is_finished, tell_unfinished
"""

import dataclasses
import hashlib
import json
import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from joblib import Parallel, delayed

from experiments.command_line.sentences import UnfinishedError, one_sentence
from experiments.configuration.keys import Config
from experiments.configuration.plain_data import read_text
from experiments.configuration.plugins import Brought
from experiments.configuration.plugins import named as plugins
from experiments.runs.allocator import keep_freed_memory
from experiments.runs.model_files import start_digests
from experiments.runs.output_folders import claim
from experiments.runs.progress import CellProgress
from experiments.runs.runner import MANIFEST, SUMMARY, library_versions, other_versions
from markets.choices import is_unset
from sim.config.market import WorldConfig
from sim.records.atomic import Write, filled, write_atomically
from sim.records.run_folder import CHECKPOINT, CONFIG, FIGURES, PARTS, RunFolder

CELLS = "cells"
ERROR = "error.txt"
TABLES = "cell.json"
"""The configuration of a cell of tables."""
MARKS = (SUMMARY, TABLES)
"""Which file marks a cell finished: the one a run, the other a cell of tables."""
PLAYED = ".played"
"""A byte for every part of a cell of tables that has been played, for the progress bar."""
ROWS = "rows"
"""The table of a cell that has one."""
UNDECISIVE = ("run", "jobs", "figures", "progress", "plugins")
"""Parts of a configuration that change no number."""
KEY_LENGTH = 16
HEADING = "# parabourse "
"""With which ``config.yaml`` of a study begins; its command follows."""

Tables = dict[str, pd.DataFrame]
Watch = Callable[[], None]


@dataclass(frozen=True)
class Cell:
    """A piece of work that makes tables.

    Attributes
    ----------
    labels : dict
        What the user is told of it.
    play : callable
        Makes its table, or several by name.
    arguments : dict
        What `play` is called with, by keyword: all that decides its numbers, resolved.
    parts : int
        How many parts the work has; where there are several, `play` is given `watch` too, to be called after
        each.
    """

    labels: Mapping[str, Any]
    play: Callable[..., pd.DataFrame | Tables]
    arguments: Mapping[str, Any]
    parts: int = 1

    @cached_property
    def key(self) -> str:
        """The name of its folder."""
        return cell_key([self.play.__name__, self.arguments])

    @property
    def name(self) -> str:
        """Its labels as text."""
        return named(self.labels)


def cell_key(config: Any) -> str:
    """Return the hash of all that decides the numbers of a cell: configuration, version and plug-ins.

    The order within a part counts: in population.mix, it decides who follows which strategy.
    """
    own = sorted(plugins().values())  # Wherever they lie, and whatever they are called.
    return hash_of([config, _version(), *([own] if own else [])])


def hash_of(content: object) -> str:
    """Return a short hash of what JSON can hold, and of configurations."""
    return hashlib.sha256(json.dumps(content, default=_decisive).encode()).hexdigest()[:KEY_LENGTH]


def named(labels: Mapping[str, Any]) -> str:
    """Return what the user is told of a cell."""
    return " ".join(f"{key}={value}" for key, value in labels.items())


def study_folder(folder: Path | None, command: str, config: Any) -> Path:
    """Return the folder of a study, made if need be, with its configuration in ``config.yaml``.

    By default ``runs/COMMAND-KEY``, so that the same command finds what it began.

    Raises
    ------
    UserError
        If it holds something else.
    """
    fields = json.loads(json.dumps(config, default=_decisive))
    text = f"{HEADING}{command}\n{yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)}"
    folder = folder or Path("runs") / f"{command.replace(' ', '-')}-{cell_key(config)}"
    path = folder / CONFIG
    own = path.is_file() and path.read_text(encoding="utf-8") == text
    claim(folder, "--output", f"`parabourse {command}` with this configuration", own)
    if not own:
        write_atomically(path, filled(text))
    return folder


def play_cells(folder: Path, cells: Sequence[Cell], jobs: int = 1, shown: bool = True) -> list[Tables]:
    """Play the cells that a folder lacks, each in ``cells/KEY``, and return the tables of all.

    Stopped at any time and called again, it goes on with what is missing.

    Parameters
    ----------
    folder : Path
        Where.
    cells : sequence of Cell
        All cells; those of one configuration are one.
    jobs : int
        Processes that share the work, one thread each.
    shown : bool
        Whether to show progress.

    Raises
    ------
    UnfinishedError
        If a cell fails; the others have been played then.
    """
    places = {folder / CELLS / cell.key: cell for cell in cells}

    def launch(paths: Sequence[Path]) -> None:
        Parallel(n_jobs=jobs)(delayed(_play_tables)(Brought(), path, places[path]) for path in paths)

    play_missing(folder, {path: cell.parts for path, cell in places.items()}, launch, shown)
    if tell_unfinished({path: cell.name for path, cell in places.items()}):
        raise UnfinishedError
    return [_read(RunFolder(folder / CELLS / cell.key)) for cell in cells]


def play_missing(
    folder: Path,
    cells: Mapping[Path, int],
    launch: Callable[[Sequence[Path]], None],
    shown: bool,
) -> None:
    """Have the cells played that have not finished or are damaged, and say how many; show the progress.

    Cells that were in flight when a process of joblib's died (out of memory, say) are played again, each
    alone, once the others are done.

    Parameters
    ----------
    folder : Path
        Where all of them lie.
    cells : mapping
        Their folders, and how many parts the work of each has.
    launch : callable
        Plays cells, given their folders.
    shown : bool
        Whether to show progress.
    """
    damaged = _withdraw_damaged(cells)
    kept = [path for path in cells if is_finished(path)]
    missing = [path for path in cells if path not in kept]
    print(f"{folder}: {len(cells)} cells, {len(kept)} finished, {len(missing)} to play", flush=True)
    if damaged:
        print(f"{len(damaged)} whose records are damaged are played again", flush=True)
    others: dict[str, str] = {}
    for path in kept:
        others |= other_versions(RunFolder(path))
    if others:
        told = ", ".join(f"{name} {version}" for name, version in others.items())
        print(
            f"parabourse: some finished cells were made with other versions ({told}) and are kept; delete "
            f"{folder / CELLS} to play them again.",
            file=sys.stderr,
        )
    if not missing:
        return
    with CellProgress(partial(_look, cells), sum(cells.values()), len(cells), shown):
        try:
            _launch_all(missing, launch)
        except Exception as error:
            # Cells answer for themselves; this is the launcher's own, and finished cells are kept.
            print(f"parabourse: the launcher failed: {one_sentence(error)}.", file=sys.stderr)


def play_held(folder: Path, play: Callable[[RunFolder], None]) -> None:
    """Play a cell while nobody else does, or leave it if it has finished.

    A cell that fails says why in its folder, and does not stop the others.
    """
    if multiprocessing.current_process().name.startswith("Loky"):
        _end_with_parent()
    keep_freed_memory()
    cell = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with cell.held(wait=True):
        if is_finished(folder):
            return
        (folder / ERROR).unlink(missing_ok=True)
        try:
            play(cell)
        except Exception as error:
            told = f"{one_sentence(error)}\n\n{traceback.format_exc()}"
            write_atomically(cell.place(ERROR), filled(told))
            if not isinstance(error, OSError):
                # Whatever it was may lie in the checkpoint: the next attempt starts afresh.
                cell.place(CHECKPOINT).unlink(missing_ok=True)


def is_finished(folder: Path) -> bool:
    """Return whether a cell has been played to its end."""
    return any((folder / mark).is_file() for mark in MARKS)


def damaged_records(folder: Path) -> list[str]:
    """Return the files of a finished cell, its pages aside, that are not what was written."""
    pages = ("report.html", f"{FIGURES}/")
    return [name for name in RunFolder(folder).damaged_or_list() if not name.startswith(pages)]


def failure(folder: Path) -> str:
    """Return why a cell has no result, in one sentence."""
    cell = RunFolder(folder, checked=False)
    if cell.has(ERROR):
        return read_text(cell, ERROR).split("\n", 1)[0]
    return "its process ended before it did, or could not write why"


def tell_unfinished(cells: Mapping[Path, str]) -> int:
    """Say which cells, by their folders and names, have not finished and why, and return how many."""
    failed = [path for path in cells if not is_finished(path)]
    for path in failed:
        print(f"parabourse: not finished: {cells[path]}: {failure(path)} ({path}).", file=sys.stderr)
    if failed:
        print(
            f"parabourse: {len(failed)} of {len(cells)} cells have not finished; the same command plays them "
            f"again.",
            file=sys.stderr,
        )
    return len(failed)


def _decisive(config: Any) -> Any:
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        return repr(config)
    fields = {key: part for key, part in sorted(_as_dict(config).items()) if key not in UNDECISIVE}
    if isinstance(config, Config) and config.start is not None:  # What lies there decides, not where.
        fields["start"] = start_digests(config)
    if isinstance(config, WorldConfig) and (digest := config.data.source().digest()):
        fields["data"] = {**fields["data"], "path": digest}
    return fields


def _as_dict(value: Any) -> Any:
    """Return what `dataclasses.asdict` does, without later fields that are at their defaults."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        own = {field: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {field.name: _as_dict(part) for field, part in own.items() if not is_unset(field, part)}
    if isinstance(value, Mapping):
        return {key: _as_dict(part) for key, part in value.items()}
    return [_as_dict(part) for part in value] if isinstance(value, (list, tuple)) else value


@cache
def _version() -> str | None:
    return library_versions()["parabourse"]


def _play_tables(_: Brought, folder: Path, cell: Cell) -> None:
    """Play a cell; what is brought must be known to a process that takes the cell."""
    torch.set_num_threads(1)
    play_held(folder, partial(_write_tables, cell))


def _write_tables(cell: Cell, folder: RunFolder) -> None:
    played, since = folder.place(PLAYED), time.perf_counter()
    played.write_bytes(b"")

    def watch() -> None:
        with played.open("ab") as file:
            file.write(b".")

    made = cell.play(**cell.arguments, **{"watch": watch} if cell.parts > 1 else {})
    tables = {ROWS: made} if isinstance(made, pd.DataFrame) else made
    told = {"versions": library_versions(), "seconds": {"play": round(time.perf_counter() - since, 3)}}
    files: dict[str, Write] = {
        f"{name}.parquet": partial(table.to_parquet, index=False) for name, table in tables.items()
    }
    mark = filled(json.dumps(cell.arguments, default=_decisive, indent=1))
    folder.begin({**files, MANIFEST: filled(json.dumps(told, indent=1)), TABLES: mark})
    played.unlink()


def _read(folder: RunFolder) -> Tables:
    files = [name for name in folder.entries if name.endswith(".parquet")]
    return {name.removesuffix(".parquet"): pd.read_parquet(folder.file(name)) for name in files}


def _withdraw_damaged(folders: Iterable[Path]) -> list[Path]:
    """Take the mark off finished cells whose records are no longer what they were, and return these cells."""
    damaged = [folder for folder in folders if is_finished(folder) and damaged_records(folder)]
    for folder in damaged:
        for mark in MARKS:
            (folder / mark).unlink(missing_ok=True)
    return damaged


def _look(cells: Mapping[Path, int]) -> tuple[int, int]:
    """Return how many parts have been played, and how many cells have finished."""
    played = done = 0
    for folder, parts in cells.items():
        if is_finished(folder):
            played, done = played + parts, done + 1
        elif (own := folder / PLAYED).is_file():
            played += own.stat().st_size
        else:
            played += len(list((folder / PARTS).glob("rounds-*.parquet")))
    return played, done


def _launch_all(missing: Sequence[Path], launch: Callable[[Sequence[Path]], None]) -> None:
    left, suspects = list(missing), list[Path]()
    while left:
        try:
            launch(left)
            break
        except BrokenProcessPool:
            begun = [path for path in left if path.exists()]
            if not begun:
                raise
            suspects += [path for path in begun if not is_finished(path)]
            left = [path for path in left if path not in begun]
    for path in suspects:
        with suppress(BrokenProcessPool):
            launch([path])


@cache
def _end_with_parent() -> None:
    """End this process when the one that started it ends; joblib's workers would stay behind a killed one."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
