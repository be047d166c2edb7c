"""MNIST-1D: digits as short series, drawn by a published recipe.

Source: Greydanus and Kobak (2020), "Scaling Down Deep Learning with MNIST-1D" (arXiv:2011.14439), section 2
and appendix A; parameters as in their repository, github.com/greydanus/mnist1d. The distribution is theirs,
the draws are our own.
"""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.ndimage import gaussian_filter1d

from markets.columns import Floats
from sim.data.datasets import DATASETS
from sim.data.datasets.base import Dataset, Examples

SHAPES = """
    5 6   6.5 6.75 7   7    7    7 6.75 6.5 6   5
    5 3   3   3.4  3.8 4.2  4.6  5 5.4  5.8 5   5
    5 6   6.5 6.5  6   5.25 4.75 4 3.5  3.5 4   5
    5 6   6.5 6.5  6   5    5    6 6.5  6.5 6   5
    5 4.4 3.8 3.2  2.6 2.6  5    5 5    5   5   5
    5 3   3   3    3   5    6    6.5 6.5 6  4.5 5
    5 4   3.5 3.25 3   3    3    3 3.25 3.5 4   5
    5 7   7   6.6  6.2 5.8  5.4  5 4.6  4.2 5   5
    5 4   3.5 3.5  4   5    5    4 3.5  3.5 4   5
    5 4   3.5 3.5  4   5    5    5 5    4.7 4.3 5
"""
"""The heights of the digits 0 to 9, drawn as lines of twelve points."""
POINTS, LEAST_PAD, MOST_PAD = 12, 36, 60
LONG, SHORT = POINTS + MOST_PAD, 40
"""Points of a series while it is made, and in the end."""
STRETCH, MOST_SHIFT, SHEAR = 0.4, 48, 0.75
SMOOTH_NOISE, SMOOTHING, PLAIN_NOISE = 0.25, 2.0, 0.02
MEAN, DEVIATION = -0.0060, 0.1547
"""Of all points of such series: those of a million series."""


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class MNIST1D(Dataset):
    """Digits as series of 40 points, generated; no cache.

    A harder problem than the digits for networks of their size: a published MLP reaches 68%, a convolutional
    network 94%, logistic regression 32% (Greydanus and Kobak 2020). An example is an image one point high.

    Parameters
    ----------
    count : int
        How many examples, as many of each digit; they have 5,000 (mnist1d).
    """

    name: str = "mnist1d"
    count: Annotated[int, Field(ge=30, le=1_000_000, multiple_of=10)] = 5000

    def load(self) -> Examples:
        """Return the examples, [E, 1, 1, 40], in units of their usual deviation, in random order."""
        rng = np.random.default_rng(2020)
        labels = rng.permutation(np.arange(self.count) % 10)
        series = (drawn(templates()[labels], rng) - MEAN) / DEVIATION
        return Examples(
            inputs=series[:, None, None].astype(np.float32),
            labels=labels,
            classes=10,
            class_names=list("0123456789"),
            source="MNIST-1D (Greydanus and Kobak 2020), generated",
            mean=(0.0,),
            deviation=(1.0,),
        )


def templates() -> Floats:
    """Return the line of each digit, [10, 12]: of one spread, beginning at 0."""
    heights = np.array(SHAPES.split(), dtype=np.float64).reshape(10, POINTS)
    spread = heights / heights.std(axis=1, keepdims=True)
    return np.asarray((spread - spread[:, :1]) / 6)


def drawn(lines: Floats, rng: np.random.Generator) -> Floats:
    """Return lines [E, 12] as series [E, 40]: stretched, scaled, moved, with noise, and sheared."""
    count = len(lines)
    padded = POINTS + rng.integers(LEAST_PAD, MOST_PAD + 1, count)
    # Padding with zeros and stretching to one length: where each point lies on the line.
    at = np.arange(LONG) * (padded[:, None] - 1) / (LONG - 1)
    is_line = at < POINTS
    left = np.minimum(at.astype(np.int64), POINTS - 1)
    heights = np.concatenate([lines, np.zeros((count, 1))], axis=1)
    low, high = (np.take_along_axis(heights, left + step, axis=1) for step in (0, 1))
    series = np.where(is_line, low + (at - left) * (high - low), 0)
    series *= 1 + STRETCH * (rng.random((count, 1)) - 0.5)
    order = (np.arange(LONG) - rng.integers(0, MOST_SHIFT, (count, 1))) % LONG
    series, is_line = (np.take_along_axis(one, order, axis=1) for one in (series, is_line))
    smooth = gaussian_filter1d(SMOOTH_NOISE * rng.standard_normal(series.shape), SMOOTHING, axis=1)
    series = np.where(is_line, series, smooth) + PLAIN_NOISE * rng.standard_normal(series.shape)
    series -= SHEAR * (rng.random((count, 1)) - 0.5) * np.linspace(-0.5, 0.5, LONG)
    ends = np.linspace(0, LONG - 1, SHORT)
    left = np.minimum(ends.astype(np.int64), LONG - 2)
    return np.asarray(series[:, left] + (ends - left) * (series[:, left + 1] - series[:, left]))
