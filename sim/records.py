"""Records: the tables of a run on disk, and the checkpoint that lets it go on.

While a run goes on, each round's rows lie in `parts/`, one file a table, written atomically before the
checkpoint of that round; when it ends they become one Parquet file a table. Nothing on disk is ever half
written, and nothing is unpickled.

Core Objects: TABLES, OPTIONAL_TABLES, RecordWriter, read_tables, save_checkpoint, load_checkpoint
"""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from markets.refusals import InputError
from sim.record_schema import RECORD_TABLES, described
from sim.unwritten import writing

TABLES = tuple(name for name, table in RECORD_TABLES.items() if not table.optional)
OPTIONAL_TABLES = tuple(name for name, table in RECORD_TABLES.items() if table.optional)
"""Tables of those runs alone that ask for them."""
CHECKPOINT = "checkpoint.safetensors"


class RecordError(InputError):
    """Records that are missing or cannot be read; the message is one sentence."""


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place in one step.

    Raises
    ------
    UnwrittenError
        If it cannot be written; nothing stays behind then.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with writing(path):
            write(unfinished)
            with unfinished.open("rb+") as file:
                os.fsync(file.fileno())
            unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


class RecordWriter:
    """Writes a run's tables into its folder.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = folder / "parts"

    def write_round(self, number: int, tables: dict[str, pd.DataFrame]) -> None:
        """Write the rows of one round; a round that is played again replaces what it wrote before."""
        self.parts.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            path = self.parts / f"{name}-{number:06d}.parquet"
            write_atomically(path, partial(pq.write_table, described(name, table)))

    def finish(self) -> None:
        """Join the parts of every table into one file, and remove them; does nothing the second time."""
        if not self.parts.is_dir():
            return
        for name in (*TABLES, *OPTIONAL_TABLES):
            found = sorted(self.parts.glob(f"{name}-*.parquet"))
            if name in OPTIONAL_TABLES and not found:
                continue
            table = pd.concat([pd.read_parquet(p) for p in found], ignore_index=True)
            write_atomically(self.folder / f"{name}.parquet", partial(pq.write_table, described(name, table)))
        joined = self.parts.rename(self.folder / ".parts-joined")
        shutil.rmtree(joined)


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a run, by name; the optional ones where they were recorded.

    Raises
    ------
    RecordError
        If a table is missing, truncated or otherwise not a Parquet file.
    """
    recorded = [name for name in OPTIONAL_TABLES if (folder / f"{name}.parquet").is_file()]
    return {name: _read_table(folder / f"{name}.parquet") for name in (*TABLES, *recorded)}


def _read_table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        stopped = (path.parent / CHECKPOINT).is_file()
        remedy = f" (the run was stopped: parabourse resume {path.parent})" if stopped else ""
        raise RecordError(f"{path} must be a record file of a finished run; there is none{remedy}")
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise RecordError(f"{path} must be a whole Parquet file; it cannot be read ({reason})") from error


def save_checkpoint(folder: Path, state: dict[str, Any], seconds: dict[str, float]) -> None:
    """Write a state (arrays and tensors by flat names) and the seconds spent as one safetensors file."""
    tensors = {
        name: value.detach().cpu().contiguous()
        if isinstance(value, torch.Tensor)
        else torch.as_tensor(np.array(value))
        for name, value in state.items()
    }
    metadata = {"seconds": json.dumps(seconds)}
    write_atomically(folder / CHECKPOINT, lambda p: save_file(tensors, p, metadata=metadata))


def load_checkpoint(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """Return the state and the seconds that were spent on it, by phase.

    Raises
    ------
    RecordError
        If there is no checkpoint or it cannot be read.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise RecordError(f"{folder} must hold {CHECKPOINT} to go on from; there is none")
    try:
        with safe_open(path, framework="pt") as file:
            seconds = json.loads(file.metadata()["seconds"])
        return load_file(path), seconds
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{path} must be a whole checkpoint; it cannot be read ({error})") from error
