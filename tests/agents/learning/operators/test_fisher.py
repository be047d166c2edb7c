"""Fisher-weighted averaging (Matena and Raffel 2022)."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from agents.learning import Architecture
from agents.learning.operators import Operands, interpolate
from agents.learning.operators.fisher import Fisher, diagonal_fisher, fisher_merge
from tests.agents.learning.conftest import ARCHITECTURES, models
from tests.agents.learning.operators.samples import PAIRS, WEIGHTS, operands_of, owners


def test_it_is_the_least_of_the_weighted_quadratic_losses() -> None:
    """Equation 2: where F and G are the curvatures, the slope of (1 - w) L_own + w L_other vanishes."""
    rng = np.random.default_rng(0)
    own, other = (torch.from_numpy(rng.normal(size=(PAIRS, 6))) for _ in range(2))
    f, g = (torch.from_numpy(rng.exponential(size=(PAIRS, 6))) for _ in range(2))
    w = WEIGHTS.double()
    merged = fisher_merge(Operands({"a": own}, {"a": other}, None, {"a": f}, {"a": g}), w, floor=1e-12)["a"]
    share = w.unsqueeze(1)
    slope = (1 - share) * f * (merged - own) + share * g * (merged - other)
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-12)


def test_equal_information_is_interpolation(any_architecture: Architecture) -> None:
    operands = operands_of(any_architecture, Fisher())
    merged = fisher_merge(dataclasses.replace(operands, other_evidence=operands.own_evidence), WEIGHTS)
    expected = interpolate(operands.own, operands.other, WEIGHTS)
    for name, leaf in merged.items():
        torch.testing.assert_close(leaf, expected[name], rtol=1e-5, atol=1e-6)


def test_what_neither_depends_on_is_interpolated() -> None:
    zero, own, other = torch.zeros(1, 2), torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 6.0]])
    merged = fisher_merge(
        Operands({"a": own}, {"a": other}, None, {"a": zero}, {"a": zero}), torch.tensor([0.25])
    )
    torch.testing.assert_close(merged["a"], torch.tensor([[1.5, 3.0]]))


def test_several_merges_are_one_of_all_models() -> None:
    """Information adds up: merging one after the other gives the product of all the posteriors."""
    architecture, operator = ARCHITECTURES["mlp"], Fisher(floor=1e-12)
    rng = np.random.default_rng(1)
    three = [models(architecture, 1, seed) for seed in range(3)]
    facts = [
        {n: torch.from_numpy(rng.exponential(size=leaf.shape)).float() for n, leaf in three[0].items()}
        for _ in range(3)
    ]
    first = Operands(three[0], three[1], None, facts[0], facts[1])
    half, third = torch.tensor([0.5]), torch.tensor([1 / 3])
    merged = operator.merge(first, half)
    second = dataclasses.replace(
        first, own=merged, other=three[2], own_evidence=operator.pooled(first, half), other_evidence=facts[2]
    )
    merged = operator.merge(second, third)
    for name, leaf in merged.items():
        total = sum(f[name] for f in facts)
        expected = sum(f[name] * model[name] for f, model in zip(facts, three, strict=True)) / total
        torch.testing.assert_close(leaf, expected, rtol=1e-4, atol=1e-5)


def test_the_information_equals_a_plain_loop_over_examples(
    any_architecture: Architecture,
) -> None:
    own = owners(any_architecture, count=2, examples=5)
    found = diagonal_fisher(any_architecture, own.parameters, own.inputs, own.rows)
    for slot in range(2):
        module = any_architecture.module(own.parameters, slot)
        rows = own.rows[slot][own.rows[slot] >= 0]
        expected = {name: torch.zeros_like(p) for name, p in module.named_parameters()}
        for x in own.inputs[rows]:
            log_chance = F.log_softmax(module(x.unsqueeze(0)), 1)[0]
            for label in range(any_architecture.classes):
                module.zero_grad()
                log_chance[label].backward(retain_graph=True)
                for name, parameter in module.named_parameters():
                    assert parameter.grad is not None
                    expected[name] += log_chance[label].exp().detach() * parameter.grad.square() / len(rows)
        for name, leaf in expected.items():
            torch.testing.assert_close(found[name][slot], leaf, rtol=1e-3, atol=1e-7)


def test_the_information_of_logistic_regression_in_closed_form() -> None:
    """Of the weight of class k and input j: the mean of p_k (1 - p_k) x_j^2."""
    architecture = ARCHITECTURES["linear"]
    own = owners(architecture, count=1, examples=20)
    rows = own.rows[0][own.rows[0] >= 0]
    x = own.inputs[rows].flatten(1).double()
    logits = x @ own.parameters["head.weight"][0].double().T + own.parameters["head.bias"][0].double()
    chance = logits.softmax(1)
    spread = chance * (1 - chance)
    found = diagonal_fisher(architecture, own.parameters, own.inputs, own.rows)
    torch.testing.assert_close(
        found["head.weight"][0].double(), spread.T @ x.square() / len(rows), rtol=1e-4, atol=1e-8
    )
    torch.testing.assert_close(found["head.bias"][0].double(), spread.mean(0), rtol=1e-4, atol=1e-8)


def test_who_has_no_examples_has_no_information() -> None:
    architecture = ARCHITECTURES["mlp"]
    own = owners(architecture, count=2)
    own.rows[1] = -1
    found = diagonal_fisher(architecture, own.parameters, own.inputs, own.rows)
    assert all((leaf[1] == 0).all() for leaf in found.values())
    assert found["layer0.weight"][0].sum() > 0


def test_fields() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Fisher(examples=0)
    with pytest.raises(ValueError, match="greater than 0"):
        Fisher(floor=0)
