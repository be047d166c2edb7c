import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfcx

from markets.accounts.money import rescaled
from markets.priors import PRIOR, PRIORS

DISTRIBUTIONS = [
    {"name": "uniform"},
    {"name": "uniform", "low": 0.8, "high": 1.0},
    {"name": "uniform", "low": 0.1, "high": 3.0},
    {"name": "exponential"},
    {"name": "exponential", "scale": 1e-4},
    {"name": "lognormal"},
    {"name": "lognormal", "median": 1e-4, "spread": 1.5},
    {"name": "lognormal", "median": 2.0, "spread": 0.1},
]
COSTS = (0.0, 0.3, 2.0)
SHARES = np.linspace(0.005, 0.995, 199)


@pytest.fixture(params=DISTRIBUTIONS, ids=str)
def prior(request):
    return PRIOR.build(request.param)


def test_names():
    assert list(PRIORS) == ["empirical", "exponential", "lognormal", "past_bids", "uniform"]


def test_the_density_is_the_slope_of_the_distribution(prior):
    assert prior.cdf(prior.quantile(SHARES)) == pytest.approx(SHARES, rel=1e-9)
    a, b = prior.quantile([0.2, 0.9])
    assert quad(prior.pdf, a, b)[0] == pytest.approx(0.7)
    low, high = prior.support
    assert (prior.cdf(low), prior.pdf(low - 1e-9)) == (0, 0)
    assert prior.quantile([0.0, 1.0]).tolist() == [low, high]


def test_virtual_values_are_marginal_revenues_and_rise(prior):
    """phi = v - (1 - F)/f, the slope of revenue v q in the quantity q = 1 - F (Bulow and Roberts 1989)."""
    v = prior.quantile(SHARES)
    phi = prior.virtual_value(v)
    assert phi == pytest.approx(v - (1 - prior.cdf(v)) / prior.pdf(v), rel=1e-9)
    assert (np.diff(phi) > 0).all()
    step = 1e-5
    revenue = [prior.quantile(SHARES + d) * (1 - SHARES - d) for d in (-step, step)]
    assert phi == pytest.approx((revenue[0] - revenue[1]) / (2 * step), rel=1e-3, abs=1e-3 * v.max())


@pytest.mark.parametrize("cost", COSTS)
def test_monopoly_prices_maximise_profit(prior, cost):
    """phi(p) = c, or the lower end of the support, or the cost above it (Myerson 1981)."""
    cost = cost * float(prior.quantile(0.5))
    price = float(prior.monopoly_price(cost))
    low, high = prior.support
    assert low <= price
    assert price >= cost
    if low < price < high:
        assert prior.virtual_value(price) == pytest.approx(cost, abs=1e-12 * price)
    grid = np.append(prior.quantile(SHARES), cost)
    profit = (grid - cost) * (1 - prior.cdf(grid))
    assert (price - cost) * (1 - prior.cdf(price)) >= profit.max() * (1 - 1e-12)


def test_prices_of_the_textbook():
    """1/2 and (1 + c)/2 uniform; 1 and 1 + c exponential with mean 1 (Myerson 1981)."""
    assert PRIOR.build("uniform").monopoly_price([0, 0.5, 1, 7]).tolist() == [0.5, 0.75, 1, 7]
    assert PRIOR.build("exponential").monopoly_price([0, 0.5]).tolist() == [1, 1.5]
    assert PRIOR.build({"name": "uniform", "low": 0.8}).monopoly_price(0) == 0.8


@pytest.mark.parametrize("spec", DISTRIBUTIONS, ids=str)
def test_bids_outside_the_support(spec):
    """Below it nobody buys; above it everybody does, at the cost."""
    prior = PRIOR.build(spec)
    low, high = prior.support
    assert low == 0 or prior.virtual_value(low / 2) == -np.inf
    if np.isfinite(high):
        assert prior.virtual_value(high * 2) == high * 2
        assert prior.monopoly_price(high * 2) == high * 2


def test_prices_change_with_the_unit_of_money(prior):
    costs = np.linspace(0, 3, 50) * float(prior.quantile(0.5))
    np.testing.assert_array_equal(
        rescaled(prior, 4).monopoly_price(costs * 4), prior.monopoly_price(costs) * 4
    )
    values = prior.quantile(SHARES)
    np.testing.assert_array_equal(
        rescaled(prior, 4).virtual_value(values * 4), prior.virtual_value(values) * 4
    )


def test_lognormals_are_regular_up_to_the_largest_spread_allowed():
    """phi rises iff (spread + z) m(z) < 2 everywhere; the bound is the least 2/m(z) - z."""
    z = np.linspace(-5, 30, 200_001)
    bound = (2 / (np.sqrt(np.pi / 2) * erfcx(z / np.sqrt(2))) - z).min()
    assert bound == pytest.approx(1.5176, abs=1e-4)
    values = np.exp(1.5 * np.linspace(-30, 30, 20_001))
    phi = PRIOR.build({"name": "lognormal", "spread": 1.5}).virtual_value(values)
    assert (np.diff(phi)[np.isfinite(phi[:-1])] > 0).all()
    assert PRIOR.build("lognormal").virtual_value(0.0) == -np.inf


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"name": "uniform", "low": 1.0, "high": 1.0}, r"prior\.high must be above low \(1\.0\); got 1\.0"),
        ({"name": "uniform", "low": -1.0}, "greater than or equal to 0"),
        ({"name": "uniform", "high": float("nan")}, "finite"),
        ({"name": "exponential", "scale": 0.0}, "greater than 0"),
        ({"name": "exponential", "scale": float("inf")}, "finite"),
        ({"name": "lognormal", "spread": 1.6}, "less than or equal to 1.5"),
        ({"name": "lognormal", "median": -1.0}, "greater than 0"),
        ({"name": "exponential", "mean": 1.0}, "mean"),
        ({"name": "empirical", "sample": []}, "at least 1 item"),
        ({"name": "empirical", "sample": [1.0, -2.0]}, "greater than or equal to 0"),
        ({"name": "empirical", "sample": [1.0], "guard": 1.0}, "less than 1"),
        ({"name": "past_bids", "window": 0}, "greater than or equal to 1"),
        ({"name": "past_bids", "pool": "world"}, "pattern"),
        ({"name": "past_bids", "seen": [1.0]}, "instance of BidSample"),
        (
            "normal",
            "prior must be one of empirical, exponential, lognormal, past_bids, uniform; got 'normal'",
        ),
        (3.0, "prior must be one of empirical, .*; got 3.0"),
    ],
    ids=str,
)
def test_what_is_no_prior_is_refused(spec, sentence):
    with pytest.raises(ValueError, match=sentence):
        PRIOR.build(spec)


def test_an_unfinished_prior_fails_when_it_registers():
    with pytest.raises(TypeError, match="must extend Prior"):
        PRIORS.check(type("Vague", (), {}))
