"""Examples that a function of the user's own returns."""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from markets.user_code import called, digest_of, loaded
from sim.data.datasets import DATASETS
from sim.data.datasets.base import DataError, Dataset, Examples
from sim.data.datasets.own.arrays import Duplicates, Given, TaskName, examples_of
from sim.data.datasets.own.file import arrays_of
from sim.data.datasets.own.tables import Columns, table_of

FIELD = "data.factory"


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Module(Dataset):
    """What a function of the user's own returns: arrays, a mapping of them, a table or a torch Dataset.

    A pair of arrays is (inputs, labels); a mapping has the names that an ``.npz`` file has; a DataFrame is a
    table; of a Dataset, each item is a pair or a mapping of inputs and labels. Random numbers that the
    function draws from `random`, `numpy.random` or `torch` are the same every time.

    Parameters
    ----------
    factory : str or None
        ``./file.py:name`` or ``module:name``, from the folder of the command.
    options : dict
        What the function is called with, by keyword.
    label : str or None
        The column of a table that is to be foretold; ``label`` by default.
    task : str or None
        ``classification``, ``regression`` or ``next_token``; by default what the labels speak of.
    duplicates : str
        What becomes of equal inputs: ``refuse``, ``drop`` all but the first, ``keep``.
    """

    name: str = "module"
    factory: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    label: str | None = None
    task: TaskName = None
    duplicates: Duplicates = "refuse"

    def load(self) -> Examples:
        """Return what the function returns as examples."""
        spec = self._spec()
        function = loaded(spec, FIELD)
        if not callable(function):
            raise DataError(f"{FIELD} must name a function; got {spec}, {type(function).__name__}")
        with _as_every_time():
            answer = called(lambda: function(**self.options), field=FIELD, spec=spec)
            given = self._given(answer, spec)
        return examples_of(given, self.task, self.duplicates)

    def digest(self) -> str:
        """Return the SHA-256 digest of the file of the function."""
        return digest_of(self._spec(), FIELD)

    def _spec(self) -> str:
        if not self.factory:
            raise DataError(f"{FIELD} must name a function, as ./mine.py:load; got {self.factory!r}")
        return self.factory

    def _given(self, answer: Any, spec: str) -> Given:
        """Return an answer of the function as arrays."""
        if isinstance(answer, pd.DataFrame):
            return table_of(answer, Columns(self.label), spec)
        if isinstance(answer, Mapping):
            return arrays_of({str(name): _array(own) for name, own in answer.items()}, spec)
        if isinstance(answer, tuple) and len(answer) == 2:
            return Given(_array(answer[0]), _array(answer[1]), spec)
        items = called(lambda: _items(answer), field=FIELD, spec=spec)
        if not items or not all(_is_item(item) for item in items):
            raise DataError(
                f"{FIELD} must return a pair of inputs and labels, a mapping of arrays, a DataFrame, or a "
                f"Dataset of pairs or mappings; got {type(answer).__name__} from {spec}"
            )
        if isinstance(items[0], Mapping):
            named = {name: _stacked(name, [item[name] for item in items]) for name in items[0]}
            return arrays_of(named, spec)
        inputs, labels = (
            _stacked(name, [item[i] for item in items]) for i, name in enumerate(("inputs", "labels"))
        )
        return Given(inputs, labels, spec)


def _items(answer: Any) -> list[Any]:
    """Return the items of what may be a Dataset; none of what is no collection of items."""
    if isinstance(answer, np.ndarray | torch.Tensor | str):
        return []
    if hasattr(answer, "__getitem__") and hasattr(answer, "__len__"):
        return [answer[i] for i in range(len(answer))]
    return list(answer) if hasattr(answer, "__iter__") else []


def _is_item(item: Any) -> bool:
    return isinstance(item, Mapping) or (isinstance(item, tuple | list) and len(item) == 2)


def _array(values: Any) -> NDArray[Any]:
    """Return what may be a tensor or an image as an array."""
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def _stacked(name: str, values: Sequence[Any]) -> NDArray[Any]:
    """Return one array of those of all items."""
    arrays = [_array(value) for value in values]
    if len(shapes := {array.shape for array in arrays}) > 1:
        raise DataError(
            f"{name} must have one shape; got items of {' and '.join(map(str, sorted(shapes)[:2]))}"
        )
    return np.stack(arrays)


@contextmanager
def _as_every_time() -> Iterator[None]:
    """Let libraries draw the same random numbers every time, and then go on as they would have."""
    plain, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        try:
            yield
        finally:
            random.setstate(plain)
            np.random.set_state(of_numpy)  # noqa: NPY002
