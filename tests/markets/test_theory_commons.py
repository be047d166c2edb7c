import numpy as np
import pytest

from markets import theory

GRID = np.arange(1, 601) / 100


def test_personal_prices_make_everybody_want_the_efficient_amount():
    """theta = (1, 2, 3), c = 2: G* = 3 at prices (1/3, 2/3, 1) (Samuelson 1954; Foley 1970)."""
    theta = np.array([1.0, 2.0, 3.0])
    prices = theory.lindahl_prices(theta, 2.0)
    assert theory.samuelson_quantity(theta, 2.0) == 3.0
    assert prices == pytest.approx([1 / 3, 2 / 3, 1])
    assert prices.sum() == pytest.approx(2.0)
    welfare = theta.sum() * np.log(GRID) - 2 * GRID
    wanted = theta[:, None] * np.log(GRID) - prices[:, None] * GRID
    assert GRID[np.argmax(welfare)] == 3.0
    assert GRID[np.argmax(wanted, axis=1)].tolist() == [3.0] * 3


def test_only_the_top_valuer_gives():
    """theta = (1, 2, 3), c = 2: G = 1.5, given by the third (Bergstrom, Blume and Varian 1986)."""
    theta = np.array([1.0, 2.0, 3.0])
    given = theory.voluntary_contributions(theta, 2.0)
    assert given.tolist() == [0, 0, 1.5]
    gift = np.arange(0, 601) / 100
    for own, taste in enumerate(theta):
        total = given.sum() - given[own] + gift
        with np.errstate(divide="ignore"):
            gain = taste * np.log(total) - 2.0 * gift
        assert gift[np.argmax(gain)] == given[own]


def test_top_valuers_share_what_one_would_give():
    assert theory.voluntary_contributions([3, 1, 3], 2.0).tolist() == [0.75, 0, 0.75]
    assert theory.voluntary_contributions([0, 0], 2.0).tolist() == [0, 0]


@pytest.mark.parametrize(("warmth", "gift"), [(2.5, 1.5), (0.5, 0.0), (0.0, 0.0)])
def test_warm_glow(warmth, gift):
    """alpha ln(1 + t) - t is largest at max(0, alpha - 1), in the manner of Andreoni (1990)."""
    assert theory.warm_glow_contribution(warmth) == gift
    gifts = np.arange(0, 601) / 100
    assert gifts[np.argmax(warmth * np.log1p(gifts) - gifts)] == gift


def test_contributions_of_two():
    """Values (1, 1), C = 1: (1/2, 1/2) and (0, 0) are equilibria (Bagnoli and Lipman 1989)."""
    profiles = [[0.5, 0.5], [0, 0], [0.6, 0.5], [0.3, 0.3], [1.2, 0], [0.1, 0.9]]
    rest = theory.is_contribution_equilibrium(profiles, [1.0, 1.0], 1.0)
    assert rest.tolist() == [True, True, False, False, False, True]
    hopeless = theory.is_contribution_equilibrium([0.1, 0.1], [0.6, 0.6], 1.0)
    assert hopeless
    assert not theory.is_contribution_equilibrium([0.1, 0.1], [0.6, 0.6], 1.0, refund=False)
