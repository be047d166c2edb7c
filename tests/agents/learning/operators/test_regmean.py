"""RegMean (Jin, Ren, Preotiuc-Pietro and Cheng 2023)."""

import dataclasses
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from agents.learning import Architecture
from agents.learning.networks.base import _places
from agents.learning.operators import Operands, interpolate
from agents.learning.operators.regmean import RegMean, input_products, regmean
from tests.agents.learning.conftest import ARCHITECTURES, CLASSES, SHAPE
from tests.agents.learning.operators.samples import WEIGHTS, operands_of, owners
from tests.agents.learning.token_network import HIDDEN, TokenArchitecture


def linear_task(seed: int) -> tuple[np.ndarray, np.ndarray, dict, dict]:
    """Return inputs with a constant, a linear map fitted to noise, and both as the operator takes them."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=(40, 7)) @ rng.normal(size=(7, 7)), np.ones(40)])
    w = np.linalg.lstsq(x, rng.normal(size=(40, 3)), rcond=None)[0]
    parameters = {"head.weight": torch.from_numpy(w[:-1].T[None]), "head.bias": torch.from_numpy(w[-1][None])}
    return x, w, parameters, {"head.weight": torch.from_numpy((x.T @ x / 40)[None])}


@pytest.mark.parametrize("weight", [0.2, 0.5, 0.9])
def test_it_is_the_least_squares_fit_to_both_models_answers(weight: float) -> None:
    """Equation 1 of the paper, solved by numpy on the data themselves."""
    (x, w, own, g), (z, v, other, h) = linear_task(0), linear_task(1)
    merged = regmean(
        Operands(own, other, None, g, h),
        torch.tensor([weight], dtype=torch.float64),
        shrinkage=1.0,
        ridge=1e-12,
    )
    a, b = np.sqrt(1 - weight), np.sqrt(weight)
    expected = np.linalg.lstsq(np.vstack([a * x, b * z]), np.vstack([a * x @ w, b * z @ v]), rcond=None)[0]
    np.testing.assert_allclose(merged["head.weight"][0].numpy().T, expected[:-1], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(merged["head.bias"][0].numpy(), expected[-1], rtol=1e-6, atol=1e-8)


def test_where_both_fit_their_data_it_is_the_fit_to_all_data() -> None:
    """Each model is the least squares fit to its own data, so the merge at 1/2 is that to the pooled data."""
    rng = np.random.default_rng(3)
    x, z = (np.column_stack([rng.normal(size=(30, 5)), np.ones(30)]) for _ in range(2))
    y, t = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    w, v = np.linalg.lstsq(x, y, rcond=None)[0], np.linalg.lstsq(z, t, rcond=None)[0]
    sides = [
        {"head.weight": torch.from_numpy(m[:-1].T[None]), "head.bias": torch.from_numpy(m[-1][None])}
        for m in (w, v)
    ]
    products = [{"head.weight": torch.from_numpy((a.T @ a / 30)[None])} for a in (x, z)]
    half = torch.tensor([0.5], dtype=torch.float64)
    merged = regmean(Operands(*sides, None, *products), half, shrinkage=1.0, ridge=1e-12)
    expected = np.linalg.lstsq(np.vstack([x, z]), np.vstack([y, t]), rcond=None)[0]
    np.testing.assert_allclose(merged["head.weight"][0].numpy().T, expected[:-1], rtol=1e-6, atol=1e-8)


def test_without_correlations_each_input_is_averaged_by_its_power() -> None:
    """Shrinkage 0 leaves the diagonal: every column is a weighted mean of the two models' columns."""
    (_, w, own, g), (_, v, other, h) = linear_task(0), linear_task(1)
    half = torch.tensor([0.5], dtype=torch.float64)
    merged = regmean(Operands(own, other, None, g, h), half, shrinkage=0.0, ridge=1e-12)
    a, b = (np.diag(p["head.weight"][0].numpy())[:, None] for p in (g, h))
    np.testing.assert_allclose(
        merged["head.weight"][0].numpy().T, ((a * w + b * v) / (a + b))[:-1], rtol=1e-9
    )


def test_where_no_input_says_anything_it_is_interpolation(any_architecture: Architecture) -> None:
    operands = operands_of(any_architecture, RegMean())
    alike = {
        name: torch.eye(leaf.shape[1], dtype=leaf.dtype).expand_as(leaf)
        for name, leaf in operands.own_evidence.items()
    }
    merged = regmean(dataclasses.replace(operands, own_evidence=alike, other_evidence=alike), WEIGHTS)
    expected = interpolate(operands.own, operands.other, WEIGHTS)
    for name, leaf in merged.items():
        torch.testing.assert_close(leaf, expected[name], rtol=1e-5, atol=1e-6)


def test_dead_units_do_not_break_it() -> None:
    architecture = ARCHITECTURES["mlp"]
    own = owners(architecture, count=2)
    own.parameters["layer0.bias"] -= 100  # no unit ever answers
    products = input_products(architecture, own.parameters, own.inputs, own.rows)
    merged = regmean(
        Operands(own.parameters, own.parameters, None, products, products), torch.tensor([0.3, 0.6])
    )
    for name, leaf in merged.items():
        torch.testing.assert_close(leaf, own.parameters[name], rtol=1e-5, atol=1e-6)


def test_products_equal_those_of_plain_modules(any_architecture: Architecture) -> None:
    """The batched inputs of all layers against hooks on plain torch modules, one model after the other."""
    own = owners(any_architecture, count=3)
    found = input_products(any_architecture, own.parameters, own.inputs, own.rows)
    linear = [name for name, shape in any_architecture.shapes.items() if len(shape) > 1]
    assert list(found) == linear
    for slot in range(3):
        rows = own.rows[slot][own.rows[slot] >= 0]
        one = {name: leaf[slot : slot + 1] for name, leaf in own.parameters.items()}
        inputs = Architecture.layer_inputs(any_architecture, one, own.inputs[rows].unsqueeze(0))
        assert list(inputs) == linear
        for name, values in inputs.items():
            x = values[0].flatten(0, 1).double()
            x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
            torch.testing.assert_close(found[name][slot], x.T @ x / len(rows), rtol=1e-5, atol=1e-6)


def test_layer_inputs_times_weights_are_the_next_preactivations() -> None:
    architecture = ARCHITECTURES["convnet"]
    own = owners(architecture, count=2)
    x = own.inputs[:6].expand(2, *own.inputs[:6].shape)
    patches = architecture.layer_inputs(own.parameters, x)["layer0.conv.weight"]
    kernel, bias = own.parameters["layer0.conv.weight"].flatten(2), own.parameters["layer0.conv.bias"]
    z = torch.einsum("nbpf,nuf->nbpu", patches, kernel) + bias[:, None, None]
    torch.testing.assert_close(z, architecture.stem(own.parameters, x).flatten(2, 3), rtol=1e-5, atol=1e-6)


def test_every_token_of_a_sequence_is_an_input() -> None:
    """Products of a linear layer over a sequence axis, added up example by example and token by token."""
    architecture = ARCHITECTURES["tokens"]
    own = owners(architecture, count=2)
    found = input_products(architecture, own.parameters, own.inputs, own.rows)
    for slot in range(2):
        module, rows = architecture.module(own.parameters, slot), own.rows[slot][own.rows[slot] >= 0]
        below, first = np.zeros((11, 11)), np.zeros((8, 8))
        for example in own.inputs[rows]:
            for token in example.unbind(1):
                h = token.flatten()
                below += np.outer(*[np.append(h.numpy(), 1)] * 2)
                with torch.no_grad():
                    above = module.get_submodule("layer0")(h).relu()
                first += np.outer(*[np.append(above.numpy(), 1)] * 2)
        np.testing.assert_allclose(found["layer0.weight"][slot], below / len(rows), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found["layer1.weight"][slot], first / len(rows), rtol=1e-4, atol=1e-5)


class Repeating(nn.Sequential):
    """Calls its second layer twice."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name, layer in self.named_children():
            x = layer(layer(x)) if name == "layer1" else layer(x)
        return x


class RepeatingArchitecture(TokenArchitecture):
    def skeleton(self) -> nn.Module:
        return Repeating(OrderedDict(super().skeleton().named_children()))


def test_a_layer_that_is_called_twice_meets_an_example_twice() -> None:
    architecture = RepeatingArchitecture(SHAPE, CLASSES)
    own = owners(architecture, count=2)
    inputs = architecture.layer_inputs(own.parameters, own.inputs[:4].expand(2, 4, *SHAPE))["layer1.weight"]
    assert inputs.shape == (2, 4, 2 * SHAPE[1], HIDDEN)
    for slot in range(2):
        second = architecture.module(own.parameters, slot).get_submodule("layer1")
        once, twice = inputs[slot].chunk(2, 1)
        torch.testing.assert_close(second(once), twice)


@pytest.mark.parametrize("padding", [0, 2, "same", "valid"])
@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_a_convolution_meets_what_its_padding_says(padding: int | str, mode: str) -> None:
    layer = nn.Conv2d(2, 3, 3, padding=padding, padding_mode=mode, bias=False)
    x = torch.randn(4, 2, 6, 5, generator=torch.Generator().manual_seed(0))
    answers = _places(layer, x) @ layer.weight.flatten(1).T
    torch.testing.assert_close(answers.transpose(1, 2), layer(x).flatten(2), rtol=1e-5, atol=1e-6)
