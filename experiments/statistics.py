"""Intervals for the mean over replicates, plain and paired.

Core Objects: Interval, interval, paired_interval
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """A mean and its confidence interval.

    Parameters
    ----------
    mean : float
        Mean of the samples.
    low, high : float
        Ends of the interval; NaN when n = 1, where nothing is known of the spread.
    n : int
        Number of samples.
    """

    mean: float
    low: float
    high: float
    n: int


def interval(samples: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return mean -+ t_{(1 + confidence) / 2, n - 1} * s / sqrt(n), s the sample deviation (n - 1).

    Student 1908, exact for independent normal samples and good for means of many others. Samples that are all
    equal give an interval of length 0; a NaN among them makes all three numbers NaN.

    Parameters
    ----------
    samples : array [n]
        One number a replicate, n >= 1.
    confidence : float
        Coverage, in (0, 1).

    Raises
    ------
    ValueError
        If `samples` is no column or empty, or `confidence` not in (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1); got {confidence}")
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"samples must be a column of at least one number; got the shape {values.shape}")
    n = len(values)
    mean = float(values.mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan, n)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * stats.sem(values))
    return Interval(mean, mean - half, mean + half, n)


def paired_interval(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the interval of the mean difference a - b of paired samples.

    Arms of a comparison share data, initial weights and random streams: what they share cancels in the
    difference, and the interval is narrower than that of two separate means.

    Parameters
    ----------
    a, b : array [n]
        One number a replicate, in the same order.
    confidence : float
        Coverage, in (0, 1).

    Raises
    ------
    ValueError
        If the shapes differ, and as `interval`.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"b must have the shape {first.shape} of a, one number a pair; got {second.shape}")
    return interval(first - second, confidence)
