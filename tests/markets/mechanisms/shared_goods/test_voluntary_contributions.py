import numpy as np
import pytest

from markets import theory
from markets.mechanisms.shared_goods.voluntary_contributions import VoluntaryContributions
from tests.markets.mechanisms.samples import copies, equilibria

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("bids", "asks", "cost", "released"),
    [
        ([5, 3], 1, 6, True),
        ([5, 3], 1, 6.5, False),
        ([5, 0], [1, 2], 2, True),
        ([0.1, 0.7], 0, 0.8, True),
        ([0, 0], 0, 0, True),
    ],
)
def test_contributions_are_given_whatever_happens(bids, asks, cost, released):
    """The cost is C and all asks; just that is enough; whoever bids gets what is released."""
    trades = VoluntaryContributions(cost=cost).clear(copies(bids, asks), RNG)
    given = trades if released else trades.levies
    assert given.paid.tolist() == given.received.tolist() == bids
    assert len(trades) == (2 if released else 0)
    assert trades.broker == 0


def test_free_riding_and_the_fear_to_be_the_only_one():
    """Values 1 and 1, cost 1: (1/2, 1/2) is an equilibrium, and so is (0, 0); no gift is lost in any."""
    profiles, rest = equilibria(VoluntaryContributions(cost=1.0), np.arange(5) / 4, [1.0, 1.0])
    found = {tuple(profile) for profile in profiles[rest]}
    assert found == {(0, 0), (0, 1), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25), (1, 0)}


@pytest.mark.parametrize("values", [[1.0, 0.5, 0.75], [0.5, 0.25, 0.0], [1.25, 0.25, 0.25]])
def test_equilibria_on_a_grid_are_those_of_theory(values):
    profiles, rest = equilibria(VoluntaryContributions(cost=1.0), np.arange(6) / 4, values)
    np.testing.assert_array_equal(
        rest, theory.is_contribution_equilibrium(profiles, values, 1.0, refund=False)
    )


def test_scarce_copies_are_refused():
    with pytest.raises(ValueError, match=r"orders\.capacity must be no less than its listing has buyers"):
        VoluntaryContributions().clear(copies([3, 2], capacity=1), RNG)
