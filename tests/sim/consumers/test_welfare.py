import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.consumers.welfare import (
    allocative_efficiency,
    atkinson,
    gini,
    lorenz,
    nash_welfare,
    price_of_anarchy,
    share_better_off,
)

INCOMES = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([1, 2, 3, 4], 1 / 4),
        ([0, 0, 0, 1], 3 / 4),
        ([4, 1, 3, 2], 1 / 4),
        ([5], 0.0),
        ([0, 0], 0.0),
        ([2, 2, 2], 0.0),
    ],
)
def test_gini_of_small_samples(x, expected) -> None:
    # (1, 2, 3, 4) -> 1/4 and (0, 0, 0, 1) -> 3/4: unnormalised, (n - 1) / n when one has all.
    assert gini(x) == pytest.approx(expected, abs=1e-15)


@given(INCOMES)
def test_twice_the_area_below_the_lorenz_curve_and_the_gini_make_one(x) -> None:
    curve = lorenz(x)
    area = np.trapezoid(curve, dx=1 / len(x))
    assert 1 - 2 * area == pytest.approx(gini(x), abs=1e-12)
    assert (np.diff(curve, 2) >= -1e-12).all()


def test_lorenz_of_nothing_is_equal_and_of_a_loss_undefined() -> None:
    np.testing.assert_array_equal(lorenz([0, 0]), [0, 0.5, 1])
    np.testing.assert_allclose(lorenz([3, 1]), [0, 0.25, 1])
    assert np.isnan(lorenz([-1, 2])).all()


def test_gini_of_large_samples_approaches_that_of_the_distribution() -> None:
    # U[0, 1] -> 1/3, exponential -> 1/2, Pareto(a) -> 1 / (2 a - 1): Gastwirth 1972.
    rng = np.random.default_rng(1)
    assert gini(rng.random(200_000)) == pytest.approx(1 / 3, abs=3e-3)
    assert gini(rng.exponential(size=200_000)) == pytest.approx(1 / 2, abs=3e-3)
    assert gini(1 + rng.pareto(4, size=200_000)) == pytest.approx(1 / 7, abs=3e-3)


@settings(deadline=None)
@given(x=INCOMES, factor=st.floats(1e-3, 1e3))
def test_gini_is_half_the_relative_mean_difference(x, factor) -> None:
    values = np.array(x)
    difference = np.abs(values[:, None] - values).mean()
    assert gini(values) == pytest.approx(difference / (2 * values.mean()), abs=1e-12)
    assert gini(values * factor) == pytest.approx(gini(values), abs=1e-12)
    assert -1e-12 <= gini(values) <= (len(x) - 1) / len(x) + 1e-12


def test_inequality_of_negative_payoffs_is_undefined() -> None:
    assert math.isnan(gini([-1, 2, 3]))
    assert math.isnan(atkinson([-1, 2, 3], 0.5))


def test_nan_is_passed_on() -> None:
    column = [1.0, math.nan]
    assert all(math.isnan(value) for value in (gini(column), atkinson(column, 0.5), nash_welfare(column)))


@pytest.mark.parametrize(
    ("epsilon", "expected"),
    # x = (1, 4): mean 2.5; equally distributed equivalents ((1 + 2) / 2)^2, sqrt(4), 2 / (1 + 1/4) and the
    # least.
    [(0.0, 0.0), (0.5, 1 - 2.25 / 2.5), (1.0, 1 - 2 / 2.5), (2.0, 1 - 1.6 / 2.5), (1e6, 1 - 1 / 2.5)],
)
def test_atkinson_of_two(epsilon, expected) -> None:
    assert atkinson([4, 1], epsilon) == pytest.approx(expected, abs=2e-6)


@settings(deadline=None)
@given(x=INCOMES, epsilon=st.floats(0, 5), factor=st.floats(1e-3, 1e3))
def test_atkinson_is_scale_free_bounded_and_grows_with_aversion(x, epsilon, factor) -> None:
    values = np.array(x)
    index = atkinson(values, epsilon)
    assert -1e-12 <= index <= 1 - values.min() / values.mean() + 1e-12
    assert atkinson(values * factor, epsilon) == pytest.approx(index, abs=1e-10)
    assert atkinson(values, epsilon + 0.1) >= index - 1e-12


@pytest.mark.parametrize("nudge", [1e-15, 1e-12, 1e-9, -1e-9, -1e-15])
def test_atkinson_is_continuous_at_one(nudge) -> None:
    assert atkinson([1, 2, 9], 1 + nudge) == pytest.approx(atkinson([1, 2, 9], 1), abs=1e-8)


@pytest.mark.parametrize("epsilon", [0.3, 0.995, 1.005, 1.7, 4.0])
def test_atkinson_by_its_plain_formula(epsilon) -> None:
    x, power = np.array([1.0, 2.0, 9.0]), 1 - epsilon
    plain = 1 - (x**power).mean() ** (1 / power) / x.mean()
    assert atkinson(x, epsilon) == pytest.approx(plain, abs=1e-12)


def test_atkinson_with_zeros() -> None:
    assert atkinson([0, 0], 2) == 0.0
    assert atkinson([0, 1], 1) == 1.0
    assert atkinson([0, 1], 3) == 1.0
    # ((0 + 1) / 2)^2 = 1/4 against the mean 1/2.
    assert atkinson([0, 1], 0.5) == pytest.approx(0.5)


@pytest.mark.parametrize("epsilon", [-0.1, math.nan, math.inf])
def test_atkinson_refuses_an_aversion_below_none(epsilon) -> None:
    with pytest.raises(ValueError, match="epsilon must be finite and >= 0; got"):
        atkinson([1, 2], epsilon)


def test_nash_welfare_is_the_geometric_mean() -> None:
    assert nash_welfare([1, 8, 27]) == pytest.approx(6.0)
    assert nash_welfare([1e200, 1e200, 1e200]) == pytest.approx(1e200)
    assert nash_welfare([5, 0]) == 0.0
    assert nash_welfare([-2, -3]) == 0.0


def test_share_better_off_counts_strict_gains() -> None:
    assert share_better_off([1, 2, -1, 0], [1, 1, -2, 3]) == 0.5
    with pytest.raises(ValueError, match="baseline must have the length 2 of x; got 1"):
        share_better_off([1, 2], [1])


def test_allocative_efficiency_and_its_conventions() -> None:
    assert allocative_efficiency(27 / 192, 1 / 6) == pytest.approx(27 / 32)  # Chatterjee and Samuelson 1983
    assert allocative_efficiency(-1.0, 2.0) == -0.5
    for realised in (0.0, -1.0, 1e-17):
        assert math.isnan(allocative_efficiency(realised, 0.0))
        assert math.isnan(allocative_efficiency(realised, 1e-17))
    with pytest.raises(ValueError, match="first_best must be >= 0, since no trade gains 0; got -1"):
        allocative_efficiency(0.0, -1.0)


def test_gains_that_round_to_no_micro_credit_a_trade_are_nothing_to_share() -> None:
    assert allocative_efficiency(0.0, 4.000001 - 4.0) == 0.0  # a micro-credit, less the rounding of float64
    assert math.isnan(allocative_efficiency(0.0, 4e-7))
    assert math.isnan(allocative_efficiency(0.0, 0.9e-6, trades=2))
    assert allocative_efficiency(1e-6, 1e-6, trades=2) == 1.0


@pytest.mark.parametrize(
    ("cooperative", "competitive", "expected"),
    [
        (4, 3, 4 / 3),
        (3, 4, 3 / 4),
        (2, 2, 1.0),
        (2, 0, math.inf),
        (2, -1, math.inf),
        (2, 1e-17, math.inf),
        (-1, 2, -0.5),
    ],
)
def test_price_of_anarchy(cooperative, competitive, expected) -> None:
    # 4/3 is the bound for affine latencies (Roughgarden and Tardos 2002), here only a ratio.
    assert price_of_anarchy(cooperative, competitive) == pytest.approx(expected)


@pytest.mark.parametrize("pair", [(0, 0), (1e-17, 3e-18), (-1, -2), (-1, -1), (0, -1)])
def test_price_of_anarchy_without_any_welfare_is_undefined(pair) -> None:
    assert math.isnan(price_of_anarchy(*pair))


@pytest.mark.parametrize(
    "metric", [gini, nash_welfare, lambda x: atkinson(x, 1), lambda x: share_better_off(x, x)]
)
@pytest.mark.parametrize("wrong", [[], 3.0, [[1.0, 2.0]]])
def test_a_metric_needs_a_column(metric, wrong) -> None:
    with pytest.raises(ValueError, match="x must be a column of at least one number; got the shape"):
        metric(wrong)
