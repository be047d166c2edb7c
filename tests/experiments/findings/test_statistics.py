import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.findings.statistics import (
    bootstrap_interval,
    effect_size,
    holm,
    interval,
    p_value,
    paired_interval,
    replicates_needed,
    slope_interval,
)

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
    found, half = interval([1.0, 3.0]), math.tan(0.475 * math.pi)
    assert (found.low, found.high) == pytest.approx((2.0 - half, 2.0 + half))


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
    covered = [found.low <= 1.0 <= found.high for found in (interval(row) for row in samples)]
    # Standard deviation of the rate: sqrt(0.95 * 0.05 / 2000) = 0.0049; four of them.
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


@settings(deadline=None)
@given(x=st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=10), shift=st.floats(-1e3, 1e3))
def test_intervals_shift_with_the_samples(x, shift) -> None:
    one, moved = interval(x), interval(np.array(x) + shift)
    assert (moved.low, moved.high) == pytest.approx((one.low + shift, one.high + shift), abs=1e-7)
    assert one.low <= one.mean <= one.high


def test_pairing_cancels_what_both_share() -> None:
    shared = np.random.default_rng(0).normal(0, 10, 30)
    found = paired_interval(shared + 1.0, shared)
    assert found.high - found.low < 1e-12
    assert found.mean == pytest.approx(1.0)


def test_samples_must_be_columns_of_like_length() -> None:
    with pytest.raises(
        ValueError, match=r"samples must be a column of at least one number; got the shape \(0,\)"
    ):
        interval([])
    with pytest.raises(ValueError, match=r"b must have the shape \(2,\) of a, one number a pair; got \(1,\)"):
        paired_interval([1.0, 2.0], [1.0])


def test_effect_size_and_p_of_students_sleep_data() -> None:
    # R 4, ?t.test: p = 0.002833. Cohen's d_z = 1.58 / 1.229995 = 1.284558; with nine degrees of freedom
    # Hedges' correction is Gamma(4.5) / (sqrt(4.5) Gamma(4)) = 0.9138745.
    differences = np.array(LAEVO) - DEXTRO
    assert p_value(differences) == pytest.approx(0.002833, abs=5e-7)
    assert effect_size(differences) == pytest.approx(1.284558 * 0.9138745, abs=1e-6)
    assert effect_size(-differences) == -effect_size(differences)


def test_the_effect_size_is_unbiased_where_cohens_is_not() -> None:
    samples = np.random.default_rng(1).normal(0.8, 1.0, size=(20_000, 5))
    corrected = np.mean([effect_size(row) for row in samples])
    plain = np.mean(samples.mean(axis=1) / samples.std(axis=1, ddof=1))
    # The standard error of either mean is about 0.005.
    assert corrected == pytest.approx(0.8, abs=0.02)
    assert plain > 0.95


@pytest.mark.parametrize("samples", [[1.0], [1.0, 2.0], [3.0, 3.0, 3.0]])
def test_no_effect_size_without_an_unbiased_estimate(samples: list[float]) -> None:
    assert math.isnan(effect_size(samples))


def test_p_of_samples_without_spread() -> None:
    assert math.isnan(p_value([0.0, 0.0]))
    assert math.isnan(p_value([1.0]))
    assert p_value([1.0, 1.0]) == 0.0
    assert p_value([1e-200, -3e-200]) == p_value([1.0, -3.0])
    assert p_value([1e200, -3e200]) == pytest.approx(p_value([1.0, -3.0]), rel=1e-12)
    assert p_value([0.3, 0.1 + 0.2]) == 0.0


def test_the_slope_of_anscombes_first_quartet() -> None:
    # Anscombe 1973, American Statistician 27; R 4: confint(lm(y1 ~ x1, anscombe)).
    x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
    found = slope_interval(x, y)
    assert (found.mean, found.low, found.high) == pytest.approx((0.5000909, 0.2333701, 0.7668117), abs=1e-7)
    assert math.isnan(slope_interval([1, 2], [1, 3]).low)


def test_holm_multiplies_step_by_step() -> None:
    # R 4: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.01, math.nan, 0.9, 0.8]), [0.03, math.nan, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"p_values must be in \[0, 1\]; got 1.5"):
        holm([0.5, 1.5])


def test_holm_keeps_the_chance_of_any_false_rejection() -> None:
    # Six true hypotheses with dependent tests: each of a common shock and noise of its own.
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        samples = rng.normal(size=(1, 6)) + rng.normal(size=(6, 6))
        wrong += bool((holm([p_value(row) for row in samples]) < 0.05).any())
    assert wrong / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize(
    ("deviation", "half_width", "n"),
    # t_{17} = 2.1098 and t_{16} = 2.1199: 0.497 and 0.514; a normal quantile would say 16.
    [(1.0, 0.5, 18), (2.0, 1.0, 18), (0.0, 1.0, 2), (1.0, 1e-9, 1_000_000)],
)
def test_replicates_that_an_interval_needs(deviation: float, half_width: float, n: int) -> None:
    assert replicates_needed(deviation, half_width) == n


def test_replicates_needed_refuses_what_has_no_answer() -> None:
    with pytest.raises(ValueError, match="half_width must be greater than 0; got 0"):
        replicates_needed(1.0, 0.0)
    with pytest.raises(ValueError, match="deviation must be at least 0; got nan"):
        replicates_needed(math.nan, 1.0)


def test_the_bootstrap_covers_the_mean_of_skewed_samples() -> None:
    samples = np.random.default_rng(5).exponential(1.0, size=(300, 40))
    found = [bootstrap_interval(row) for row in samples]
    covered = np.mean([one.low <= 1.0 <= one.high for one in found])
    # Second-order accurate: within a few hundredths of what it says; four standard deviations are 0.05.
    assert covered == pytest.approx(0.95, abs=0.05)
    # The true mean of a right-skewed variable may lie far above a sample's, and cannot lie as far below.
    assert np.mean([(one.high - one.mean) > (one.mean - one.low) for one in found]) > 0.9


def test_the_bootstrap_is_the_same_again_and_says_nothing_of_three_samples() -> None:
    assert bootstrap_interval(DEXTRO) == bootstrap_interval(DEXTRO)
    assert math.isnan(bootstrap_interval([1.0, 2.0, 3.0]).low)
    assert not math.isnan(bootstrap_interval([1.0, 2.0, 3.0, 4.0]).low)
    assert bootstrap_interval([2.0] * 4).high == 2.0
