import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from agents.learning import Architecture, Data, Fleet, Offered, Pairs, Trials, try_blocks
from agents.learning.alignment.base import Unaligned
from agents.learning.alignment.weight_matching import WeightMatching, match_weights, permute
from tests.agents.learning.conftest import ARCHITECTURES, fleet_of, models

GRID = np.array([0, 0.05, 0.35, 0.5, 0.9, 1.0])
NAMES = ["model", "head", "layer0"]
BUYER = np.array([2, 0, 2, 1, 3, 0, 2])
SELLER = np.array([1, 0, 1, 2, 0, 1, 0])
POSITION = np.array([0, 1, 2, 0, 0, 2, 1])
INDEX = np.stack([np.arange(0, 37), np.arange(50, 87)])
GROUP = np.array([0, 1, 0, 1, 1, 0, 1])
PAIRS = Pairs.of(BUYER, SELLER, POSITION)
Examples = tuple[torch.Tensor, torch.Tensor]


def trial(fleet: Fleet, offered: dict, examples: Examples, some: list[int], align: bool = True) -> Trials:
    names = NAMES if "layer0" in fleet.architecture.positions else ["model", "head", "model"]
    pairs, data = PAIRS.take(np.array(some, dtype=int)), Data(*examples, INDEX, GROUP[some])
    return try_blocks(
        fleet,
        Offered(offered, names),
        pairs,
        data,
        GRID,
        alignment=WeightMatching() if align else Unaligned(),
    )


ALL = list(range(7))


@pytest.mark.parametrize("align", [True, False])
def test_trials_equal_a_plain_loop_over_pairs_and_weights(
    any_architecture: Architecture, align: bool, examples: Examples
) -> None:
    inputs, labels = examples
    fleet, offered = fleet_of(any_architecture, 4), models(any_architecture, 3, seed=5)
    results = trial(fleet, offered, examples, ALL, align)
    names = NAMES if "layer0" in any_architecture.positions else ["model", "head", "model"]
    plain = any_architecture.module(fleet.models, 0)
    for p in ALL:
        own = fleet.copy_of([BUYER[p]])
        other = {name: leaf[SELLER[p]].unsqueeze(0) for name, leaf in offered.items()}
        if align:
            other = permute(any_architecture, other, match_weights(any_architecture, own, other).permutations)
        for w, weight in enumerate(GRID):
            merged = {name: leaf.clone() for name, leaf in own.items()}
            for name in any_architecture.tensors_of(names[POSITION[p]]):
                merged[name] = (1 - weight) * own[name] + weight * other[name]
            rows = INDEX[GROUP[p]]
            # a merge is normalised by the validation batch, the buyer's own model by its running statistics
            told = {name: leaf[0] for name, leaf in (merged if w else fleet.models_of([BUYER[p]])).items()}
            with torch.no_grad():
                logits = functional_call(plain.train(w > 0), told, inputs[rows])
            expected = F.cross_entropy(logits, labels[rows]).item()
            assert results.losses[p, w] == pytest.approx(expected, abs=1e-5)
    best = results.losses.argmin(1)
    assert np.array_equal(results.weight, GRID[best])
    assert np.array_equal(results.gain, results.losses[:, 0] - results.losses.min(1))
    assert (results.gain >= 0).all()


def test_heads_of_different_tasks_do_not_count_in_weight_matching(examples: Examples) -> None:
    architecture = ARCHITECTURES["mlp"]
    fleet, offered = fleet_of(architecture, 4), models(architecture, 3, seed=5)
    offered["head.weight"] *= 100.0
    # of three pairs the second alone has a seller that learnt what its buyer did
    some, learnt = [0, 1, 3], np.array([1, 1, 0])

    def permutations(leaves: dict, group: np.ndarray | None = None) -> dict:
        pairs, data = Pairs.of(BUYER[some], SELLER[some]), Data(*examples, INDEX, GROUP[some])
        found = try_blocks(fleet, Offered(leaves, group=group), pairs, data, GRID)
        assert found.prepared.permutations is not None
        return found.prepared.permutations

    found, alike = permutations(offered, learnt), permutations(offered)
    without = offered | {name: torch.zeros_like(offered[name]) for name in ("head.weight", "head.bias")}
    apart = permutations(without)
    for name, order in found.items():
        expected = torch.where(torch.tensor([[False], [True], [False]]), alike[name], apart[name])
        assert torch.equal(order, expected), name
    assert any(not torch.equal(found[name], alike[name]) for name in found)


def test_a_bundle_of_all_layers_is_the_model(any_architecture: Architecture, examples: Examples) -> None:
    fleet, offered = fleet_of(any_architecture, 4), models(any_architecture, 3, seed=5)
    every = "+".join(any_architecture.positions)
    found = [
        try_blocks(
            fleet, Offered(offered, [name]), Pairs.of(BUYER, SELLER), Data(*examples, INDEX, GROUP), GRID
        )
        for name in ("model", every)
    ]
    assert np.array_equal(found[0].losses, found[1].losses)


def test_chunks_and_company_do_not_change_a_bit(any_architecture: Architecture, examples: Examples) -> None:
    fleet, offered = fleet_of(any_architecture, 4), models(any_architecture, 3, seed=5)
    full = trial(fleet, offered, examples, ALL)
    for budget in (1e-6, 0.1, 0.3):
        small = fleet_of(any_architecture, 4, memory_budget_mb=budget)
        assert np.array_equal(trial(small, offered, examples, ALL).losses, full.losses)
    for some in ([0], [6], [3, 1], [5, 2, 0, 4]):
        part = trial(fleet, offered, examples, some)
        assert np.array_equal(part.losses, full.losses[some])
        for name, order in (part.prepared.permutations or {}).items():
            assert torch.equal(order, (full.prepared.permutations or {})[name][some])


def test_what_the_fleet_still_holds_gives_the_same_bits(
    any_architecture: Architecture, examples: Examples
) -> None:
    fleet = fleet_of(any_architecture, 4)
    offered = fleet.copy_of(np.arange(4))
    held = trial(fleet, offered, examples, ALL)
    # with a fifth model on offer, fleet and offer differ, and stems are computed apart
    apart = trial(fleet, {n: torch.cat([leaf, leaf[:1] + 1]) for n, leaf in offered.items()}, examples, ALL)
    assert np.array_equal(held.losses, apart.losses)
    loss, _ = fleet.evaluate(BUYER, Data(*examples, INDEX, GROUP))
    assert np.array_equal(held.losses[:, 0], loss)


def test_no_purchase_is_the_evaluation(any_architecture: Architecture, examples: Examples) -> None:
    fleet, offered = fleet_of(any_architecture, 4), models(any_architecture, 3, seed=5)
    loss, _ = fleet.evaluate(BUYER, Data(*examples, INDEX, GROUP))
    assert np.array_equal(trial(fleet, offered, examples, ALL).losses[:, 0], loss)


def test_a_better_model_is_taken_whole_and_its_own_copy_not_at_all(examples: Examples) -> None:
    architecture = ARCHITECTURES["mlp"]
    fleet = fleet_of(architecture, 2)
    index = np.arange(80)[None]
    offered = fleet.copy_of([1, 0])
    for name in offered:
        fleet.parameters[name][0] = 0  # knows nothing
    fleet.train([1], Data(*examples, np.tile(np.arange(80), 40)[None]), 16)
    offered = fleet.copy_of([1, 0])
    pairs, data = Pairs.of([0, 0], [0, 1]), Data(*examples, index, [0, 0])
    results = try_blocks(fleet, Offered(offered), pairs, data, [0, 0.5, 1], alignment=Unaligned())
    assert results.weight.tolist() == [1, 0]
    assert results.gain[1] == 0
    trained, _ = fleet.evaluate([1], Data(*examples, index, [0]))
    # zeros answer every class alike: loss ln K
    assert results.gain[0] == pytest.approx(np.log(3) - trained[0], abs=1e-5)


def test_what_is_not_finite_is_never_chosen(examples: Examples) -> None:
    architecture = ARCHITECTURES["mlp"]
    fleet, offered = fleet_of(architecture, 4), models(architecture, 3, seed=5)
    offered["head.bias"][0] = float("nan")
    offered["layer0.weight"][2] = float("inf")
    for name in fleet.parameters:
        fleet.parameters[name][3] = float("nan")
    pairs = Pairs.of([0, 0, 0, 3, 3], [0, 0, 2, 1, 0], [0, 1, 2, 0, 0])
    for_sale, data = Offered(offered, ["model", "layer0", "head"]), Data(*examples, INDEX[:1], [0] * 5)
    results = try_blocks(fleet, for_sale, pairs, data, GRID)
    assert np.isinf(results.losses[0, 1:]).all()
    assert (results.weight[0], results.gain[0]) == (0, 0)
    assert np.isfinite(results.losses[[1, 2]]).all()
    assert np.isinf(results.losses[3:]).all()
    assert results.gain[3:].tolist() == [0, 0]


def test_no_pairs_and_wrong_grids(examples: Examples) -> None:
    fleet, offered = fleet_of(ARCHITECTURES["mlp"], 4), models(ARCHITECTURES["mlp"], 3)
    assert trial(fleet, offered, examples, []).losses.shape == (0, len(GRID))
    rest = (Offered(offered), Pairs.of([0], [0]), Data(*examples, INDEX, [0]))
    only = try_blocks(fleet, *rest, [0])
    assert (only.losses.shape, only.gain.tolist()) == ((1, 1), [0])
    for grid in ([0.5, 1], [0, 1.5], [0, 0.5, 0.5], [], [0, float("nan")]):
        with pytest.raises(ValueError, match="weights must increase from 0"):
            try_blocks(fleet, *rest, grid)
