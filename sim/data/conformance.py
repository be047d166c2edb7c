"""Hold a dataset to what a world takes for granted.

Core Objects: check_dataset
"""

import dataclasses

import numpy as np

from markets.refusals import InputError
from sim.config.data import DataConfig
from sim.data.datasets import Dataset, Examples
from sim.data.division import divide
from sim.streams import Streams

PARTS = 3
"""Validation, test and the pool: a class needs as many examples."""


def check_dataset(dataset: Dataset, organisations: int = 2, seed: int = 0) -> None:
    """Load a dataset twice, cut it into the parts of a world, and check what it holds.

    It returns `Examples`, which check shapes, types and ranges; the same ones each time, to the last bit;
    they come with a source and with classes that have names of their own and at least three examples each,
    so that no part lacks one; not all examples and not all that is right of them are alike; copies are of an
    original and of its class and task, and no example is in two parts, in another guise neither: what is
    there twice must be said to be a copy (`Examples.origin`).

    Parameters
    ----------
    dataset : Dataset
        The dataset under test.
    organisations : int
        How many share out what is not held back.
    seed : int
        Of the division.

    Raises
    ------
    AssertionError
        With a sentence that says what is broken.
    """
    examples = _loaded(dataset)
    _check_again(examples, _loaded(dataset))
    _check_origins(examples)
    _check_classes(examples)
    _check_variety(examples)
    _check_twins(examples)
    _check_parts(examples, organisations, seed)


def _claim(holds: bool | np.bool_, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _loaded(dataset: Dataset) -> Examples:
    try:
        examples = dataset.load()
    except InputError as error:
        raise AssertionError(f"load must return examples; it refuses: {error}") from error
    _claim(isinstance(examples, Examples), f"load must return Examples; got {type(examples).__name__}")
    return examples


def _check_again(first: Examples, again: Examples) -> None:
    for field in dataclasses.fields(first):
        one, other = getattr(first, field.name), getattr(again, field.name)
        same = (
            (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
            if isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
            else one is other or bool(np.all(one == other))
        )
        _claim(same, f"load must return the same each time; {field.name} differs")


def _check_classes(examples: Examples) -> None:
    names = examples.class_names
    _claim(bool(examples.source.strip()), "source must say where the examples come from; it is empty")
    _claim(
        all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names),
        f"class_names must be names of their own; got {names}",
    )
    for task in range(examples.tasks):
        own = (examples.task_of_each == task) & examples.is_original
        counts = np.bincount(examples.labels[own], minlength=examples.classes)
        _claim(counts.any(), f"task_numbers must leave no task without examples; {task} has none")
        few = (counts > 0) & (counts < PARTS) if examples.tasks > 1 else counts < PARTS
        _claim(
            not few.any(),
            f"each class must have {PARTS} examples at least, one a part; class {names[int(few.argmax())]!r} "
            f"of task {task} has {counts[int(few.argmax())]}",
        )


def _check_variety(examples: Examples) -> None:
    inputs, right = examples.inputs, examples.right
    _claim((inputs != inputs[:1]).any(), "inputs must not all be alike; they are")
    _claim((right != right[:1]).any(), "what is right must not be the same of all examples; it is")


def _check_origins(examples: Examples) -> None:
    if examples.origin is not None:
        origin, count = examples.origin, len(examples.labels)
        _claim(
            (origin < count).all() and np.array_equal(origin[origin], origin),
            "origin must name an original, the origin of which is itself; it does not",
        )
        _claim(
            np.array_equal(examples.labels[origin], examples.labels)
            and np.array_equal(examples.task_of_each[origin], examples.task_of_each),
            "a copy must have the class and the task of its original; one has not",
        )


def _check_twins(examples: Examples) -> None:
    original = np.arange(len(examples.labels)) if examples.origin is None else examples.origin
    rows = np.ascontiguousarray(examples.inputs.reshape(len(examples.inputs), -1))
    first: dict[bytes, int] = {}
    for row, example in enumerate(rows):
        known = first.setdefault(example.tobytes() + bytes([examples.task_of_each[row] % 256]), row)
        _claim(
            original[known] == original[row],
            f"an example that is there twice must be said to be a copy (origin), or it could be in two parts "
            f"of the data; rows {known} and {row} are alike",
        )


def _check_parts(examples: Examples, organisations: int, seed: int) -> None:
    config = DataConfig(endowment="iid")
    try:
        division = divide(examples, config, organisations, Streams(seed), 0)
    except InputError as error:
        raise AssertionError(
            f"the examples must be enough for {organisations} organisations: {error}"
        ) from error
    parts = [
        np.unique(division.validation),
        np.unique(division.test),
        np.unique(np.concatenate(division.endowments)),
    ]
    origin = np.arange(len(examples.labels)) if examples.origin is None else examples.origin
    held = [set(origin[part].tolist()) for part in parts]
    _claim(
        not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2]),
        "no example may be in two parts of the data; one is",
    )
