"""Searches for the merge weight: exact on quadratic losses, never worse than no purchase."""

import numpy as np
import pytest
from pydantic import ValidationError

from agents.learning.operations.weight_searches import GivenWeights, WeightSearch
from agents.learning.operations.weight_searches.golden import GoldenSection
from agents.learning.operations.weight_searches.grid import GridSearch
from agents.learning.operations.weight_searches.half import Half
from agents.learning.operations.weight_searches.quadratic import QuadraticFit

PAPER = GridSearch(least=0.05, most=0.95, count=10)
SEARCHES = [
    PAPER,
    GivenWeights((0.0, 0.5)),
    Half(),
    GoldenSection(),
    GoldenSection(least=0.05, most=0.95, tolerance=0.01),
    QuadraticFit(),
    QuadraticFit(least=0.05, most=0.95, points=5),
]


class Losses:
    """Counts how many weights each of P trials was measured at."""

    def __init__(self, function) -> None:
        self.function = function
        self.asked = 0

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        self.asked += weights.shape[1]
        return self.function(weights)


def parabolas(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.exponential(size=count), rng.uniform(-0.5, 1.5, count)


def best(weights: np.ndarray, losses: np.ndarray) -> np.ndarray:
    return weights[np.arange(len(losses)), losses.argmin(axis=1)]


def test_the_papers_grid() -> None:
    np.testing.assert_allclose(PAPER.weights, [0, 0.05, *np.arange(0.15, 1, 0.1)])
    np.testing.assert_array_equal(GridSearch().weights, np.linspace(0, 1, 11))


@pytest.mark.parametrize("search", SEARCHES)
def test_it_measures_as_often_as_it_says_and_begins_without_a_purchase(search: WeightSearch) -> None:
    curvature, lowest = parabolas()
    loss_at = Losses(lambda w: curvature[:, None] * (w - lowest[:, None]) ** 2)
    before = curvature * lowest**2
    weights, losses = search.search(loss_at, before)
    assert weights.shape == losses.shape == (200, search.evaluations)
    assert loss_at.asked == search.evaluations - 1  # what the buyer has is known
    assert (weights[:, 0] == 0).all()
    np.testing.assert_array_equal(losses[:, 0], before)
    np.testing.assert_allclose(losses, curvature[:, None] * (weights - lowest[:, None]) ** 2)
    assert ((weights >= 0) & (weights <= 1)).all()
    assert (losses.min(axis=1) <= before).all()


@pytest.mark.parametrize(
    "search", [QuadraticFit(), QuadraticFit(points=6), QuadraticFit(least=0.2, most=0.7)]
)
def test_the_fit_is_exact_where_the_loss_is_quadratic(search: QuadraticFit) -> None:
    curvature, lowest = parabolas()
    height = 3.0
    weights, losses = search.search(
        lambda w: height + curvature[:, None] * (w - lowest[:, None]) ** 2, height + curvature * lowest**2
    )
    np.testing.assert_allclose(weights[:, -1], lowest.clip(search.least, search.most), atol=1e-6)
    inside = (lowest > search.least) & (lowest < search.most)
    np.testing.assert_allclose(losses[inside].min(axis=1), height, atol=1e-9)


@pytest.mark.parametrize("tolerance", [0.3, 0.05, 0.001])
@pytest.mark.parametrize("power", [1.0, 2.0, 4.0])
def test_golden_section_comes_within_its_tolerance(tolerance: float, power: float) -> None:
    """Of the minimum of any loss that falls and then rises, whatever its shape."""
    _, lowest = parabolas()
    search = GoldenSection(least=0.1, most=0.9, tolerance=tolerance)
    weights, losses = search.search(lambda w: np.abs(w - lowest[:, None]) ** power, np.full(200, np.inf))
    assert np.abs(best(weights, losses) - lowest.clip(0.1, 0.9)).max() <= tolerance
    ratio = (np.sqrt(5) - 1) / 2
    assert 0.8 * ratio ** (search.evaluations - 2) <= tolerance
    assert tolerance == 0.3 or 0.8 * ratio ** (search.evaluations - 3) > tolerance


def test_trials_do_not_disturb_each_other() -> None:
    curvature, lowest = parabolas(50)
    for search in SEARCHES:
        together = search.search(
            lambda w: curvature[:, None] * (w - lowest[:, None]) ** 2, curvature * lowest**2
        )
        alone = search.search(
            lambda w: curvature[7:8, None] * (w - lowest[7:8, None]) ** 2, (curvature * lowest**2)[7:8]
        )
        for ours, theirs in zip(alone, together, strict=True):
            np.testing.assert_array_equal(ours[0], theirs[7])


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize(
    "function",
    [
        lambda w: np.full(w.shape, np.inf),
        lambda w: np.where(w > 0.4, np.inf, 1 - w),
        lambda w: 1 - 4 * (w - 0.5) ** 2,  # the parabola has no lowest point
        lambda w: 2 + np.sin(30 * w),
        lambda w: np.ones(w.shape),
    ],
)
def test_no_loss_breaks_a_search(search: WeightSearch, function) -> None:
    before = np.array([1.0, np.inf])
    weights, losses = search.search(function, before)
    assert np.isfinite(weights).all()
    assert not np.isnan(losses).any()
    assert (losses.min(axis=1) <= before).all()


def test_nothing_to_try() -> None:
    for search in SEARCHES:
        weights, losses = search.search(lambda w: w, np.zeros(0))
        assert weights.shape == losses.shape == (0, search.evaluations)


def test_what_does_not_fit_is_refused() -> None:
    for grid in ((0.5, 1), (0, 1.5), (0, 0.5, 0.5), (), (0, float("nan"))):
        with pytest.raises(ValueError, match="weights must increase from 0"):
            GivenWeights(grid)
    for kind in (GridSearch, GoldenSection, QuadraticFit):
        for least, most in ((0.5, 0.5), (0.9, 0.1)):
            with pytest.raises(ValidationError, match="weights must lie between least and most"):
                kind(least=least, most=most)
        for least, most in ((-0.1, 1), (0, 1.1)):
            with pytest.raises(ValidationError, match=r"should be (less|greater) than or equal to"):
                kind(least=least, most=most)
    with pytest.raises(ValidationError, match="greater than 0"):
        GoldenSection(tolerance=0)
    with pytest.raises(ValidationError, match="greater than or equal to 3"):
        QuadraticFit(points=2)
