"""Datasets: a class in `DATASETS` each; its `load` returns `Examples`.

Core Objects: DATASETS, Dataset, OpenMLImages, Examples, DataError
"""

import dataclasses
import math
import warnings
from abc import ABC, abstractmethod
from http.client import HTTPException
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from scipy.ndimage import zoom
from sklearn.datasets import fetch_openml, get_data_home, load_digits

from markets.registry import Registry

IntArray = NDArray[np.int64]


class DataError(ValueError):
    """A dataset cannot be had, or cannot be shared out as asked."""


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Images with their classes.

    Parameters
    ----------
    inputs : float32 array [E, C, H, W]
        Examples, channels, height, width; in [0, 1].
    labels : int64 array [E]
        Class of each example, 0..classes - 1.
    classes : int
        Number of classes K.
    class_names : list of str
        Name of each class, K of them.
    source : str
        Where the examples come from.
    origin : int64 array [E] or None
        The example that each is a copy of, itself for an original; None where all are originals.
    task : int64 array [E] or None
        The task of each example, 0..T - 1; None where there is one task. Tasks share the numbers of the
        classes, not their meaning.

    Raises
    ------
    DataError
        If a shape, a type or a range is wrong.
    """

    inputs: NDArray[np.float32]
    labels: IntArray
    classes: int
    class_names: list[str]
    source: str
    origin: IntArray | None = None
    task: IntArray | None = None

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

    @property
    def tasks(self) -> int:
        """Number of tasks T."""
        return 1 if self.task is None else int(self.task.max()) + 1

    @property
    def task_of_each(self) -> IntArray:
        """The task of each example, [E]."""
        return np.zeros(len(self.labels), dtype=np.int64) if self.task is None else self.task

    @property
    def is_original(self) -> NDArray[np.bool_]:
        """Whether an example is an original, [E]."""
        if self.origin is None:
            return np.ones(len(self.labels), dtype=bool)
        return self.origin == np.arange(len(self.labels))

    def copies_of(self, originals: IntArray) -> IntArray:
        """Return some originals with all their copies, sorted."""
        return originals if self.origin is None else np.flatnonzero(np.isin(self.origin, originals))


class Dataset(ABC):
    """What `DATASETS` holds: a configuration that can load its examples."""

    name: str
    data_home: str | None

    @abstractmethod
    def load(self) -> Examples:
        """Return all examples, in the order of the source."""


def _check_dataset(cls: type[Dataset]) -> None:
    """Raise a TypeError for a class that cannot load examples."""
    fields = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if not issubclass(cls, Dataset) or cls.__abstractmethods__ or "data_home" not in fields:
        raise TypeError(f"dataset {cls.__name__} must be a Dataset with a load() and a field data_home")


DATASETS: Registry[Dataset] = Registry("dataset", _check_dataset)


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Digits(Dataset):
    """1,797 handwritten digits, 8 x 8, that come with scikit-learn (Alpaydin and Kaynak 1998); no cache."""

    name: str = "digits"
    data_home: str | None = None

    def load(self) -> Examples:
        """Return the examples, [1797, 1, 8, 8]."""
        bunch = load_digits()
        inputs = (bunch.images[:, None] / 16).astype(np.float32)
        labels = bunch.target.astype(np.int64)
        return Examples(
            inputs, labels, 10, [str(name) for name in bunch.target_names], "scikit-learn load_digits"
        )


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Digits28(Digits):
    """The digits of scikit-learn enlarged to 28 x 28, the size of MNIST, by bilinear interpolation; no cache.

    A pixel of an original covers a square of 3.5 x 3.5; between the centres of the squares brightness is
    linear, beyond the outermost ones constant. What needs MNIST's shape, not MNIST, runs on these.
    """

    name: str = "digits28"

    def load(self) -> Examples:
        """Return the examples, [1797, 1, 28, 28]."""
        small = super().load()
        factor = 28 / small.inputs.shape[-1]
        large = zoom(small.inputs, (1, 1, factor, factor), order=1, mode="nearest", grid_mode=True)
        source = f"{small.source}, enlarged to 28 x 28"
        return Examples(large.clip(0, 1), small.labels, small.classes, small.class_names, source)


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Digits28Shifted(Digits28):
    """The digits of 28 x 28, each with seven copies moved by up to two pixels each way; no cache.

    As many steps an epoch as on MNIST at a fifth of its size. Copies stay with their original, so nothing is
    trained on that is tested in another place.
    """

    copies: ClassVar[int] = 7
    most_shift: ClassVar[int] = 2

    name: str = "digits28_shifted"

    def load(self) -> Examples:
        """Return the examples, [14376, 1, 28, 28], originals first."""
        still = super().load()
        count = len(still.labels)
        rng = np.random.default_rng(0)
        shifts = rng.integers(-self.most_shift, self.most_shift + 1, (self.copies, count, 2))
        inputs = np.concatenate([still.inputs, *(moved(still.inputs, shift) for shift in shifts)])
        times = self.copies + 1
        source = f"{still.source}, with {self.copies} copies moved by up to {self.most_shift} pixels"
        return dataclasses.replace(
            still,
            inputs=inputs,
            labels=np.tile(still.labels, times),
            source=source,
            origin=np.tile(np.arange(count), times),
        )


def moved(images: NDArray[np.float32], shift: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return images [E, C, H, W] moved down and to the right by shift [E, 2] pixels, 0 where nothing is."""
    most = int(np.abs(shift).max(initial=0))
    height, width = images.shape[-2:]
    framed = np.pad(images, ((0, 0), (0, 0), (most, most), (most, most)))
    down = np.arange(height) + most - shift[:, :1]
    right = np.arange(width) + most - shift[:, 1:]
    example = np.arange(len(images))[:, None, None, None]
    channel = np.arange(images.shape[1])[None, :, None, None]
    return framed[example, channel, down[:, None, :, None], right[:, None, None, :]]


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class DigitsAndTurned(Digits):
    """Two tasks: one half of scikit-learn's digits as they are, the other turned by 90 degrees; no cache.

    No image is in both tasks. What lines and arcs are is common to both, which digit they make is not.
    """

    name: str = "digits_and_turned"

    def load(self) -> Examples:
        """Return the examples, [1796, 1, 8, 8], by turns of task 0 and 1."""
        upright = by_turns(super().load())
        inputs = upright.inputs.copy()
        inputs[1::2] = np.rot90(inputs[1::2], axes=(2, 3))
        return dataclasses.replace(upright, inputs=inputs)


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class DigitsAndParity(Digits):
    """Two tasks: which digit one half of scikit-learn's digits are, whether the other are odd; no cache.

    No image is in both tasks. All that the second task needs to know of an image, the first one needs too.
    """

    name: str = "digits_and_parity"

    def load(self) -> Examples:
        """Return the examples, [1796, 1, 8, 8], by turns of task 0 and 1."""
        digits = by_turns(super().load())
        labels = digits.labels.copy()
        labels[1::2] %= 2
        return dataclasses.replace(digits, labels=labels)


def by_turns(examples: Examples) -> Examples:
    """Return an even number of examples that belong to two tasks by turns."""
    count = len(examples.labels) // 2 * 2
    return dataclasses.replace(
        examples,
        inputs=examples.inputs[:count],
        labels=examples.labels[:count],
        source=f"{examples.source}, as two tasks",
        task=np.arange(count) % 2,
    )


@dataclass(frozen=True, config={"extra": "forbid"})
class OpenMLImages(Dataset):
    """Images of bytes from OpenML: a subclass says which.

    The first `load` downloads into the cache, later ones read the cache: no network is needed then. Every
    load parses the whole file and holds it as float64 once: minutes and gigabytes for the larger ones.

    Parameters
    ----------
    name : str
        Name in `DATASETS`.
    data_home : str or None
        Folder of the cache; scikit-learn's own (``~/scikit_learn_data`` or ``$SCIKIT_LEARN_DATA``) by
        default.
    """

    data_id: ClassVar[int]
    shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)

    name: str = "openml"
    data_home: str | None = None

    def load(self) -> Examples:
        """Return the examples; labels number the sorted class names of the file.

        Raises
        ------
        DataError
            If neither the cache nor the network has the data, or the file does not hold what it should.
        """
        home = get_data_home(self.data_home)
        try:
            with warnings.catch_warnings():
                # The error below says it all; scikit-learn would also warn at every retry.
                warnings.filterwarnings("ignore", "A network error occurred", UserWarning)
                bunch = fetch_openml(
                    data_id=self.data_id, as_frame=False, parser="liac-arff", data_home=home, cache=True
                )
        except (OSError, HTTPException) as error:
            raise DataError(
                f"dataset {self.name} is neither in the cache folder {home} nor at OpenML ({error}): "
                f"load it once with a network, or set data_home to the folder of such a load"
            ) from error
        except ValueError as error:
            raise DataError(
                f"dataset {self.name} in the cache folder {home} cannot be read: {error}"
            ) from error
        features = math.prod(self.shape)
        if bunch.data.shape[1] != features:
            raise DataError(
                f"dataset {self.name} must have {features} features an example; got {bunch.data.shape[1]}"
            )
        names, labels = np.unique(bunch.target.astype(str), return_inverse=True)
        inputs = (bunch.data.reshape(-1, *self.shape) / 255).astype(np.float32)
        source = f"OpenML data_id {self.data_id} ({bunch.url})"
        return Examples(inputs, labels.astype(np.int64), len(names), [str(name) for name in names], source)


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class MNIST(OpenMLImages):
    """70,000 handwritten digits, 28 x 28 (LeCun, Bottou, Bengio and Haffner 1998)."""

    data_id: ClassVar[int] = 554
    name: str = "mnist"


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class FashionMNIST(OpenMLImages):
    """70,000 pieces of clothing, 28 x 28 (Xiao, Rasul and Vollgraf 2017)."""

    data_id: ClassVar[int] = 40996
    name: str = "fashion_mnist"


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class KuzushijiMNIST(OpenMLImages):
    """70,000 cursive Japanese characters, 28 x 28 (Clanuwat et al. 2018)."""

    data_id: ClassVar[int] = 41982
    name: str = "kuzushiji_mnist"


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class CIFAR10(OpenMLImages):
    """60,000 colour photographs, 3 x 32 x 32, of ten kinds of things (Krizhevsky 2009)."""

    data_id: ClassVar[int] = 40927
    shape: ClassVar[tuple[int, int, int]] = (3, 32, 32)
    name: str = "cifar10"


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class MNISTAndFashion(Dataset):
    """Two tasks, 28 x 28: handwritten digits (MNIST) and pieces of clothing (Fashion-MNIST)."""

    name: str = "mnist_and_fashion"
    data_home: str | None = None

    def load(self) -> Examples:
        """Return the examples of MNIST, of task 0, and then those of Fashion-MNIST, of task 1."""
        first, second = (kind(data_home=self.data_home).load() for kind in (MNIST, FashionMNIST))
        pairs = zip(first.class_names, second.class_names, strict=True)
        return Examples(
            np.concatenate([first.inputs, second.inputs]),
            np.concatenate([first.labels, second.labels]),
            first.classes,
            [" or ".join(pair) for pair in pairs],
            f"{first.source}; {second.source}",
            task=np.repeat(np.arange(2), [len(first.labels), len(second.labels)]),
        )
