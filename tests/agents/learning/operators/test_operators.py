"""What holds for every merge operator and every network."""

import dataclasses

import numpy as np
import pytest
import torch

from agents.learning import Architecture
from agents.learning.alignment.weight_matching import permute
from agents.learning.operators import MERGE_OPERATORS, MergeOperator, StraightOperator
from tests.agents.learning.conftest import ARCHITECTURES
from tests.agents.learning.operators.samples import PAIRS, WEIGHTS, operands_of, owners

NAMES = list(MERGE_OPERATORS)


@pytest.fixture(params=NAMES)
def operator(request: pytest.FixtureRequest) -> MergeOperator:
    return MERGE_OPERATORS.build(request.param)


@pytest.mark.parametrize(("masked", "ancestor"), [(False, True), (True, False)])
def test_a_merge_does_not_depend_on_its_company(
    operator: MergeOperator, any_architecture: Architecture, masked: bool, ancestor: bool
) -> None:
    """A plain loop over the merges gives the same bits as all of them together."""
    operands = operands_of(any_architecture, operator, masked, ancestor)
    together = operator.merge(operands, WEIGHTS)
    pooled = operator.pooled(operands, WEIGHTS)
    for p in range(PAIRS):
        row = torch.tensor([p])
        alone = operator.merge(operands.take(row), WEIGHTS[row])
        for name, leaf in together.items():
            assert torch.equal(alone[name][0], leaf[p]), name
        for name, leaf in operator.pooled(operands.take(row), WEIGHTS[row]).items():
            assert torch.equal(leaf[0], pooled[name][p]), name


def test_evidence_does_not_depend_on_company(operator: MergeOperator, any_architecture: Architecture) -> None:
    everybody = owners(any_architecture)
    together = operator.evidence(everybody)
    for p in range(PAIRS):
        row = torch.tensor([p])
        alone = dataclasses.replace(
            everybody,
            parameters={name: leaf[row] for name, leaf in everybody.parameters.items()},
            rows=everybody.rows[row],
            seeds=everybody.seeds[row],
        )
        for name, leaf in operator.evidence(alone).items():
            assert torch.equal(leaf[0], together[name][p]), name


@pytest.mark.parametrize("ancestor", [False, True])
def test_weight_0_and_tensors_outside_the_block_are_the_buyers_own(
    operator: MergeOperator, any_architecture: Architecture, ancestor: bool
) -> None:
    """To the last bit, whatever the seller's tensors outside the block hold."""
    operands = operands_of(any_architecture, operator, masked=True, ancestor=ancestor)
    assert operands.masks is not None
    for name, holds in operands.masks.items():
        operands.other[name][~holds] = float("nan")
    merged = operator.merge(operands, WEIGHTS)
    for p in range(PAIRS):
        inside = [name for name, holds in operands.masks.items() if WEIGHTS[p] > 0 and holds[p]]
        stays = {name: torch.equal(merged[name][p], leaf[p]) for name, leaf in operands.own.items()}
        assert all(stays[name] for name in stays if name not in inside)
        assert not inside or not all(stays[name] for name in inside)
        assert all(torch.isfinite(merged[name][p]).all() for name in inside)


def test_a_model_merged_with_itself_is_itself(
    operator: MergeOperator, any_architecture: Architecture
) -> None:
    operands = dataclasses.replace(
        operands_of(any_architecture, operator), other=owners(any_architecture).parameters
    )
    merged = operator.merge(operands, WEIGHTS)
    for name, leaf in operands.own.items():
        torch.testing.assert_close(merged[name], leaf, rtol=1e-6, atol=1e-7)
        if isinstance(operator, StraightOperator):
            assert torch.equal(merged[name], leaf)


def test_weight_1_is_the_seller_where_the_operator_replaces(
    operator: MergeOperator, any_architecture: Architecture
) -> None:
    operands = operands_of(any_architecture, operator)
    merged = operator.merge(operands, torch.ones(PAIRS))
    close = [
        torch.allclose(merged[name], leaf, rtol=1e-5, atol=1e-6) for name, leaf in operands.other.items()
    ]
    assert all(close) == operator.replaces


def test_units_in_another_order_give_the_same_merge_in_that_order(
    operator: MergeOperator, any_architecture: Architecture
) -> None:
    """Evidence moves with the units: permuting both models and their evidence permutes the merge."""
    if operator.name == "dare":
        operator = MERGE_OPERATORS.build({"name": "dare", "rate": 0})  # what it drops depends on the place
    rng = np.random.default_rng(3)
    orders = {
        name: torch.from_numpy(np.stack([rng.permutation(one.width) for _ in range(PAIRS)]))
        for name, one in any_architecture.permutations.items()
    }
    operands = operands_of(any_architecture, operator, ancestor=True)
    assert operands.base is not None
    moved = dataclasses.replace(
        operands,
        own=permute(any_architecture, operands.own, orders),
        other=permute(any_architecture, operands.other, orders),
        base=permute(any_architecture, operands.base, orders),
        own_evidence=operator.permute_evidence(any_architecture, operands.own_evidence, orders),
        other_evidence=operator.permute_evidence(any_architecture, operands.other_evidence, orders),
    )
    expected = permute(any_architecture, operator.merge(operands, WEIGHTS), orders)
    for name, leaf in operator.merge(moved, WEIGHTS).items():
        torch.testing.assert_close(leaf, expected[name], rtol=1e-4, atol=1e-5)


def test_evidence_of_permuted_models_is_the_permuted_evidence(
    operator: MergeOperator, any_architecture: Architecture
) -> None:
    own = owners(any_architecture)
    orders = {
        name: torch.arange(one.width).flip(0).repeat(PAIRS, 1)
        for name, one in any_architecture.permutations.items()
    }
    moved = dataclasses.replace(own, parameters=permute(any_architecture, own.parameters, orders))
    expected = operator.permute_evidence(any_architecture, operator.evidence(own), orders)
    for name, leaf in operator.evidence(moved).items():
        torch.testing.assert_close(leaf, expected[name], rtol=1e-4, atol=1e-6)


def test_every_operator_is_known() -> None:
    assert [
        *["dare", "fisher", "greedy_soup", "interpolation", "lora_svd", "regmean", "slerp", "ties"],
        "uniform_soup",
    ] == NAMES
    with pytest.raises(ValueError, match="merge operator must be one of dare, fisher"):
        MERGE_OPERATORS.build("glue")
    assert set(ARCHITECTURES) >= {"mlp", "convnet"}
