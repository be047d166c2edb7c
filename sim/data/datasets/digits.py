"""The digits that come with scikit-learn: as they are, enlarged, moved, and as two tasks."""

import dataclasses
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from markets.columns import Ints
from sim.data.datasets import DATASETS
from sim.data.datasets.base import Dataset, Examples


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Digits(Dataset):
    """1,797 handwritten digits, 8 x 8, that come with scikit-learn (Alpaydin and Kaynak 1998); no cache."""

    name: str = "digits"

    def load(self) -> Examples:
        """Return the examples, [1797, 1, 8, 8]."""
        bunch = load_digits()
        inputs = (bunch.images[:, None] / 16).astype(np.float32)
        labels = bunch.target.astype(np.int64)
        names = [str(name) for name in bunch.target_names]
        return Examples(
            inputs=inputs,
            labels=labels,
            classes=10,
            class_names=names,
            source="scikit-learn load_digits",
            mean=(0.3053,),
            deviation=(0.3760,),
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
        return dataclasses.replace(small, inputs=large.clip(0, 1), source=source, deviation=(0.3247,))


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


def moved(images: NDArray[np.float32], shift: Ints) -> NDArray[np.float32]:
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
        task_numbers=np.arange(count) % 2,
    )
