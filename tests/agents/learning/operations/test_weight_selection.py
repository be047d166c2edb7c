"""Weight selection (Xu et al. 2024)."""

import numpy as np
import pytest
import torch

from agents.learning.networks.convnet import ConvNet
from agents.learning.networks.mlp import MLP
from agents.learning.operations.weight_selection import evenly_spaced, select_weights
from tests.agents.learning.conftest import CLASSES, SHAPE, models

LARGE = {"mlp": MLP(widths=[12, 8, 6]), "convnet": ConvNet(channels=[8, 6])}
SMALL = {"mlp": MLP(widths=[6, 5]), "convnet": ConvNet(channels=[4, 3])}


def test_entries_are_evenly_spaced() -> None:
    assert evenly_spaced(12, 4).tolist() == [0, 3, 6, 9]
    assert evenly_spaced(7, 3).tolist() == [0, 3, 6]
    assert evenly_spaced(5, 5).tolist() == [0, 1, 2, 3, 4]
    assert evenly_spaced(10, 4).tolist() == [0, 3, 6, 9]


def test_layers_by_hand() -> None:
    """12 and 8 units to 6 and 5: every second of the first, from end to end of the second."""
    large = models(LARGE["mlp"].bind(SHAPE, CLASSES), 3)
    small = select_weights(large, SMALL["mlp"].bind(SHAPE, CLASSES))
    first, second = [0, 2, 4, 6, 8, 10], [0, 2, 4, 5, 7]
    assert torch.equal(small["layer0.weight"], large["layer0.weight"][:, first])
    assert torch.equal(small["layer0.bias"], large["layer0.bias"][:, first])
    assert torch.equal(small["layer1.weight"], large["layer1.weight"][:, second][:, :, first])
    # the head of three layers reads six units, and keeps five of them
    assert torch.equal(small["head.weight"], large["head.weight"][:, :, [0, 1, 2, 4, 5]])
    assert torch.equal(small["head.bias"], large["head.bias"])


@pytest.mark.parametrize("name", list(LARGE))
def test_shapes_fit_and_a_model_is_its_own_selection(name: str) -> None:
    large, small = LARGE[name].bind(SHAPE, CLASSES), SMALL[name].bind(SHAPE, CLASSES)
    parameters = models(large, 2)
    selected = select_weights(parameters, small)
    assert {n: tuple(leaf.shape[1:]) for n, leaf in selected.items()} == small.shapes
    assert list(selected) == list(small.shapes)
    own = select_weights(parameters, large)
    assert all(torch.equal(own[n], leaf) for n, leaf in parameters.items())


def test_a_model_hidden_in_a_larger_one_is_found() -> None:
    """Where nothing reads every second unit of the larger model, the selection is the same function."""
    small, large = MLP(widths=[5, 4]).bind(SHAPE, CLASSES), MLP(widths=[10, 8]).bind(SHAPE, CLASSES)
    hidden, around = models(small, 2), models(large, 2, seed=1)
    around["layer0.weight"][:, ::2] = hidden["layer0.weight"]
    around["layer0.bias"][:, ::2] = hidden["layer0.bias"]
    around["layer1.weight"][:, ::2] = 0
    around["layer1.weight"][:, ::2, ::2] = hidden["layer1.weight"]
    around["layer1.bias"][:, ::2] = hidden["layer1.bias"]
    around["head.weight"][:] = 0
    around["head.weight"][:, :, ::2] = hidden["head.weight"]
    around["head.bias"] = hidden["head.bias"]
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 9, *SHAPE)).astype(np.float32))
    found = small.forward(select_weights(around, small), x)
    torch.testing.assert_close(found, large.forward(around, x), rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_refused() -> None:
    large = models(SMALL["mlp"].bind(SHAPE, CLASSES), 1)
    with pytest.raises(
        ValueError, match=r"tensor layer0.weight of the larger model must be at least \(12, 60\)"
    ):
        select_weights(large, LARGE["mlp"].bind(SHAPE, CLASSES))
    deep = MLP(widths=[2, 2, 2]).bind(SHAPE, CLASSES)
    with pytest.raises(ValueError, match=r"tensor layer2.weight .* got None"):
        select_weights(large, deep)
    with pytest.raises(ValueError, match="tensor layer0"):
        select_weights(large, SMALL["convnet"].bind(SHAPE, CLASSES))
