import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from omegaconf import OmegaConf
from pydantic import ValidationError
from scipy.optimize import brentq
from scipy.special import lambertw

from sim.consumers.demand import Demand, equilibrium, regions_of, welfare

TAUS = st.sampled_from([1e-3, 5e-3, 0.02, 0.05, 0.2, 1.0, 50.0])
COLUMNS = ("price", "share", "profit", "consumer_surplus")


def qualities(firms: st.SearchStrategy[int], markets: int = 4):
    return firms.flatmap(lambda f: arrays(np.float64, (markets, f), elements=st.floats(0.001, 1.0)))


def logit(quality, price, demand, mass):
    """Shares, profits and consumer surplus of one market, straight from the definition."""
    weight = np.exp((demand.worth * quality - price) / demand.tau)
    outside = np.exp(demand.worth * demand.q0 / demand.tau)
    share = weight / (outside + weight.sum())
    surplus = mass * demand.tau * (np.log(outside + weight.sum()) - demand.worth * demand.q0 / demand.tau)
    return share, mass * (price - demand.cost) * share, surplus


def test_a_monopolist_sets_the_lambert_price() -> None:
    # p = c + tau (1 + W(exp((worth q - c - worth q0) / tau - 1))): Anderson, de Palma and Thisse 1992, ch. 7.
    demand = Demand(worth=2.0, tau=0.3, q0=0.1, cost=0.05, mass=3.0)
    found = equilibrium([[0.7]], demand)
    w = float(lambertw(np.exp((2.0 * 0.6 - 0.05) / 0.3 - 1)).real)
    assert found.price[0, 0] == pytest.approx(0.05 + 0.3 * (1 + w), rel=1e-13)
    assert found.share[0, 0] == pytest.approx(w / (1 + w), rel=1e-12)
    assert found.profit[0, 0] == pytest.approx(3.0 * 0.3 * w, rel=1e-12)
    assert found.consumer_surplus[0] == pytest.approx(3.0 * 0.3 * np.log(1 + w), rel=1e-12)


@pytest.mark.parametrize("firms", [2, 3, 10])
def test_symmetric_firms_charge_cost_plus_tau_over_one_minus_share(firms) -> None:
    # p = c + tau / (1 - s) with s = 1 / (n + exp((worth (q0 - q) + p) / tau)), one equation in p.
    demand = Demand(tau=0.2, cost=0.1)

    def excess(p: float) -> float:
        s = 1 / (firms + np.exp((0.2 - 0.8 + p) / 0.2))
        return p - 0.1 - 0.2 / (1 - s)

    found = equilibrium(np.full((1, firms), 0.8), demand)
    np.testing.assert_allclose(found.price, brentq(excess, 0.1, 5.0, xtol=1e-14), rtol=1e-11)
    np.testing.assert_allclose(found.price, 0.1 + 0.2 / (1 - found.share), rtol=1e-11)


def test_a_covered_symmetric_duopoly_charges_two_tau() -> None:
    # Without an outside option that matters s = 1 / 2, so p = c + tau n / (n - 1): Anderson et al. 1992, ch.
    # 7.
    found = equilibrium([[1.0, 1.0]], Demand(tau=0.01, q0=0.0, cost=0.3))
    np.testing.assert_allclose(found.price, 0.3 + 0.01 * 2, rtol=0, atol=2e-12)
    np.testing.assert_allclose(found.share, 0.5, rtol=1e-10)
    np.testing.assert_allclose(found.profit, 2 * 0.02 * 0.5, rtol=1e-10)


@pytest.mark.parametrize("tau", [0.03, 0.3])
def test_no_firm_gains_by_another_price_on_a_grid(tau) -> None:
    quality, demand = np.array([0.9, 0.6, 0.75]), Demand(tau=tau, cost=0.02)
    found = equilibrium(quality[None], demand)
    price = found.price[0]
    for firm in range(3):
        grid = np.linspace(0.0, 1.5, 3001)
        deviations = np.repeat(price[None], len(grid), axis=0)
        deviations[:, firm] = grid
        profit = np.array([logit(quality, p, demand, 3.0)[1][firm] for p in deviations])
        assert profit.max() <= found.profit[0, firm] + 1e-12
        assert abs(grid[profit.argmax()] - price[firm]) <= 0.5 / 2000 + 1e-9


@settings(deadline=None, max_examples=60)
@given(quality=qualities(st.integers(1, 6)), tau=TAUS, cost=st.sampled_from([0.0, 0.1]))
def test_prices_shares_and_surplus_satisfy_their_definitions(quality, tau, cost) -> None:
    demand = Demand(tau=tau, cost=cost, mass=2.0)
    found = equilibrium(quality, demand)
    np.testing.assert_allclose(found.price, cost + tau / (1 - found.share), rtol=1e-7)
    np.testing.assert_allclose(found.profit, 2.0 * quality.shape[1] * (found.price - cost) * found.share)
    assert (found.consumer_surplus >= 0).all()
    assert (found.share >= 0).all()
    assert (found.share.sum(axis=1) <= 1 + 1e-9).all()
    if tau >= 5e-3:  # below, the definition itself overflows
        for m in range(len(quality)):
            share, profit, surplus = logit(quality[m], found.price[m], demand, 2.0 * quality.shape[1])
            np.testing.assert_allclose(found.share[m], share, rtol=1e-9, atol=1e-300)
            np.testing.assert_allclose(found.profit[m], profit, rtol=1e-9, atol=1e-300)
            np.testing.assert_allclose(found.consumer_surplus[m], surplus, rtol=1e-7, atol=1e-12)
    np.testing.assert_array_equal(welfare(found), found.consumer_surplus + found.profit.sum(axis=1))


@settings(deadline=None, max_examples=60)
@given(quality=qualities(st.integers(2, 6)), tau=TAUS, data=st.data())
def test_relabelled_firms_have_relabelled_outcomes(quality, tau, data) -> None:
    order = data.draw(st.permutations(range(quality.shape[1])))
    plain, relabelled = (equilibrium(q, Demand(tau=tau)) for q in (quality, quality[:, order]))
    np.testing.assert_allclose(relabelled.price, plain.price[:, order], rtol=1e-9)
    np.testing.assert_allclose(relabelled.share, plain.share[:, order], rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(relabelled.consumer_surplus, plain.consumer_surplus, rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(quality=qualities(st.integers(2, 5)), tau=TAUS, better=st.floats(0.01, 0.3))
def test_a_better_model_earns_more_hurts_rivals_and_pleases_consumers(quality, tau, better) -> None:
    quality = quality * 0.6 + 0.05
    improved = quality.copy()
    improved[:, 0] += better
    before, after = equilibrium(quality, Demand(tau=tau)), equilibrium(improved, Demand(tau=tau))
    slack = 1e-9
    assert (after.profit[:, 0] >= before.profit[:, 0] - slack).all()
    assert (after.share[:, 0] >= before.share[:, 0] - slack).all()
    assert (after.price[:, 0] >= before.price[:, 0] - slack).all()
    assert (after.profit[:, 1:] <= before.profit[:, 1:] + slack).all()
    assert (after.price[:, 1:] <= before.price[:, 1:] + slack).all()
    assert (after.consumer_surplus >= before.consumer_surplus - slack).all()


def test_an_improvement_is_worth_strictly_more_to_the_one_that_makes_it() -> None:
    before, after = (equilibrium([q], Demand()) for q in ([0.6, 0.6], [0.7, 0.6]))
    assert after.profit[0, 0] > before.profit[0, 0] + 0.05
    assert after.profit[0, 1] < before.profit[0, 1] - 0.02
    assert after.consumer_surplus[0] > before.consumer_surplus[0] + 0.02


@settings(deadline=None, max_examples=60)
@given(quality=qualities(st.integers(1, 5), markets=9), tau=TAUS, data=st.data())
def test_a_market_has_the_same_bits_alone_and_in_a_batch(quality, tau, data) -> None:
    present = data.draw(arrays(np.bool_, quality.shape))
    together = equilibrium(quality, Demand(tau=tau), present)
    for m in range(len(quality)):
        alone = equilibrium(quality[m : m + 1], Demand(tau=tau), present[m : m + 1])
        for column in COLUMNS:
            assert getattr(alone, column)[0].tobytes() == getattr(together, column)[m].tobytes()


@settings(deadline=None, max_examples=60)
@given(quality=qualities(st.integers(1, 5)), tau=TAUS, data=st.data())
def test_an_absent_firm_is_as_good_as_none(quality, tau, data) -> None:
    present = data.draw(arrays(np.bool_, quality.shape[1:]))
    found = equilibrium(quality, Demand(tau=tau), np.tile(present, (len(quality), 1)))
    assert np.isnan(found.price[:, ~present]).all()
    assert not found.share[:, ~present].any()
    assert not found.profit[:, ~present].any()
    if present.any():
        reduced = equilibrium(quality[:, present], Demand(tau=tau))
        np.testing.assert_array_equal(found.price[:, present], reduced.price)
        np.testing.assert_array_equal(found.profit[:, present], reduced.profit)
        np.testing.assert_array_equal(found.consumer_surplus, reduced.consumer_surplus)
    else:
        assert not found.consumer_surplus.any()
        assert found.iterations == 0


def test_qualities_of_absent_firms_are_not_read() -> None:
    found = equilibrium([[0.5, np.nan], [9.0, 0.5]], Demand(), [[True, False], [False, True]])
    assert found.profit[0, 0] == found.profit[1, 1] > 0


def test_competition_for_one_outside_option_and_tiny_tau() -> None:
    # As tau goes to 0 the better firm undercuts: Bertrand with quality, margin = worth * (difference of
    # qualities).
    found = equilibrium([[0.9, 0.7]], Demand(tau=1e-3, q0=0.2))
    assert found.price[0, 0] == pytest.approx(0.2, abs=0.01)
    assert found.share[0, 0] == pytest.approx(1.0, abs=0.01)
    # As tau grows qualities stop to matter: equal shares with the outside option.
    blunt = equilibrium([[0.9, 0.1]], Demand(tau=1e3))
    assert blunt.share[0, 0] == pytest.approx(blunt.share[0, 1], rel=1e-3)


def test_mass_scales_profit_and_surplus_and_leaves_prices_alone() -> None:
    quality = [[0.8, 0.5], [0.8, 0.5]]
    found = equilibrium(quality, Demand(mass=1.5), mass=[3.0, 6.0])
    default = equilibrium(quality, Demand(mass=1.5))
    np.testing.assert_array_equal(found.price, default.price)
    np.testing.assert_array_equal(found.profit[0], default.profit[0])
    np.testing.assert_array_equal(2 * found.profit[0], found.profit[1])
    assert 2 * found.consumer_surplus[0] == found.consumer_surplus[1]


def test_an_empty_batch_is_solved() -> None:
    found = equilibrium(np.empty((0, 3)), Demand())
    assert found.price.shape == (0, 3)
    assert found.consumer_surplus.shape == (0,)


def test_the_callers_arrays_are_left_alone() -> None:
    quality, present = np.array([[0.4, 0.9]]), np.array([[True, False]])
    equilibrium(quality, Demand(), present)
    np.testing.assert_array_equal(quality, [[0.4, 0.9]])
    np.testing.assert_array_equal(present, [[True, False]])


def test_too_few_iterations_are_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"after 3 best responses 1 of 2 markets still moved"):
        equilibrium([[0.9, 0.89], [0.9, np.nan]], Demand(), [[True, True], [True, False]], max_iterations=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"quality": [0.5, 0.5]},
            r"quality must have the shape \[markets, firms\], at least one firm; got \(2,\)",
        ),
        ({"quality": [[0.5, 1.1]]}, r"quality must be in \[0, 1\] for every firm present; got 1.1"),
        ({"quality": [[0.5, np.nan]]}, r"quality must be in \[0, 1\] for every firm present; got nan"),
        (
            {"quality": [[0.5]], "present": [True]},
            r"present must have the shape \(1, 1\) of quality; got \(1,\)",
        ),
        (
            {"quality": [[0.5]], "mass": 1.0},
            r"mass must have the shape \(1,\), one number a market; got \(\)",
        ),
        ({"quality": [[0.5]], "mass": [-1.0]}, r"mass must be finite and >= 0 in every market; got \[-1.0\]"),
    ],
)
def test_wrong_arguments_are_named(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        equilibrium(demand=Demand(), **arguments)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tau": 0.0},
        {"worth": -1.0},
        {"q0": 1.1},
        {"mass": 0.0},
        {"cost": -0.1},
        {"tau": float("inf")},
        {"tua": 1},
    ],
)
def test_demand_refuses_what_makes_no_market(wrong) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Demand(**wrong)


def test_omegaconf_reads_demand() -> None:
    assert OmegaConf.to_container(OmegaConf.structured(Demand))["tau"] == 0.05


@settings(deadline=None)
@given(data=st.data(), organisations=st.integers(1, 200))
def test_regions_are_consecutive_blocks_of_like_size(data, organisations) -> None:
    regions = data.draw(st.integers(1, organisations))
    region = regions_of(organisations, regions)
    sizes = np.bincount(region, minlength=regions)
    assert region.dtype == np.int64
    assert len(sizes) == regions
    assert sizes.max() - sizes.min() <= 1
    assert (np.diff(region) >= 0).all()


def test_half_as_many_regions_are_duopolies() -> None:
    assert regions_of(6, 3).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("regions", [0, 5, -1])
def test_regions_must_have_organisations(regions) -> None:
    with pytest.raises(ValueError, match=rf"regions must be in 1..4, .*; got {regions}"):
        regions_of(4, regions)


@pytest.mark.filterwarnings("error")
def test_the_least_noise_and_the_greatest_worth_are_computed_with() -> None:
    found = equilibrium([[1.0, 0.5], [0.3, 0.3]], Demand(worth=1e3, tau=1e-9))
    assert found.price[0, 0] == pytest.approx(500)
    for column in (found.price, found.share, found.profit, found.consumer_surplus):
        assert np.isfinite(column).all()
    with pytest.raises(ValueError, match=r"greater than or equal to 0\.000000001"):
        Demand(tau=1e-10)
