"""What replicates say: intervals, paired differences, effect sizes, many comparisons, how many are needed.

Every interval of a figure or table comes from here.

Core Objects: Interval, interval, paired_interval, bootstrap_interval, slope_interval, effect_size, p_value,
holm, replicates_needed
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from markets.columns import Floats
from markets.refusals import InputError

CONFIDENCE = 0.95
"""Coverage of every interval."""

RESAMPLES = 1999
"""Bootstrap samples: with (resamples + 1) * 0.025 a whole number, the ends are order statistics."""

ROUNDING = 1e-12
"""Relative spread below which samples are taken as equal."""

MOST_REPLICATES = 1_000_000
"""Above so many replicates a difference is as good as none, and counting them exactly helps nobody."""


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


def interval(samples: ArrayLike) -> Interval:
    """Return mean -+ t_{0.975, n - 1} * s / sqrt(n), s the sample deviation (n - 1).

    Student 1908, exact for independent normal samples and good for means of many others. Samples that are all
    equal give an interval of length 0; a NaN among them makes all three numbers NaN.

    Parameters
    ----------
    samples : array [n]
        One number a replicate, n >= 1.

    Raises
    ------
    InputError
        If `samples` is no column or empty.
    """
    values = _column(samples)
    n = len(values)
    mean = float(values.mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan, n)
    half = _quantile(n - 1) * (float(values.std(ddof=1)) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def paired_interval(a: ArrayLike, b: ArrayLike) -> Interval:
    """Return the interval of the mean difference a - b of paired samples.

    Arms of a comparison share data, initial weights and random streams: what they share cancels in the
    difference, and the interval is narrower than that of two separate means.

    Parameters
    ----------
    a, b : array [n]
        One number a replicate, in the same order.

    Raises
    ------
    InputError
        If the shapes differ, and as `interval`.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise InputError(f"b must have the shape {first.shape} of a, one number a pair; got {second.shape}")
    return interval(first - second)


def bootstrap_interval(samples: ArrayLike) -> Interval:
    """Return the mean with its bias-corrected and accelerated (BCa) bootstrap interval.

    Efron 1987, by `scipy.stats.bootstrap`. It assumes no shape, but of few samples it is too narrow, about
    sqrt((n - 1) / n) of what it should be and without Student's wider tails: beside Student's interval it
    shows what skewness does. The same samples give the same interval. Cost grows as n times 1,999 resamples
    (some 2 ms).

    Parameters
    ----------
    samples : array [n]
        One number a replicate.

    Returns
    -------
    Interval
        The ends are NaN where n**-n >= 0.025, that is for n <= 3: then the resample that repeats the greatest
        sample n times is alone likelier than the tail, and the end could not lie anywhere else. Samples that
        are all equal give an interval of length 0.
    """
    values = _column(samples)
    n = len(values)
    mean = float(values.mean())
    if not np.isfinite(values).all() or float(n) ** -n >= (1 - CONFIDENCE) / 2:
        return Interval(mean, math.nan, math.nan, n)
    if _are_equal(values):
        return Interval(mean, mean, mean, n)
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="BCa",
        rng=np.random.default_rng(0),
    )
    return Interval(mean, float(found.confidence_interval.low), float(found.confidence_interval.high), n)


def slope_interval(x: ArrayLike, y: ArrayLike) -> Interval:
    """Return the least-squares slope of y on x with its Student interval (n - 2 degrees of freedom).

    Parameters
    ----------
    x, y : array [n]
        Points, n >= 2, with at least two different x.

    Returns
    -------
    Interval
        The slope; its ends are NaN for two points, which every line fits.

    Raises
    ------
    InputError
        If the lengths differ or all x are equal, and as `interval`.
    """
    across, up = _column(x), _column(y)
    fit = stats.linregress(across, up)
    n = len(across)
    if _are_equal(up):
        return Interval(0.0, 0.0, 0.0, n)
    if n == 2:
        return Interval(float(fit.slope), math.nan, math.nan, n)
    half = _quantile(n - 2) * float(fit.stderr)
    return Interval(float(fit.slope), float(fit.slope) - half, float(fit.slope) + half, n)


def effect_size(differences: ArrayLike) -> float:
    """Return the standardised mean of paired differences: Cohen's d_z with Hedges' correction.

    g_z = J(n - 1) * mean / s, with J(m) = Gamma(m / 2) / (sqrt(m / 2) Gamma((m - 1) / 2)), which makes it
    unbiased for normal differences. Cohen 1988, section 2.3.5; Hedges 1981, J. Educational Statistics 6.
    Paired samples that share much have a large g_z although each varies widely: it says how surely a pair
    shows the difference, not how large the difference is.

    Parameters
    ----------
    differences : array [n]
        One number a pair.

    Returns
    -------
    float
        NaN for n < 3, where no unbiased estimate exists, and where all differences are equal.
    """
    values = _column(differences)
    freedom = len(values) - 1
    if freedom < 2 or _are_equal(values):
        return math.nan
    correction = math.exp(special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2))
    return float(correction / math.sqrt(freedom / 2) * values.mean() / values.std(ddof=1))


def p_value(differences: ArrayLike) -> float:
    """Return the two-sided p of Student's test that paired differences have mean 0.

    Parameters
    ----------
    differences : array [n]
        One number a pair.

    Returns
    -------
    float
        In [0, 1]; NaN for n = 1 and where all differences are 0; 0 where all are equal to another number.
    """
    values = _column(differences)
    if len(values) == 1 or not values.any():
        return math.nan
    if _are_equal(values):
        return 0.0
    # The scale does not matter, and squares of small numbers would be 0; a power of two changes no bit.
    values = np.ldexp(values, -np.frexp(np.abs(values).max())[1])
    n = len(values)
    mean = values.mean()
    variance = float(((values - mean) ** 2).mean()) * (n / (n - 1))
    t = float(mean) / math.sqrt(variance / n)
    return 2 * float(special.stdtr(n - 1, -abs(t)))


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted for many comparisons by Holm's step-down rule (1979).

    The k-th smallest of m is multiplied by m + 1 - k, never falling below an earlier one nor above 1.
    Rejecting what stays below alpha keeps the chance of any false rejection below alpha, however the tests
    depend on each other.

    Parameters
    ----------
    p_values : array [m]
        In [0, 1]; NaN for a comparison that could not be made, which stays NaN and does not count.

    Raises
    ------
    InputError
        If a value lies outside [0, 1].
    """
    given = np.asarray(p_values, dtype=np.float64)
    if ((given < 0) | (given > 1)).any():
        raise InputError(f"p_values must be in [0, 1]; got {given[(given < 0) | (given > 1)][0]}")
    adjusted = np.full(given.shape, math.nan)
    made = np.flatnonzero(~np.isnan(given))
    order = made[np.argsort(given[made], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def replicates_needed(deviation: float, half_width: float) -> int:
    """Return the least n for a Student interval that reaches no further than `half_width` either way.

    The least n >= 2 with t_{0.975, n - 1} * deviation / sqrt(n) <= half_width, for a deviation
    that is taken as known: from few replicates it is itself uncertain. At most 1,000,000.

    Parameters
    ----------
    deviation : float
        Standard deviation of the samples, or of the paired differences.
    half_width : float
        Half the length of the interval that is wanted, in the samples' unit.

    Raises
    ------
    InputError
        If `deviation` < 0 or `half_width` <= 0.
    """
    if not deviation >= 0:
        raise InputError(f"deviation must be at least 0; got {deviation}")
    if not half_width > 0:
        raise InputError(f"half_width must be greater than 0; got {half_width}")
    tail = (1 + CONFIDENCE) / 2
    # Student's quantile is above the normal one, so that this is a lower bound, and seldom far away.
    least = (float(special.ndtri(tail)) * deviation / half_width) ** 2
    if least >= MOST_REPLICATES:
        return MOST_REPLICATES
    n = max(2, math.ceil(least))
    while _quantile(n - 1) * deviation / math.sqrt(n) > half_width:
        n += 1
    return n


def _quantile(freedom: int) -> float:
    """Return how many deviations Student's distribution strays at most, either way."""
    # scipy.stats.t, sem and ttest_1samp return the same numbers, in twenty times the time.
    return float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))


def _are_equal(values: Floats) -> bool:
    """Return whether samples differ by no more than rounding, which tells nothing of their spread."""
    return bool(np.ptp(values) <= ROUNDING * np.abs(values).max())


def _column(samples: ArrayLike) -> Floats:
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise InputError(f"samples must be a column of at least one number; got the shape {values.shape}")
    return values
