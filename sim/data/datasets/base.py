"""What a dataset is: a configuration that can load its examples.

Core Objects: Dataset, Examples, DataError
"""

import dataclasses
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learning.tasks import TASKS, Task
from markets.columns import Bools, Ints
from markets.refusals import InputError


class DataError(InputError):
    """A dataset cannot be had, or cannot be shared out as asked."""


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Examples with what is right of each.

    Parameters
    ----------
    inputs : float32 array [E, *S], or int64 of tokens [E, T]
        Examples: images are [E, C, H, W], channels, height, width, as a rule in [0, 1]; rows of a table
        [E, F].
    labels : int64 array [E]
        Class of each example, 0..classes - 1, by which examples are shared out; where examples have no
        class, a stratum of them.
    classes : int
        Number of classes or strata.
    class_names : list of str
        Name of each.
    source : str
        Where the examples come from.
    origin : int64 array [E] or None
        The example that each is a copy of, itself for an original; None where all are originals.
    task_numbers : int64 array [E] or None
        The task of each example, 0..T - 1; None where there is one task. Tasks share the numbers of the
        classes, not their meaning.
    kind : str
        The kind of task, one of `agents.learning.tasks.TASKS`.
    targets : array [E, ...] or None
        What is right of each example; by default its class.
    vocabulary : tuple of str
        What the task tells apart; by default the classes.
    organisation : int64 array [E] or None
        Who owns each example, 0..O - 1; None where the data do not say.
    organisation_names : tuple of str
        The name of each owner, O of them.
    features : tuple of str
        The names of the inputs, one after the other; none where they have no names.
    numbers : bool array [F] or None
        Of the columns of a table, those that are numbers and have a scale; None where all are.
    mean, deviation : tuple of float
        Usual mean and deviation of the pixels, one a channel, by which standardised inputs are measured; None
        where they are found from the endowments (see `sim.data.scaling`).

    Raises
    ------
    DataError
        If a shape, a type or a range is wrong.
    """

    inputs: NDArray[Any]
    labels: Ints
    classes: int
    class_names: list[str]
    source: str
    origin: Ints | None = None
    task_numbers: Ints | None = None
    kind: str = "classification"
    targets: NDArray[Any] | None = None
    vocabulary: tuple[str, ...] = ()
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    organisation: Ints | None = None
    organisation_names: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    numbers: Bools | None = None

    def __post_init__(self) -> None:
        self._check_inputs()
        count = len(self.inputs)
        if self.labels.shape != (count,) or self.labels.dtype != np.int64:
            raise DataError(
                f"labels must be int64 of shape ({count},); got {self.labels.dtype} {self.labels.shape}"
            )
        if (
            self.labels.min() < 0
            or self.labels.max() >= self.classes
            or len(self.class_names) != self.classes
        ):
            raise DataError(f"classes must count the labels and the class names; got {self.classes}")
        if self.kind not in TASKS:
            raise DataError(f"kind must be one of {', '.join(TASKS)}; got {self.kind!r}")
        self._check_targets()
        for name in ("origin", "task_numbers", "organisation"):
            column = getattr(self, name)
            if column is not None and (
                column.shape != (count,) or column.dtype != np.int64 or min(column) < 0
            ):
                raise DataError(
                    f"{name} must be int64 of shape ({count},), none negative; got {column.dtype} "
                    f"{column.shape}"
                )

    def _check_inputs(self) -> None:
        shape, tokens = self.inputs.shape, self.kind in TASKS and TASKS[self.kind].takes_tokens
        wanted = "int64 of shape [E, T]" if tokens else "float32 of shape [E, ...]"
        if (
            len(shape) < 2
            or self.inputs.dtype != (np.int64 if tokens else np.float32)
            or not self.inputs.size
        ):
            raise DataError(f"inputs must be {wanted}, not empty; got {self.inputs.dtype} {shape}")
        if tokens:
            self._check_tokens("inputs", self.inputs)
        elif not np.isfinite(self.inputs).all():
            row = int(np.argmin(np.isfinite(self.inputs.reshape(shape[0], -1)).all(axis=1)))
            raise DataError(f"inputs must be finite numbers; got NaN or an infinity in row {row}")

    def _check_targets(self) -> None:
        if self.targets is None:
            if self.kind != "classification":
                raise DataError(f"targets must be given for {self.kind}; got none")
            return
        if self.kind == "next_token":
            if self.targets.shape != self.inputs.shape or self.targets.dtype != np.int64:
                raise DataError(
                    f"targets must be int64 tokens of shape {self.inputs.shape}; got {self.targets.dtype} "
                    f"{self.targets.shape}"
                )
            self._check_tokens("targets", self.targets)
        if self.kind == "regression":
            if self.targets.shape != self.labels.shape or self.targets.dtype != np.float32:
                raise DataError(
                    f"targets must be float32 of shape {self.labels.shape}; got {self.targets.dtype} "
                    f"{self.targets.shape}"
                )
            if not np.isfinite(self.targets).all():
                row = int(np.argmin(np.isfinite(self.targets)))
                raise DataError(f"targets must be finite numbers; got {self.targets[row]} in row {row}")

    def _check_tokens(self, name: str, tokens: NDArray[Any]) -> None:
        if tokens.min() < 0 or tokens.max() >= len(self.vocabulary):
            raise DataError(
                f"{name} must be tokens 0..{len(self.vocabulary) - 1}, numbers of the vocabulary; got "
                f"{tokens.min()} to {tokens.max()}"
            )

    @property
    def task(self) -> Task:
        """What is right."""
        return TASKS[self.kind](self.inputs.shape[1:], self.vocabulary or tuple(self.class_names))

    @property
    def right(self) -> NDArray[Any]:
        """What is right of each example, [E, ...]."""
        return self.labels if self.targets is None else self.targets

    @property
    def tasks(self) -> int:
        """Number of tasks T."""
        return 1 if self.task_numbers is None else int(self.task_numbers.max()) + 1

    @property
    def task_of_each(self) -> Ints:
        """The task of each example, [E]."""
        return np.zeros(len(self.labels), dtype=np.int64) if self.task_numbers is None else self.task_numbers

    @property
    def is_original(self) -> Bools:
        """Whether an example is an original, [E]."""
        if self.origin is None:
            return np.ones(len(self.labels), dtype=bool)
        return self.origin == np.arange(len(self.labels))

    def copies_of(self, originals: Ints) -> Ints:
        """Return some originals with all their copies, sorted."""
        return originals if self.origin is None else np.flatnonzero(np.isin(self.origin, originals))


class Dataset(ABC):
    """What `DATASETS` holds: a frozen dataclass that can load its examples.

    Its fields are set by ``data.dataset.FIELD``; those that `sim.config.data.DataConfig` has too, as
    `data_home`, the folder of a cache, by ``data.FIELD``.
    """

    name: str

    @abstractmethod
    def load(self) -> Examples:
        """Return all examples, in the order of the source."""

    def digest(self) -> str:
        """Return a digest of what a user's own data are made of; '' for data that everybody has."""
        return ""
