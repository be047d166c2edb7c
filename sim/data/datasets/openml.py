"""Images from OpenML: MNIST and its like, CIFAR-10, and two of them as two tasks.

Core Objects: OpenMLImages, MNIST, FashionMNIST, KuzushijiMNIST, CIFAR10, MNISTAndFashion
"""

import math
import warnings
from http.client import HTTPException
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass
from sklearn.datasets import fetch_openml, get_data_home

from sim.data.datasets import DATASETS
from sim.data.datasets.base import DataError, Dataset, Examples
from sim.data.datasets.openml_arrays import Parsed, store, stored


@dataclass(frozen=True, config={"extra": "forbid"})
class OpenMLImages(Dataset):
    """Images of bytes from OpenML: a subclass says which.

    The first `load` downloads into the cache and parses the file, which takes minutes and gigabytes for the
    larger ones; later ones read the arrays that it keeps there (see `sim.data.datasets.openml_arrays`), in a
    fraction of a second and without a network.

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
    mean: ClassVar[tuple[float, ...]]
    deviation: ClassVar[tuple[float, ...]]

    name: str = "openml"
    data_home: str | None = None

    def load(self) -> Examples:
        """Return the examples; labels number the sorted class names of the file.

        Raises
        ------
        DataError
            If neither the cache nor the network has the data, or the file does not hold what it should.
        """
        parsed = stored(Path(get_data_home(self.data_home)), self.data_id) or self._parsed()
        features = math.prod(self.shape)
        if parsed.pixels.shape[1] != features:
            raise DataError(
                f"dataset {self.name} must have {features} features an example; got {parsed.pixels.shape[1]}"
            )
        inputs = np.divide(parsed.pixels, np.float32(255), dtype=np.float32)
        return Examples(
            inputs=inputs.reshape(-1, *self.shape),
            labels=parsed.labels,
            classes=len(parsed.names),
            class_names=parsed.names,
            source=f"OpenML data_id {self.data_id} ({parsed.url})",
            mean=self.mean,
            deviation=self.deviation,
        )

    def _parsed(self) -> Parsed:
        """Return what the file holds, and keep it as arrays."""
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
                f"load it once with a network, or set data.data_home to the folder of such a load"
            ) from error
        except ValueError as error:
            raise DataError(
                f"dataset {self.name} in the cache folder {home} cannot be read: {error}"
            ) from error
        pixels = bunch.data.astype(np.uint8)
        if not np.array_equal(pixels, bunch.data):
            raise DataError(f"dataset {self.name} must hold bytes, whole numbers from 0 to 255; got others")
        names, labels = np.unique(bunch.target.astype(str), return_inverse=True)
        parsed = Parsed(pixels, labels.astype(np.int64), [str(name) for name in names], str(bunch.url))
        store(Path(home), self.data_id, str(bunch.details["md5_checksum"]), parsed)
        return parsed


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class MNIST(OpenMLImages):
    """70,000 handwritten digits, 28 x 28 (LeCun, Bottou, Bengio and Haffner 1998)."""

    data_id: ClassVar[int] = 554
    mean: ClassVar[tuple[float, ...]] = (0.1307,)
    deviation: ClassVar[tuple[float, ...]] = (0.3081,)
    name: str = "mnist"


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class FashionMNIST(OpenMLImages):
    """70,000 pieces of clothing, 28 x 28 (Xiao, Rasul and Vollgraf 2017)."""

    data_id: ClassVar[int] = 40996
    mean: ClassVar[tuple[float, ...]] = (0.2860,)
    deviation: ClassVar[tuple[float, ...]] = (0.3530,)
    name: str = "fashion_mnist"


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class KuzushijiMNIST(OpenMLImages):
    """70,000 cursive Japanese characters, 28 x 28 (Clanuwat et al. 2018)."""

    data_id: ClassVar[int] = 41982
    mean: ClassVar[tuple[float, ...]] = (0.1918,)
    deviation: ClassVar[tuple[float, ...]] = (0.3483,)
    name: str = "kuzushiji_mnist"


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class CIFAR10(OpenMLImages):
    """60,000 colour photographs, 3 x 32 x 32, of ten kinds of things (Krizhevsky 2009)."""

    data_id: ClassVar[int] = 40927
    mean: ClassVar[tuple[float, ...]] = (0.4914, 0.4822, 0.4465)
    deviation: ClassVar[tuple[float, ...]] = (0.2470, 0.2435, 0.2616)
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
            inputs=np.concatenate([first.inputs, second.inputs]),
            labels=np.concatenate([first.labels, second.labels]),
            classes=first.classes,
            class_names=[" or ".join(pair) for pair in pairs],
            source=f"{first.source}; {second.source}",
            task_numbers=np.repeat(np.arange(2), [len(first.labels), len(second.labels)]),
            mean=first.mean,
            deviation=first.deviation,
        )
