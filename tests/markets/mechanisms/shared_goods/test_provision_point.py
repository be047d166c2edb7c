import numpy as np
import pytest

from markets import theory
from markets.mechanisms.shared_goods.provision_point import ProvisionPoint
from tests.markets.mechanisms.samples import copies, equilibria

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("excess", "paid"), [("keep", [6, 2]), ("proportional", [4.5, 1.5])])
def test_excess_is_kept_or_given_back(excess, paid):
    """Bids 6 and 2, asks 0 and 3, C = 3: the second pays less than its ask, the seller gets 6 at least."""
    trades = ProvisionPoint(cost=3.0, excess=excess).clear(copies([6, 2], [0, 3]), RNG)
    assert trades.paid.tolist() == trades.received.tolist() == paid
    assert trades.broker == 0


@pytest.mark.parametrize("excess", ["keep", "proportional"])
def test_what_falls_short_is_refunded(excess):
    trades = ProvisionPoint(cost=5.5, excess=excess).clear(copies([6, 2], [0, 3]), RNG)
    assert len(trades) == len(trades.levies) == 0


def test_listings_are_projects_of_their_own():
    trades = ProvisionPoint(cost=4.0).clear(copies([[3, 1], [3, 0.5], [0, 4]]), RNG)
    assert trades.listing.tolist() == [0, 0, 2, 2]


def test_just_enough_is_enough_whatever_the_rounding():
    """0.1 + 0.7 is 0.7999999999999999 in floats."""
    assert len(ProvisionPoint(cost=0.8).clear(copies([0.1, 0.7]), RNG)) == 2


def test_half_and_half_is_an_equilibrium_and_so_is_nothing():
    """Values (1, 1), C = 1 (Bagnoli and Lipman 1989); refunds make any hopeless profile one."""
    profiles, rest = equilibria(ProvisionPoint(cost=1.0), np.arange(5) / 4, [1.0, 1.0])
    found = {tuple(profile) for profile in profiles[rest]}
    assert found == {(0, 0), (0, 1), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25), (1, 0)}
    profiles, rest = equilibria(ProvisionPoint(cost=1.0), np.arange(5) / 4, [0.75, 0.75])
    assert (0.25, 0.25) in {tuple(profile) for profile in profiles[rest]}


@pytest.mark.parametrize("values", [[1.0, 0.5, 0.75], [0.5, 0.25, 0.0], [1.25, 0.25, 0.25]])
def test_equilibria_on_a_grid_are_those_of_theory(values):
    profiles, rest = equilibria(ProvisionPoint(cost=1.0), np.arange(6) / 4, values)
    np.testing.assert_array_equal(rest, theory.is_contribution_equilibrium(profiles, values, 1.0))


@pytest.mark.parametrize("values", [[1.0, 1.0], [1.0, 0.5, 0.75]])
def test_rebates_leave_the_equilibria(values):
    """Giving less lowers what one pays while others give, so that only a single giver may give too much."""
    profiles, kept = equilibria(ProvisionPoint(cost=1.0), np.arange(6) / 4, values)
    _, back = equilibria(ProvisionPoint(cost=1.0, excess="proportional"), np.arange(6) / 4, values)
    assert back[kept].all()
    assert ((profiles[back & ~kept] > 0).sum(axis=1) == 1).all()
