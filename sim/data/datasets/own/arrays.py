"""From a user's arrays to examples: of what kind they are, and whether they can be learnt from and divided.

Core Objects: Given, TaskName, Duplicates, examples_of
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from agents.learning.tasks import TASKS
from markets.columns import Bools, Ints
from sim.data.datasets.base import DataError, Examples
from sim.data.datasets.own.strata import strata_of

TaskName = Annotated[str | None, Field(pattern="^(classification|regression|next_token)$")]
Duplicates = Annotated[str, Field(pattern="^(refuse|drop|keep)$")]
PARTS = 3
"""Validation, test and endowments: each must have an example of every class."""
CHANNELS = (1, 3, 4)
"""How many channels an image has: what tells the axis of channels from those of height and width."""


@dataclasses.dataclass(frozen=True, eq=False)
class Given:
    """What a user gave, as it was given.

    Parameters
    ----------
    inputs : array [E, ...]
        Numbers: rows of a table, series, images of bytes or of fractions; whole numbers as tokens.
    labels : array [E], [E, T] or None
        What is right: classes of any type, numbers, or the token that follows each.
    source : str
        Where they come from, for messages and records.
    task : array [E] or None
        The task of each example, of any type, where there are several.
    organisation : array [E] or None
        Who owns each example, of any type.
    features : tuple of str
        Names of the columns of a table.
    numbers : bool array [F] or None
        Which of them have a scale.
    vocabulary : tuple of str
        Names of the tokens, or of the classes where labels are their numbers.
    label : str
        What the labels are called.
    """

    inputs: NDArray[Any]
    labels: NDArray[Any] | None
    source: str
    task: NDArray[Any] | None = None
    organisation: NDArray[Any] | None = None
    features: tuple[str, ...] = ()
    numbers: Bools | None = None
    vocabulary: tuple[str, ...] = ()
    label: str = "labels"


def examples_of(given: Given, task: str | None = None, duplicates: str = "refuse") -> Examples:
    """Return a user's arrays as examples.

    Parameters
    ----------
    given : Given
        The arrays.
    task : str or None
        A name in `agents.learning.tasks.TASKS`; None lets the labels say: fractions are numbers to be
        foretold, labels of whole sequences, or none, are tokens that follow, all else are classes.
    duplicates : str
        Whether equal inputs are refused (``refuse``), all but the first left out (``drop``), or kept.

    Raises
    ------
    DataError
        If they are no examples, or cannot be divided.
    """
    kind = task or _kind(given)
    labels = None if given.labels is None else np.asarray(given.labels)
    raw = np.asarray(given.inputs)
    if raw.ndim < 1 or not len(raw):
        raise DataError(f"inputs must be examples, one a row, at least one; got shape {raw.shape}")
    columns = {"labels": labels, "task": given.task, "organisation": given.organisation}
    columns = {name: None if own is None else np.asarray(own) for name, own in columns.items()}
    for name, column in columns.items():
        if column is not None and column.shape[:1] != raw.shape[:1]:
            raise DataError(f"{name} must be as many as inputs ({len(raw)}); got shape {column.shape}")
    tokens = TASKS[kind].takes_tokens
    inputs = _tokens("inputs", raw) if tokens else _inputs(raw)
    kept = _distinct(inputs, duplicates)
    inputs = inputs[kept]
    columns = {name: None if own is None else own[kept] for name, own in columns.items()}
    task_numbers, organisation = (_names(name, columns[name]) for name in ("task", "organisation"))
    answered: Mapping[str, Any]
    if tokens:
        answered = _foretold(_tokens("inputs", inputs), columns["labels"], given)
    elif kind == "regression":
        answered = {"inputs": inputs, **_numbers(columns["labels"], given)}
    else:
        answered = {"inputs": inputs, **_classes(columns["labels"], task_numbers[0], given)}
    return Examples(
        **answered,
        kind=kind,
        source=given.source,
        task_numbers=task_numbers[0],
        organisation=organisation[0],
        organisation_names=organisation[1],
        features=given.features,
        numbers=given.numbers,
    )


def _kind(given: Given) -> str:
    """Return the kind of task that the labels speak of."""
    if given.labels is None or np.ndim(given.labels) == 2:
        return "next_token"
    labels = np.asarray(given.labels)
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        row = int(np.argmax(np.isinf(labels)))
        raise DataError(f"{given.label} must be finite numbers; got {labels[row]} in row {row}")
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels != np.round(labels)).any():
        return "regression"
    return "classification"


def _inputs(given: NDArray[Any]) -> NDArray[np.float32]:
    """Return inputs as float32: bytes as fractions, images with their channels first."""
    if given.dtype.kind not in "buif":
        raise DataError(f"inputs must be numbers; got {given.dtype}")
    if given.ndim == 1:
        given = given[:, None]
    is_bytes = given.dtype == np.uint8 and given.ndim >= 3
    if is_bytes and given.ndim == 3:
        given = given[:, None]
    if given.ndim == 4 and given.shape[3] in CHANNELS and given.shape[1] not in CHANNELS:
        given = np.moveaxis(given, 3, 1)
    with np.errstate(over="ignore"):
        inputs = np.ascontiguousarray(given, dtype=np.float32)
    if not (finite := np.isfinite(inputs.reshape(len(inputs), -1)).all(axis=1)).all():
        raise DataError(f"inputs must be finite numbers; got NaN or an infinity in row {finite.argmin()}")
    return inputs / np.float32(255) if is_bytes else inputs


def _tokens(name: str, given: NDArray[Any]) -> Ints:
    if given.dtype.kind not in "iu" or given.ndim != 2:
        raise DataError(
            f"{name} must be whole numbers of shape [E, T], tokens, for next_token; got {given.dtype} "
            f"{given.shape}"
        )
    return given.astype(np.int64)


def _distinct(inputs: NDArray[Any], duplicates: str) -> Ints:
    """Return the rows to keep, in order: all of them, or of equal ones the first."""
    every = np.arange(len(inputs))
    if duplicates == "keep":
        return every
    first: dict[bytes, int] = {}
    rows = (hashlib.blake2b((row + 0).tobytes(), digest_size=16).digest() for row in inputs)  # -0 is 0
    seen = np.array([first.setdefault(row, number) for number, row in enumerate(rows)], np.int64)
    again = np.flatnonzero(seen != every)
    if len(again) and duplicates == "refuse":
        raise DataError(
            f"inputs must all differ, or one example would be learnt from and measured on; got rows "
            f"{seen[again[0]]} and {again[0]} alike, and {len(again)} such rows (data.duplicates=drop leaves "
            f"them out, keep takes them as they are)"
        )
    return np.unique(seen)


def _names(name: str, given: NDArray[Any] | None) -> tuple[Ints | None, tuple[str, ...]]:
    """Return the number of each value among the sorted ones, and those as texts."""
    if given is None:
        return None, ()
    if given.ndim != 1:
        raise DataError(f"{name} must be one value an example; got shape {given.shape}")
    if (missing := np.asarray(pd.isna(given))).any():
        row = int(missing.argmax())
        raise DataError(f"{name} must have no missing value; got {given[row]} in row {row}")
    if given.dtype.kind == "f" and (given == np.round(given)).all():
        given = given.astype(np.int64)
    try:
        values, numbers = np.unique(given, return_inverse=True)
    except TypeError:  # values of several types have no order
        values, numbers = np.unique(given.astype(str), return_inverse=True)
    return numbers.astype(np.int64), tuple(map(str, values.tolist()))


def _classes(labels: NDArray[Any] | None, task_numbers: Ints | None, given: Given) -> Mapping[str, Any]:
    """Return labels as classes, numbered within each task."""
    if labels is None:
        raise DataError(f"{given.label} must say the class of each example; got none")
    own = np.zeros(len(labels), np.int64) if task_numbers is None else task_numbers
    numbers, names = np.empty(len(labels), np.int64), list[list[str]]()
    for task in range(own.max() + 1):
        found, named = _names(given.label, labels[own == task])
        assert found is not None
        numbers[own == task] = found
        names.append(_called(named, given))
        counts = np.bincount(found)
        if len(counts) < 2:
            raise DataError(f"{given.label} must name at least two classes; got {named[0]!r} alone")
        if counts.min() < PARTS:
            raise DataError(
                f"{given.label} must name each class at least {PARTS} times, for validation, test and an "
                f"endowment; got {named[counts.argmin()]!r} {counts.min()} times, {len(counts)} classes of "
                f"{len(found)} examples (data.task=regression if labels are numbers to be foretold)"
            )
    most = max(map(len, names))
    class_names = [" or ".join(dict.fromkeys(one[k] for one in names if k < len(one))) for k in range(most)]
    return {"labels": numbers, "classes": most, "class_names": class_names}


def _called(named: tuple[str, ...], given: Given) -> list[str]:
    """Return the names of classes: those that were given for their numbers, if any."""
    count = len(given.vocabulary)
    if not count:
        return list(named)
    numbers = {str(number): name for number, name in enumerate(given.vocabulary)}
    if strange := [name for name in named if name not in numbers]:
        raise DataError(
            f"{given.label} must be whole numbers below {count}, as many as the vocabulary names; got "
            f"{strange[0]!r}"
        )
    return [numbers[name] for name in named]


def _numbers(labels: NDArray[Any] | None, given: Given) -> Mapping[str, Any]:
    """Return labels as numbers to be foretold, with strata by their size."""
    if labels is None or labels.ndim != 1 or labels.dtype.kind not in "buif":
        told = "none" if labels is None else f"{labels.dtype} of shape {labels.shape}"
        raise DataError(f"{given.label} must be one number an example for regression; got {told}")
    if not np.isfinite(labels).all():
        row = int(np.argmin(np.isfinite(labels)))
        raise DataError(f"{given.label} must be finite numbers; got {labels[row]} in row {row}")
    targets = labels.astype(np.float32)
    if targets.min() == targets.max():
        raise DataError(f"{given.label} must differ between examples; got {targets[0]} alone")
    return {"targets": targets, "vocabulary": (given.label,), **strata_of(targets)}


def _foretold(inputs: Ints, labels: NDArray[Any] | None, given: Given) -> Mapping[str, Any]:
    """Return sequences and the token that follows at each of their positions; they are one stratum."""
    if labels is None:
        if inputs.shape[1] < 2:
            raise DataError(f"inputs must be sequences of two tokens or more; got shape {inputs.shape}")
        inputs, targets = inputs[:, :-1].copy(), inputs[:, 1:].copy()
    else:
        targets = _tokens(given.label, labels)
    least, most = min(inputs.min(), targets.min()), max(inputs.max(), targets.max())
    count = len(given.vocabulary) or most + 1
    if least < 0 or most >= count:
        raise DataError(
            f"tokens must be whole numbers from 0 to {count - 1}; got {least if least < 0 else most}"
        )
    return {
        "inputs": inputs,
        "targets": targets,
        "vocabulary": given.vocabulary or tuple(map(str, range(count))),
        "labels": np.zeros(len(inputs), np.int64),
        "classes": 1,
        "class_names": ["sequences"],
    }
