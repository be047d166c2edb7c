import numpy as np
import pytest
import torch

from agents.learning import Architecture, Data, Offered, Pairs, Prepared, interpolate, match_weights, merge
from agents.learning.alignment.weight_matching import permute
from agents.learning.operations.merging import position_masks, purchase_rank
from agents.learning.training.optimisers import AdamW
from markets.theory import best_merge_weight
from tests.agents.learning.conftest import ARCHITECTURES, fleet_of, models, orders


def test_ends_and_merges_with_itself_are_exact(any_architecture: Architecture) -> None:
    own, other = models(any_architecture, 4), models(any_architecture, 4, seed=1)
    weight = torch.tensor([0, 1, 0.3, 0.7])
    merged, same = interpolate(own, other, weight), interpolate(own, own, weight)
    for name, leaf in own.items():
        assert torch.equal(merged[name][0], leaf[0])
        assert torch.equal(merged[name][1], other[name][1])
        assert torch.equal(same[name], leaf)
        torch.testing.assert_close(merged[name][2], 0.7 * leaf[2] + 0.3 * other[name][2])
        torch.testing.assert_close(merged[name][3], 0.3 * leaf[3] + 0.7 * other[name][3])


def test_a_tensor_that_is_not_bought_may_hold_anything(any_architecture: Architecture) -> None:
    own, other = models(any_architecture, 2), models(any_architecture, 2, seed=1)
    first = next(iter(any_architecture.shapes))
    names = ["model", "head"]
    masks = position_masks(any_architecture, [1, 0], names, torch.device("cpu"))
    other[first][0] = float("nan")
    merged = interpolate(own, other, torch.full((2,), 0.5), masks)
    in_head = first.startswith("head")
    assert bool(merged[first][0].isnan().all()) == in_head
    assert torch.isfinite(merged[first][1]).all()
    assert not torch.equal(merged["head.bias"][0], own["head.bias"][0])


@pytest.mark.parametrize("aligned", [False, True])
def test_purchases_apply_one_after_another(architecture: Architecture, aligned: bool) -> None:
    fleet, offered = fleet_of(architecture, 5, AdamW()), models(architecture, 4, seed=7)
    buyer, seller = np.array([3, 1, 3, 0, 3, 1]), np.array([0, 1, 2, 3, 2, 0])
    names = ["head", "model", "layer1"]
    position, weight = np.array([1, 0, 2, 1, 1, 2]), np.array([0.5, 1.0, 0.25, 0.0, 0.75, 0.5])
    permutations = None
    rows = torch.from_numpy(seller)
    bought = {name: leaf[rows] for name, leaf in offered.items()}
    if aligned:
        permutations = match_weights(architecture, fleet.copy_of(buyer), bought).permutations
        bought = permute(architecture, bought, permutations)
    expected = fleet.copy_of(range(5))
    for p in range(6):
        for name in architecture.tensors_of(names[position[p]]):
            own = expected[name][buyer[p]]
            expected[name][buyer[p]] = (1 - weight[p]) * own + weight[p] * bought[name][p]
    prepared = Prepared(Offered(offered, names), permutations)
    merge(fleet, prepared, Pairs.of(buyer, seller, position), weight)
    for name, leaf in expected.items():
        torch.testing.assert_close(fleet.parameters[name], leaf, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("reset", [True, False])
def test_the_buyers_optimisers_start_afresh(reset: bool, examples: tuple) -> None:
    architecture = ARCHITECTURES["mlp"]
    fleet = fleet_of(architecture, 3, AdamW())
    fleet.train(range(3), Data(*examples, orders([16, 16, 16])), 8)
    before = fleet.copy_of(range(3))
    prepared = Prepared(Offered(models(architecture, 1)))
    merge(fleet, prepared, Pairs.of([1], [0]), [0.0], reset_optimiser=reset)
    assert fleet.optimiser_state.steps.tolist() == [2, 0 if reset else 2, 2]
    assert all(torch.equal(fleet.parameters[name], leaf) for name, leaf in before.items())


def test_edges() -> None:
    fleet = fleet_of(ARCHITECTURES["mlp"], 2)
    offered, before = models(ARCHITECTURES["mlp"], 1), fleet.state()
    merge(fleet, Prepared(Offered(offered)), Pairs.of([], []), [])
    assert all(torch.equal(leaf, before[name]) for name, leaf in fleet.state().items())
    assert purchase_rank(np.array([3, 1, 3, 0, 3, 1])).tolist() == [0, 0, 1, 0, 2, 1]
    for weight in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=r"weight must be in \[0, 1\]; got"):
            merge(fleet, Prepared(Offered(offered)), Pairs.of([0], [0]), [weight])
    with pytest.raises(ValueError, match="position must be one of"):
        merge(fleet, Prepared(Offered(offered, ["tail"])), Pairs.of([0], [0]), [0.5])


def test_the_best_weight_on_a_quadratic_loss() -> None:
    """Closed form: |(1 - w) a + w b - t|^2 is least at w = (t - a).(b - a) / |b - a|^2, clipped to [0, 1]."""
    architecture, grid = next(iter(ARCHITECTURES.values())), np.linspace(0, 1, 1001)
    a, b, t = (models(architecture, 1, seed=seed) for seed in (1, 2, 3))
    for share in (-0.4, 0.0, 0.35, 0.8, 1.6):
        target = {name: leaf + share * (b[name] - leaf) + 0.1 * t[name] for name, leaf in a.items()}
        own, bought = (torch.cat([leaf.ravel() for leaf in m.values()]).numpy() for m in (a, b))
        weight = best_merge_weight(own, bought, torch.cat([leaf.ravel() for leaf in target.values()]).numpy())
        many = {name: leaf.expand(len(grid), *leaf.shape[1:]) for name, leaf in a.items()}
        other = {name: leaf.expand(len(grid), *leaf.shape[1:]) for name, leaf in b.items()}
        merged = interpolate(many, other, torch.from_numpy(grid))
        loss = sum(((merged[name] - target[name]) ** 2).flatten(1).double().sum(1) for name in merged)
        assert abs(grid[int(loss.argmin())] - weight) <= 0.0015
        assert (weight == 0) if share < -0.3 else (weight == 1) if share > 1.3 else 0 <= weight < 1
