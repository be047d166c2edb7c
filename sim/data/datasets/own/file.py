"""Examples in a file of a user's own: arrays of numpy, or a table."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from sim.data.datasets import DATASETS
from sim.data.datasets.base import DataError, Dataset, Examples
from sim.data.datasets.own.arrays import Duplicates, Given, TaskName, examples_of
from sim.data.datasets.own.digests import digest_of_file
from sim.data.datasets.own.tables import READERS, Columns, read_table, table_of

ARRAYS = ("inputs", "labels", "task", "organisation", "features", "vocabulary")
"""Names of arrays that a file may have; only the first is a must."""


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class File(Dataset):
    """A file of the user's own: ``.npz`` with arrays, or a table as ``.csv``, ``.tsv`` or ``.parquet``.

    Arrays are called `inputs`, `labels` and, if there are any, `task`, `organisation`, `features` (names of
    columns) and `vocabulary` (names of classes or tokens); nothing in a file is unpickled. Of a table, all
    columns but the label, `task` and `organisation` are inputs.

    Parameters
    ----------
    path : str or None
        The file, from the folder of the command.
    label : str or None
        The column of a table that is to be foretold; ``label`` by default.
    task : str or None
        ``classification``, ``regression`` or ``next_token``; by default what the labels speak of.
    duplicates : str
        What becomes of equal inputs: ``refuse``, ``drop`` all but the first, ``keep``.
    organisation, tasks : str or None
        The columns that say who owns what, and what is of which task; null if there is none though a column
        has the name (file).
    ignore : list of str
        Columns that are no inputs (file).
    categories : str
        ``one_hot``: an input for each value; ``codes``: one input, its number (file).
    """

    name: str = "file"
    path: str | None = None
    label: str | None = None
    task: TaskName = None
    duplicates: Duplicates = "refuse"
    organisation: str | None = "organisation"
    tasks: str | None = "task"
    ignore: list[str] = field(default_factory=list)
    categories: Annotated[str, Field(pattern="^(one_hot|codes)$")] = "one_hot"

    def load(self) -> Examples:
        """Return the examples (see `sim.data.datasets.own.arrays.examples_of`)."""
        path = self._file()
        if path.suffix.lower() in READERS:
            given = table_of(read_table(path), self.columns(), str(self.path))
        else:
            given = arrays_of(_read_arrays(path), str(self.path))
        return examples_of(given, self.task, self.duplicates)

    def digest(self) -> str:
        """Return the SHA-256 digest of the file."""
        return digest_of_file(self._file())

    def columns(self) -> Columns:
        """Return which columns of a table are what."""
        codes = self.categories == "codes"
        return Columns(self.label, self.organisation, self.tasks, tuple(self.ignore), codes)

    def _file(self) -> Path:
        path = Path(self.path or "").expanduser()
        known = (".npz", *READERS)
        if not self.path or path.suffix.lower() not in known or not path.is_file():
            raise DataError(
                f"data.path must name a file that ends in {', '.join(known)}, from {Path.cwd()}; got "
                f"{self.path!r}"
            )
        return path


def arrays_of(arrays: dict[str, Any], source: str) -> Given:
    """Return arrays by name as what a user gave.

    Raises
    ------
    DataError
        If there are no inputs, or an array has another name.
    """
    if strange := [name for name in arrays if name not in ARRAYS]:
        raise DataError(f"arrays must be among {', '.join(ARRAYS)}; got {strange[0]!r} in {source}")
    if "inputs" not in arrays:
        raise DataError(f"arrays must hold inputs; got {', '.join(arrays) or 'none'} in {source}")
    features, vocabulary = (
        tuple(map(str, np.asarray(arrays.get(name, ())).ravel().tolist()))
        for name in ("features", "vocabulary")
    )
    given = Given(
        arrays["inputs"],
        arrays.get("labels"),
        source,
        task=arrays.get("task"),
        organisation=arrays.get("organisation"),
        features=features,
        vocabulary=vocabulary,
    )
    width = int(np.prod(np.shape(given.inputs)[1:]))
    if features and len(features) != width:
        raise DataError(f"features must name each of {width} inputs; got {len(features)} names")
    return given


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, BadZipFile, EOFError) as error:
        told = " ".join(str(error).split())[:200]
        raise DataError(
            f"data.path must name arrays of numbers and texts, none of objects, as np.savez writes them; got "
            f"{path} ({told})"
        ) from error
