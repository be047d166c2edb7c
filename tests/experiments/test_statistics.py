import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.statistics import interval, paired_interval

# Student 1908, Biometrika 6, p. 20: extra hours of sleep of ten patients under two drugs.
DEXTRO = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
LAEVO = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_the_paired_interval_of_students_sleep_data() -> None:
    # R 4, ?t.test: paired difference of `sleep`, mean -1.58, 95 % interval (-2.4598858, -0.7001142).
    found = paired_interval(DEXTRO, LAEVO)
    assert (found.mean, found.low, found.high) == pytest.approx((-1.58, -2.4598858, -0.7001142), abs=1e-7)
    assert found.n == 10


def test_two_samples_use_the_cauchy_quantile() -> None:
    # With one degree of freedom t is Cauchy: quantile tan(pi (q - 1/2)), and s / sqrt(2) = half the distance.
    found = interval([1.0, 3.0], confidence=0.5)
    assert (found.low, found.high) == pytest.approx(
        (2.0 - math.tan(math.pi / 4), 2.0 + math.tan(math.pi / 4))
    )


def test_one_sample_says_nothing_of_the_spread() -> None:
    found = interval([4.0])
    assert (found.mean, found.n) == (4.0, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_equal_samples_give_a_point() -> None:
    found = interval([2.0, 2.0, 2.0])
    assert (found.low, found.high) == (2.0, 2.0)


def test_nan_is_passed_on() -> None:
    found = interval([1.0, math.nan, 2.0])
    assert all(math.isnan(value) for value in (found.mean, found.low, found.high))


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    samples = np.random.default_rng(3).normal(1.0, 2.0, size=(2000, 5))
    covered = [found.low <= 1.0 <= found.high for found in (interval(row, 0.9) for row in samples)]
    # Standard deviation of the rate: sqrt(0.9 * 0.1 / 2000) = 0.0067; four of them.
    assert np.mean(covered) == pytest.approx(0.9, abs=0.027)


@settings(deadline=None)
@given(
    x=st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=10),
    shift=st.floats(-1e3, 1e3),
    confidence=st.floats(0.05, 0.95),
)
def test_intervals_shift_and_widen(x, shift, confidence) -> None:
    one, moved, wide = interval(x, confidence), interval(np.array(x) + shift, confidence), interval(x, 0.99)
    assert (moved.low, moved.high) == pytest.approx((one.low + shift, one.high + shift), abs=1e-7)
    assert wide.low <= one.low <= one.mean <= one.high <= wide.high


def test_pairing_cancels_what_both_share() -> None:
    shared = np.random.default_rng(0).normal(0, 10, 30)
    found = paired_interval(shared + 1.0, shared)
    assert found.high - found.low < 1e-12
    assert found.mean == pytest.approx(1.0)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, math.nan])
def test_confidence_must_be_a_probability(confidence) -> None:
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\); got"):
        interval([1.0, 2.0], confidence)


def test_samples_must_be_columns_of_like_length() -> None:
    with pytest.raises(
        ValueError, match=r"samples must be a column of at least one number; got the shape \(0,\)"
    ):
        interval([])
    with pytest.raises(ValueError, match=r"b must have the shape \(2,\) of a, one number a pair; got \(1,\)"):
        paired_interval([1.0, 2.0], [1.0])
