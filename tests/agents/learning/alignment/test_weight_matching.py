import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from agents.learning.alignment.weight_matching import match_weights, permute
from agents.learning.networks import Architecture
from agents.learning.networks.convnet import ConvNet
from agents.learning.networks.mlp import MLP
from agents.learning.networks.resnet import ResNet
from agents.learning.networks.vgg import VGG
from tests.agents.learning.conftest import ARCHITECTURES, SHAPE, models
from tests.agents.learning.own_nets import OWN

RECOVERABLE = [
    MLP(widths=[9]).bind((1, 8, 8), 10),
    MLP(widths=[64, 64]).bind((1, 8, 8), 10),
    MLP(widths=[32, 32, 32, 16]).bind((1, 8, 8), 10),
    ConvNet(channels=[8]).bind((3, 8, 8), 10),
    ConvNet(channels=[8, 16, 8]).bind((3, 8, 8), 10),
    ResNet(depth=16, channels=8).bind((1, 8, 8), 10),
    ResNet(depth=10, channels=8, widen_factor=2).bind((3, 8, 8), 10),
    VGG(stages=[[8, 8], [16, 8]]).bind((3, 8, 8), 10),
    *(OWN[name].bind((3, 8, 8), 10) for name in ("flattened", "normalised", "recurrent")),
]


def shuffled(architecture: Architecture, pairs: int, seed: int = 0) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return {
        name: torch.from_numpy(np.stack([rng.permutation(one.width) for _ in range(pairs)]))
        for name, one in architecture.permutations.items()
    }


@pytest.mark.parametrize("architecture", RECOVERABLE, ids=lambda a: a.signature)
def test_a_planted_permutation_is_recovered_exactly(architecture: Architecture) -> None:
    own = models(architecture, 6)
    planted = shuffled(architecture, 6)
    other = permute(architecture, own, {name: order.argsort(1) for name, order in planted.items()})
    alignment = match_weights(architecture, own, other)
    for name, order in alignment.permutations.items():
        assert torch.equal(order, planted[name]), name
    aligned = permute(architecture, other, alignment.permutations)
    assert all(torch.equal(aligned[name], leaf) for name, leaf in own.items())
    # the objective of a model with itself is its squared norm
    norm = sum(leaf.double().square().flatten(1).sum(1) for leaf in own.values())
    np.testing.assert_allclose(alignment.objective[-1], norm, rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), kind=st.sampled_from(list(ARCHITECTURES)))
def test_permuting_keeps_the_function(seed: int, kind: str) -> None:
    architecture = ARCHITECTURES[kind]
    parameters = models(architecture, 3, seed)
    x = torch.from_numpy(np.random.default_rng(seed).normal(size=(3, 5, *SHAPE)).astype(np.float32))
    permutations = shuffled(architecture, 3, seed)
    moved = permute(architecture, parameters, permutations)
    expected = architecture.forward(parameters, x)
    torch.testing.assert_close(architecture.forward(moved, x), expected, rtol=1e-4, atol=1e-6)
    # and the stem moves as its parameters do
    z = architecture.permute_stem(architecture.stem(parameters, x), permutations)
    torch.testing.assert_close(architecture.stem(moved, x), z, rtol=1e-5, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), kind=st.sampled_from(["mlp", "convnet", "resnet", "vgg", "recurrent"]))
def test_the_objective_never_falls_and_is_the_inner_product(seed: int, kind: str) -> None:
    architecture = OWN[kind].bind(SHAPE, 3) if kind in OWN else ARCHITECTURES[kind]
    own, other = models(architecture, 5, seed), models(architecture, 5, seed + 1)
    alignment = match_weights(architecture, own, other)
    assert (np.diff(alignment.objective, axis=0) >= 0).all()
    for row, permutations in ((0, {}), (-1, alignment.permutations)):
        aligned = permute(architecture, other, permutations) if permutations else other
        inner = sum((own[n].double() * aligned[n].double()).flatten(1).sum(1) for n in own)
        np.testing.assert_allclose(alignment.objective[row], inner, rtol=1e-9, atol=1e-9)
    for name, order in alignment.permutations.items():
        assert (order.sort(1).values == torch.arange(order.shape[1])).all(), name


def test_coordinate_descent_ends_where_no_single_permutation_helps() -> None:
    architecture = ARCHITECTURES["mlp"]
    own, other = models(architecture, 4), models(architecture, 4, seed=3)
    alignment = match_weights(architecture, own, other)
    aligned = {
        n: leaf.double().numpy() for n, leaf in permute(architecture, other, alignment.permutations).items()
    }
    mine = {name: leaf.double().numpy() for name, leaf in own.items()}
    for members in architecture.symmetries.values():
        for pair in range(4):
            cost = sum(
                np.tensordot(
                    np.moveaxis(mine[t][pair], axis, 0).reshape(len(aligned[members[0][0]][pair]), -1),
                    np.moveaxis(aligned[t][pair], axis, 0).reshape(len(aligned[members[0][0]][pair]), -1),
                    (1, 1),
                )
                for t, axis in members
            )
            rows, columns = linear_sum_assignment(cost, maximize=True)
            assert cost[rows, columns].sum() <= np.trace(cost) + 1e-8


def test_a_batch_of_pairs_equals_pair_by_pair(architecture: Architecture) -> None:
    own, other = models(architecture, 9), models(architecture, 9, seed=1)
    together = match_weights(architecture, own, other)
    for pair in range(9):
        alone = match_weights(
            architecture, *({n: leaf[pair : pair + 1] for n, leaf in side.items()} for side in (own, other))
        )
        for name, order in alone.permutations.items():
            assert torch.equal(order[0], together.permutations[name][pair])
        assert alone.objective[-1, 0] == together.objective[-1, pair]


def test_a_pair_that_is_not_finite_stays_in_place() -> None:
    architecture = ARCHITECTURES["mlp"]
    own, other = models(architecture, 2), models(architecture, 2, seed=1)
    other["head.weight"][0, 0, 0] = float("nan")
    found = match_weights(architecture, own, other).permutations["layer0.units"]
    assert torch.equal(found[0], torch.arange(13))
    assert not torch.equal(found[1], torch.arange(13))
    linear = match_weights(ARCHITECTURES["linear"], *[models(ARCHITECTURES["linear"], 2)] * 2)
    assert linear.permutations == {}
    assert linear.objective.shape == (1, 2)


def test_one_sweep_is_the_least_allowed_work(architecture: Architecture) -> None:
    own, other = models(architecture, 4), models(architecture, 4, seed=1)
    full = match_weights(architecture, own, other)
    short = match_weights(architecture, own, other, max_sweeps=1)
    assert len(short.objective) == 2 < len(full.objective)
    assert np.array_equal(short.objective, full.objective[:2])
