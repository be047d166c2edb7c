import numpy as np
import pytest

from markets.checks.convergence import allocative_efficiency, profit_dispersion, smith_alpha


def test_smith_alpha_by_hand():
    """Smith 1962: trades at 90, 120 and 120 around 100: sqrt((100 + 400 + 400)/3) = 17.3205... percent."""
    assert smith_alpha([90.0, 120.0, np.nan, 120.0], 100.0) == pytest.approx(np.sqrt(300))
    assert smith_alpha([50.0, 50.0], 50.0) == 0
    assert np.isnan(smith_alpha([np.nan, np.nan], 50.0))
    two = smith_alpha([[110.0, np.nan], [45.0, 55.0]], [100.0, 50.0])
    assert two.tolist() == pytest.approx([10, 10])


def test_efficiency_of_nothing_is_missing():
    profits = [[3.0, 2.0], [0.0, 0.0], [-1.0, 0.0], [1.0, -1.0]]
    found = allocative_efficiency(profits, [10.0, 0.0, 2.0, 1e-17])
    np.testing.assert_array_equal(found, [0.5, np.nan, -0.5, np.nan])


def test_dispersion_by_hand():
    """Gode and Sunder 1993: profits 3 and 5 instead of 0 and 1: sqrt((9 + 16)/2)."""
    assert profit_dispersion([3.0, 5.0], [0.0, 1.0]) == pytest.approx(np.sqrt(12.5))
