"""Trials of every operator measure what a merge with it gives, with every search."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from agents.learning import Architecture, Data, Fleet, Offered, Pairs, merge, try_blocks
from agents.learning.alignment.base import Unaligned
from agents.learning.operations.weight_searches import GivenWeights, WeightSearch
from agents.learning.operations.weight_searches.golden import GoldenSection
from agents.learning.operations.weight_searches.quadratic import QuadraticFit
from agents.learning.operators import MERGE_OPERATORS, MergeOperator, Recipe, gather_evidence
from agents.learning.training.calibration import recalibrate
from tests.agents.learning.conftest import ARCHITECTURES, fleet_of
from tests.agents.learning.operators.samples import moved

BUYER, SELLER = np.array([2, 0, 2, 1, 3]), np.array([1, 2, 3, 0, 2])
POSITION, GROUP = np.array([0, 1, 0, 0, 1]), np.array([0, 1, 0, 1, 1])
INDEX = np.stack([np.arange(0, 37), np.arange(50, 87)])
NAMES = ["model", "head"]
PAIRS = Pairs.of(BUYER, SELLER, POSITION)
GRID = GivenWeights((0.0, 0.3, 1.0))
Examples = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(params=list(MERGE_OPERATORS))
def operator(request: pytest.FixtureRequest) -> MergeOperator:
    return MERGE_OPERATORS.build(request.param)


def market(
    architecture: Architecture, operator: MergeOperator, inputs: torch.Tensor, budget: float = 512
) -> tuple[Fleet, Recipe]:
    """Return four models with evidence from examples of their own, and a common ancestor."""
    fleet = fleet_of(architecture, 4, memory_budget_mb=budget)
    fleet.write(range(4), moved(architecture, 4, seed=0))
    rng = np.random.default_rng(9)
    rows = torch.from_numpy(np.stack([rng.permutation(len(inputs))[:33] for _ in range(4)]))
    seeds = torch.from_numpy(rng.integers(-(2**63), 2**63, 4))
    facts = gather_evidence(fleet, operator, torch.arange(4), inputs, rows, seeds)
    base = moved(architecture, 4, seed=3) if operator.ancestral else None
    return fleet, Recipe(operator, facts, facts, base)


def test_the_merge_has_the_loss_of_the_trial(
    operator: MergeOperator, any_architecture: Architecture, examples: Examples
) -> None:
    """Pair by pair and weight by weight, on a plain torch module of the merged model."""
    inputs, labels = examples
    fleet, recipe = market(any_architecture, operator, inputs)
    offered, before = fleet.copy_of(range(4)), fleet.models_of(range(4))
    plain = any_architecture.module(before, 0).eval()
    found = try_blocks(fleet, Offered(offered, NAMES, recipe), PAIRS, Data(*examples, INDEX, GROUP), GRID)
    # a merge writes into its buyer: pairs of different buyers go together
    for together in ([0, 1, 3, 4], [2]):
        prepared, pairs = found.prepared.take(np.array(together)), PAIRS.take(np.array(together))
        for w, weight in enumerate(GRID.weights):
            fleet.write(range(4), before)
            merge(fleet, prepared, pairs, [weight] * len(together))
            if weight:
                recalibrate(fleet, pairs.buyer, Data(*examples, INDEX, GROUP[together]))
            for p in together:
                rows = INDEX[GROUP[p]]
                own = {name: leaf[BUYER[p]] for name, leaf in fleet.models.items()}
                with torch.no_grad():
                    logits = functional_call(plain, own, inputs[rows])
                expected = F.cross_entropy(logits, labels[rows]).item()
                assert found.losses[p, w] == pytest.approx(expected, abs=2e-5)


def test_chunks_and_company_do_not_change_a_bit(
    operator: MergeOperator, architecture: Architecture, examples: Examples
) -> None:
    found = []
    for budget, first in ((512, 0), (1e-6, 0), (0.2, 2)):
        fleet, recipe = market(architecture, operator, examples[0], budget)
        offered, pairs = Offered(fleet.copy_of(range(4)), NAMES, recipe), PAIRS.take(np.arange(first, 5))
        data, search = Data(*examples, INDEX, GROUP[first:]), GoldenSection(tolerance=0.5)
        found.append(try_blocks(fleet, offered, pairs, data, search))
    full, alone, part = found
    for column in ("losses", "compared"):
        assert np.array_equal(getattr(alone, column), getattr(full, column))
        assert np.array_equal(getattr(part, column), getattr(full, column)[2:])


@pytest.mark.parametrize("search", [GRID, GoldenSection(), QuadraticFit()])
def test_gains_are_never_negative_and_come_with_their_weight(
    operator: MergeOperator, search: WeightSearch, examples: Examples
) -> None:
    fleet, recipe = market(ARCHITECTURES["mlp"], operator, examples[0])
    offered, data = Offered(fleet.copy_of(range(4)), NAMES, recipe), Data(*examples, INDEX, GROUP)
    found = try_blocks(fleet, offered, PAIRS, data, search)
    own, _ = fleet.evaluate(BUYER, data)
    assert np.array_equal(found.losses[:, 0], own)
    assert found.losses.shape == found.compared.shape == (len(BUYER), search.evaluations)
    assert (found.gain >= 0).all()
    assert np.array_equal(found.gain, found.losses[:, 0] - found.losses.min(axis=1))
    assert np.array_equal(found.weight, found.compared[np.arange(len(BUYER)), found.losses.argmin(axis=1)])


def test_of_equal_losses_the_smallest_weight_counts(examples: Examples) -> None:
    """A buyer that gains nothing from a copy of itself does not take it, in whatever order it was tried."""
    fleet, recipe = market(ARCHITECTURES["mlp"], MERGE_OPERATORS.build("interpolation"), examples[0])
    offered, data = Offered(fleet.copy_of(range(4)), NAMES, recipe), Data(*examples, INDEX, [0])
    found = try_blocks(fleet, offered, Pairs.of([1], [1]), data, GoldenSection(), alignment=Unaligned())
    assert np.ptp(found.losses) == 0
    assert (found.weight.tolist(), found.gain.tolist()) == ([0], [0])
