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
    inputs : float32 array [E, *S], or int64 of tokens
        Examples; images are [E, C, H, W], channels, height, width, in [0, 1].
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
    mean, deviation : tuple of float
        Usual mean and deviation of the pixels, one a channel, by which `standardised` inputs are measured.

    Raises
    ------
    DataError
        If a shape, a type or a range is wrong.
    """

    inputs: NDArray[np.float32]
    labels: Ints
    classes: int
    class_names: list[str]
    source: str
    origin: Ints | None = None
    task_numbers: Ints | None = None
    kind: str = "classification"
    targets: NDArray[Any] | None = None
    vocabulary: tuple[str, ...] = ()
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)
    organisation: Ints | None = None
    organisation_names: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = self.inputs.shape
        if len(shape) != 4 or self.inputs.dtype != np.float32 or not self.inputs.size:
            raise DataError(
                f"inputs must be float32 of shape [E, C, H, W], not empty; got {self.inputs.dtype} {shape}"
            )
        if not (self.inputs.min() >= 0 and self.inputs.max() <= 1):
            raise DataError(f"inputs must be in [0, 1]; got {self.inputs.min()} to {self.inputs.max()}")
        if self.labels.shape != shape[:1] or self.labels.dtype != np.int64:
            raise DataError(
                f"labels must be int64 of shape ({shape[0]},); got {self.labels.dtype} {self.labels.shape}"
            )
        if (
            self.labels.min() < 0
            or self.labels.max() >= self.classes
            or len(self.class_names) != self.classes
        ):
            raise DataError(f"classes must count the labels and the class names; got {self.classes}")

    def standardised(self) -> NDArray[np.float32]:
        """Return the inputs less their usual mean, in units of their usual deviation."""
        mean, deviation = (np.array(c, np.float32)[:, None, None] for c in (self.mean, self.deviation))
        return (self.inputs - mean) / deviation

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

    Its fields are set by ``data.dataset.FIELD``; a field `data_home`, the folder of a cache, by
    ``data.data_home``.
    """

    name: str

    @abstractmethod
    def load(self) -> Examples:
        """Return all examples, in the order of the source."""
