"""Records: the tables of a run on disk, and the checkpoint that lets it go on.

While a run goes on, each round's rows lie in `parts/`, one file a table; when it ends they become one Parquet
file a table. A round's rows and its checkpoint are one step of the run's folder (`sim.records.run_folder`):
nothing is ever half written, every file has a digest, and nothing is unpickled.

Core Objects: TABLES, OPTIONAL_TABLES, RecordWriter, read_tables, read_table, load_checkpoint
"""

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sim.records.atomic import Write
from sim.records.atomic import write_atomically as write_atomically
from sim.records.run_folder import CHECKPOINT, PARTS, RecordError, RunFolder
from sim.records.schema import RECORD_TABLES, described

TABLES = tuple(name for name, table in RECORD_TABLES.items() if not table.optional)
OPTIONAL_TABLES = tuple(name for name, table in RECORD_TABLES.items() if table.optional)
"""Tables of those runs alone that ask for them."""


class RecordWriter:
    """Writes a run's tables into its folder.

    Parameters
    ----------
    folder : RunFolder
        The run's folder. Tables that it has already are the first rounds, which the parts go on from.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def write_round(
        self,
        number: int,
        tables: Mapping[str, pd.DataFrame],
        state: Mapping[str, Any],
        seconds: Mapping[str, float],
        further: Mapping[str, Write] | None = None,
    ) -> None:
        """Write the rows of one round, the checkpoint after it and `further` files, in one step.

        Parameters
        ----------
        number : int
            The round; one that is played again replaces what it wrote before.
        tables : mapping of DataFrame
            Its rows by table.
        state : mapping
            Arrays and tensors by flat names.
        seconds : mapping
            Wall time by phase until now.
        further : mapping, optional
            What fills other files of the round, by name.
        """
        rows: dict[str, Write] = {
            f"{PARTS}/{name}-{number:06d}.parquet": partial(pq.write_table, described(name, table))
            for name, table in tables.items()
        }
        files = rows | {CHECKPOINT: partial(_save_checkpoint, state, seconds)} | dict(further or {})
        self.folder.change(files, add=True)

    def finish(self, further: Mapping[str, Write]) -> None:
        """Join the parts of every table into one file, with `further` files in the same step.

        Does nothing where there are no parts, as the second time.

        Raises
        ------
        RecordError
            If a part is missing or damaged.
        """
        parts = [name for name in self.folder.entries if name.startswith(f"{PARTS}/")]
        if not parts:
            return
        found = {name: _parts_of(name, parts) for name in (*TABLES, *OPTIONAL_TABLES)}
        joined: dict[str, Write] = {
            f"{name}.parquet": partial(self._join, name, own)
            for name, own in found.items()
            if own or name in TABLES
        }
        self.folder.change({**joined, **further}, dropped=parts)

    def _join(self, name: str, parts: list[str], path: Path) -> None:
        whole = f"{name}.parquet"
        names = [whole, *parts] if self.folder.lists(whole) else parts
        if not names:
            raise RecordError(f"{self.folder} must have parts of the table {name}; it has none")
        table = pd.concat([read_table(self.folder, part) for part in names], ignore_index=True)
        pq.write_table(described(name, table), path)


def _parts_of(table: str, names: list[str]) -> list[str]:
    """Return the parts of a table by rising number of the round."""
    start = f"{PARTS}/{table}-"
    numbers = {int(name.removeprefix(start).split(".")[0]): name for name in names if name.startswith(start)}
    return [numbers[number] for number in sorted(numbers)]


def read_tables(folder: RunFolder) -> dict[str, pd.DataFrame]:
    """Return the tables of a run, by name; the optional ones where they were recorded.

    Raises
    ------
    RecordError
        If a table is missing, damaged or otherwise not a Parquet file.
    """
    recorded = [name for name in OPTIONAL_TABLES if folder.has(f"{name}.parquet")]
    return {name: _read_whole(folder, f"{name}.parquet") for name in (*TABLES, *recorded)}


def _read_whole(folder: RunFolder, name: str) -> pd.DataFrame:
    if not folder.has(name):
        stopped = folder.has(CHECKPOINT)
        remedy = f" (the run was stopped: parabourse resume {folder})" if stopped else ""
        raise RecordError(
            f"{folder.path / name} must be a record file of a finished run; there is none{remedy}"
        )
    return read_table(folder, name)


def read_table(folder: RunFolder, name: str) -> pd.DataFrame:
    """Return a table of a folder; raise ``RecordError`` if it is missing, damaged or cannot be read."""
    path = folder.file(name)
    try:
        with pq.ParquetFile(path) as file:
            rows, columns = file.metadata.num_rows, file.metadata.num_columns
            if rows * columns * 8 > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
                raise RecordError(f"{path} must fit into memory; it has {rows} rows of {columns} columns")
            return file.read().to_pandas(ignore_metadata=True)
    except RecordError:
        raise
    except Exception as error:  # Whatever a library says of bytes that are no table.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise RecordError(f"{path} must be a whole Parquet file; it cannot be read ({reason})") from error


def _save_checkpoint(state: Mapping[str, Any], seconds: Mapping[str, float], path: Path) -> None:
    tensors = {
        name: value.detach().cpu().contiguous()
        if isinstance(value, torch.Tensor)
        else torch.as_tensor(np.array(value))
        for name, value in state.items()
    }
    save_file(tensors, path, metadata={"seconds": json.dumps(seconds)})


def load_checkpoint(folder: RunFolder) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """Return the state and the seconds that were spent on it, by phase.

    Raises
    ------
    RecordError
        If there is no checkpoint, it is damaged or it cannot be read.
    """
    if not folder.has(CHECKPOINT):
        raise RecordError(f"{folder} must hold {CHECKPOINT} to go on from; there is none")
    path = folder.file(CHECKPOINT)
    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads(file.metadata()["seconds"])
        return load_file(path), {str(phase): float(spent) for phase, spent in told.items()}
    except Exception as error:  # Whatever a library says of bytes that are no checkpoint.
        raise RecordError(f"{path} must be a whole checkpoint; it cannot be read ({error})") from error
