import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from agents.learning.alignment import assignment
from agents.learning.alignment import weight_matching as alignment
from agents.learning.alignment.assignment import LAST_EPSILON, auction_assignments, best_assignments
from agents.learning.alignment.weight_matching import match_weights
from tests.agents.learning.conftest import ARCHITECTURES, models


def totals(worth: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    units = worth.shape[1]
    assert torch.equal(found.sort(1).values, torch.arange(units).expand(len(worth), units))
    return worth.gather(2, found.unsqueeze(2)).squeeze(2).sum(1)


def greatest(worth: torch.Tensor) -> torch.Tensor:
    tables = [table[linear_sum_assignment(table, maximize=True)].sum() for table in worth.double().numpy()]
    return torch.tensor(tables, dtype=torch.float64)


@settings(max_examples=40, deadline=None)
@given(
    units=st.integers(1, 12),
    pairs=st.integers(0, 6),
    largest=st.sampled_from([0, 1, 3, 1000]),
    seed=st.integers(0, 1000),
)
def test_integer_tables_are_solved_exactly_ties_and_all(
    units: int, pairs: int, largest: int, seed: int
) -> None:
    drawn = np.random.default_rng(seed).integers(-largest, largest + 1, (pairs, units, units))
    worth = torch.from_numpy(drawn + 7.0 * largest)
    assert torch.equal(totals(worth, auction_assignments(worth)), greatest(worth))
    assert torch.equal(totals(worth, best_assignments(worth)), greatest(worth))


@pytest.mark.parametrize(("units", "pairs"), [(16, 20), (48, 6)])
@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_the_auctions_gap_is_within_its_bound(units: int, pairs: int, scale: float) -> None:
    """Bertsekas (1988): at most h times the last epsilon below the greatest total."""
    rng = np.random.default_rng(units)
    noise = rng.random((pairs, units, units))
    gram = rng.normal(size=(pairs, units, 9)) @ rng.normal(size=(pairs, 9, units))
    worth = torch.from_numpy(np.concatenate([noise, gram]) * scale)
    spread = worth.flatten(1).amax(1) - worth.flatten(1).amin(1)
    gap = greatest(worth) - totals(worth, auction_assignments(worth))
    assert (gap <= units * LAST_EPSILON * spread + 1e-12 * scale).all()
    # in single precision, the bound is that of its digits
    single = worth.float()
    gap = greatest(single) - totals(single.double(), auction_assignments(single))
    bound = units * assignment.DIGITS_LEFT * torch.finfo(torch.float32).eps
    assert (gap <= bound * spread).all()


def test_a_tables_assignment_is_the_same_in_any_company() -> None:
    worth = torch.from_numpy(np.random.default_rng(1).normal(size=(7, 10, 10)))
    together = auction_assignments(worth)
    for some in ([3], [6, 0], [1, 2, 5, 4]):
        assert torch.equal(auction_assignments(worth[some]), together[some])


def test_an_auction_that_is_cut_short_still_matches_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    worth = torch.from_numpy(np.random.default_rng(2).normal(size=(5, 12, 12)))
    monkeypatch.setattr(assignment, "MOST_ROUNDS_A_UNIT", 1)
    found = auction_assignments(worth)
    assert torch.equal(found.sort(1).values, torch.arange(12).expand(5, 12))


@pytest.mark.parametrize("kind", ["mlp", "convnet", "resnet"])
def test_weight_matching_by_auctions_is_that_by_scipy(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = ARCHITECTURES[kind]
    own, other = models(architecture, 5), models(architecture, 5, seed=1)
    expected = match_weights(architecture, own, other)
    monkeypatch.setattr(alignment, "best_assignments", auction_assignments)
    found = match_weights(architecture, own, other)
    np.testing.assert_allclose(found.objective[-1], expected.objective[-1], rtol=1e-9)
    for name, order in expected.permutations.items():
        assert torch.equal(found.permutations[name], order), name
