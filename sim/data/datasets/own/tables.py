"""Tables of numbers and categories.

Core Objects: Columns, table_of
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.data.datasets.base import DataError
from sim.data.datasets.own.arrays import Given

READERS: dict[str, Callable[..., Any]] = {
    ".csv": pd.read_csv,
    ".tsv": partial(pd.read_csv, sep="\t"),
    ".parquet": pd.read_parquet,
}
"""How a table is read, by the ending of its file."""
MOST_CATEGORIES = 100
"""Values of a column that get an input each: of more, each is too rare to learn anything of."""


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which columns of a table are what.

    Parameters
    ----------
    label : str or None
        The one that is to be foretold; None for ``label`` or ``labels``.
    organisation, tasks : str or None
        The ones that say who owns an example and of which task it is, where there is such a column.
    ignore : sequence of str
        Those that are left out.
    codes : bool
        Whether a category is one input, the number of its value among the sorted ones, instead of one input
        a value, 1 or 0.
    """

    label: str | None = None
    organisation: str | None = "organisation"
    tasks: str | None = "task"
    ignore: tuple[str, ...] = ()
    codes: bool = False


def read_table(path: Path) -> pd.DataFrame:
    """Return the table in a file.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        table: pd.DataFrame = READERS[path.suffix.lower()](path)
        return table
    except Exception as error:  # Whatever the reader says of a file of a stranger's.
        told = " ".join(str(error).split())[:200]
        raise DataError(f"data.path must name a table that can be read; got {path} ({told})") from error


def table_of(table: pd.DataFrame, columns: Columns, source: str) -> Given:
    """Return the rows of a table as arrays.

    Raises
    ------
    DataError
        If a column is missing, or holds what is neither a number nor a category, or a missing value.
    """
    table = table.rename(columns=str)
    names = list(table.columns)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"columns must have names of their own; got {twice!r} twice")
    label = columns.label or next((name for name in ("label", "labels") if name in names), None)
    if label is None or label not in names:
        raise DataError(f"data.label must name a column among {_listed(names)}; got {columns.label!r}")
    if absent := [name for name in columns.ignore if name not in names]:
        raise DataError(f"data.dataset.ignore must be among {_listed(names)}; got {absent[0]!r}")
    apart = {name: table[name].to_numpy() for name in (columns.organisation, columns.tasks) if name in names}
    inputs = table.drop(columns=[label, *apart, *columns.ignore])
    if not len(inputs.columns):
        raise DataError(f"the table must have a column beside {label!r}; got {_listed(names)}")
    encoded = [_encoded(name, inputs[name], columns.codes) for name in inputs.columns]
    return Given(
        inputs=np.concatenate([numbers for _, numbers, _ in encoded], axis=1),
        labels=table[label].to_numpy(),
        source=source,
        task=apart.get(columns.tasks or ""),
        organisation=apart.get(columns.organisation or ""),
        features=tuple(name for own, _, _ in encoded for name in own),
        numbers=np.concatenate([np.full(len(own), scaled) for own, _, scaled in encoded]),
        label=label,
    )


def _encoded(name: str, column: "pd.Series[Any]", codes: bool) -> tuple[list[str], NDArray[np.float32], bool]:
    """Return the names and the numbers [E, n] of the inputs that a column makes, and if they have a scale."""
    missing = column.isna().to_numpy()
    if missing.any():
        raise DataError(
            f"column {name} must have no missing value; got {missing.sum()}, the first in row "
            f"{missing.argmax()}"
        )
    if pd.api.types.is_bool_dtype(column):
        return [name], column.to_numpy(np.float32)[:, None], False
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
        numbers = column.to_numpy(np.float64)
        if not (np.abs(numbers) <= np.finfo(np.float32).max).all():
            row = int(np.argmax(~(np.abs(numbers) <= np.finfo(np.float32).max)))
            raise DataError(f"column {name} must hold numbers of float32; got {numbers[row]} in row {row}")
        return [name], numbers.astype(np.float32)[:, None], True
    kinds = {type(value) for value in column}
    if not kinds <= {str, bool, int, float}:
        odd = next(kind for kind in kinds if kind not in (str, bool, int, float))
        raise DataError(
            f"column {name} must hold numbers, or texts as categories; got {odd.__name__} "
            f"(data.dataset.ignore=[{name}] leaves it out)"
        )
    values, numbers = np.unique(column.astype(str).to_numpy(str), return_inverse=True)
    if codes:
        return [name], numbers.astype(np.float32)[:, None], True
    if len(values) > MOST_CATEGORIES:
        raise DataError(
            f"column {name} must have at most {MOST_CATEGORIES} values to be a category; got {len(values)} "
            f"(data.dataset.ignore=[{name}] leaves it out, data.dataset.categories=codes numbers them)"
        )
    return [f"{name}={value}" for value in values], np.eye(len(values), dtype=np.float32)[numbers], False


def _listed(names: list[str]) -> str:
    told = ", ".join(names)
    return told if len(told) <= 200 else f"{told[:200]}..."
