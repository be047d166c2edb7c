"""Hypothetical improvements are worth what solving the whole market again says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.consumers.demand import Demand, regions_of
from sim.consumers.payoffs import DownstreamMarket
from sim.settings import SETTINGS


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 7), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_change_is_the_difference_of_two_standings(organisations, regions, seed):
    rng = np.random.default_rng(seed)
    market = DownstreamMarket(regions_of(organisations, min(regions, organisations)), Demand(tau=0.05))
    quality = rng.uniform(0.05, 1, organisations)
    buyer, seller = (a.ravel() for a in np.nonzero(~np.eye(organisations, dtype=bool)))
    improved = np.minimum(quality[buyer] + rng.uniform(0, 0.3, len(buyer)), 1)
    change = market.change(quality, buyer, seller, improved)
    before = market.earnings(quality)
    for pair in rng.permutation(len(buyer))[:4]:
        after_quality = quality.copy()
        after_quality[buyer[pair]] = improved[pair]
        after = market.earnings(after_quality)
        assert change.buyer[pair] == pytest.approx(
            after.profit[buyer[pair]] - before.profit[buyer[pair]], abs=1e-9
        )
        assert change.seller[pair] == pytest.approx(
            after.profit[seller[pair]] - before.profit[seller[pair]], abs=1e-9
        )
        assert change.welfare[pair] == pytest.approx(after.welfare - before.welfare, abs=1e-9)
        if market.region[buyer[pair]] != market.region[seller[pair]]:
            assert change.seller[pair] == 0


def test_outcomes_of_alternatives_are_standings():
    rng = np.random.default_rng(0)
    market = DownstreamMarket(regions_of(5, 2), Demand(tau=0.05))
    quality = rng.uniform(0.1, 1, (6, 5))
    expected = [market.earnings(q) for q in quality]
    profit, surplus = market.outcomes(quality)
    np.testing.assert_array_equal(profit, [one.profit for one in expected])
    np.testing.assert_allclose(profit.sum(axis=1) + surplus, [one.welfare for one in expected])


def test_consumers_of_a_region_grow_with_its_organisations():
    market = DownstreamMarket(regions_of(3, 2), Demand(mass=2.0))
    lonely = DownstreamMarket(regions_of(1, 1), Demand(mass=2.0))
    quality = np.array([0.6, 0.6, 0.6])
    assert market.earnings(quality).profit[2] == pytest.approx(lonely.earnings(quality[:1]).profit[0])
    assert market.earnings(quality).share[0] * 4 * market.earnings(quality).price[0] == pytest.approx(
        market.earnings(quality).profit[0]
    )


def test_a_leader_loses_more_to_a_rival_than_the_rival_gains():
    """Where closeness destroys margins, a leader withholds a deal that would raise welfare."""
    setting = SETTINGS.build({"name": "competitive", "demand": {"tau": 0.02}})
    market = setting.downstream(2)
    quality, buyer, seller = np.array([0.8, 0.5]), np.array([1]), np.array([0])
    change = market.change(quality, buyer, seller, np.array([0.7]))
    assert change.welfare[0] > 0
    assert setting.value(change)[0] < setting.cost(change)[0]
    alone = SETTINGS.build({"name": "independent", "demand": {"tau": 0.02}})
    change = alone.downstream(2).change(quality, buyer, seller, np.array([0.7]))
    assert alone.value(change)[0] > alone.cost(change)[0] == 0


def test_settings_differ_in_value_and_cost_alone():
    built = {
        name: SETTINGS.build({"name": name, "delivery": 0.01, "demand": {"tau": 0.05}}) for name in SETTINGS
    }
    quality, buyer, seller = np.array([0.5, 0.55]), np.array([0]), np.array([1])
    change = built["competitive"].downstream(2).change(quality, buyer, seller, np.array([0.7]))
    assert built["competitive"].value(change) == change.buyer
    assert built["competitive"].cost(change) == pytest.approx(0.01 - change.seller)
    assert built["cooperative"].value(change) == change.welfare
    assert built["cooperative"].cost(change) == 0.01
    assert not built["autarky"].trades
    assert built["cooperative"].cooperates
    assert built["independent"].downstream(4).region.tolist() == [0, 1, 2, 3]
