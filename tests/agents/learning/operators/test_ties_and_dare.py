"""TIES (Yadav et al. 2023) and DARE (Yu et al. 2024)."""

import dataclasses

import numpy as np
import pytest
import torch

from agents.learning import Architecture
from agents.learning.operators import interpolate
from agents.learning.operators.dare import SEED, Dare, drop_and_rescale, split_mix
from agents.learning.operators.ties import Ties, ties, trim
from tests.agents.learning.operators.samples import PAIRS, WEIGHTS, operands_of


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values])


def test_ties_by_hand() -> None:
    """Algorithm 1 on task vectors (3, -2, 0.1, 1), (-1, -4, 5, 0.2) and (2, 1, 0.3, -6), half of each kept.

    Trimmed: (3, -2, 0, 0), (0, -4, 5, 0), (2, 0, 0, -6). Signs elected: +, -, +, -. Means of those that
    agree: 5 / 2, -3, 5, -6.
    """
    base = row(10.0, 10.0, 10.0, 10.0)
    vectors = [row(3.0, -2, 0.1, 1), row(-1.0, -4, 5, 0.2), row(2.0, 1, 0.3, -6)]
    merged = ties({"a": base}, [{"a": base + v} for v in vectors], density=0.5)["a"]
    torch.testing.assert_close(merged, row(12.5, 7, 15, 4))
    scaled = ties({"a": base}, [{"a": base + v} for v in vectors], density=0.5, scale=0.5)["a"]
    torch.testing.assert_close(scaled, row(11.25, 8.5, 12.5, 7))


def test_opposite_signs_elect_the_heavier_side_and_cancel_when_equal() -> None:
    base = {"a": torch.zeros(1, 2)}
    merged = ties(base, [{"a": row(4.0, 1)}, {"a": row(-1.0, -1)}], density=1)["a"]
    torch.testing.assert_close(merged, row(4.0, 0))


def test_trimming_counts_over_all_tensors_of_the_block_together() -> None:
    vectors = {"a": torch.tensor([[5.0, 1], [5, 1]]), "b": torch.tensor([[4.0, 0.5, 3], [9, 9, 9]])}
    masks = {"a": torch.tensor([True, True]), "b": torch.tensor([True, False])}
    kept = trim(vectors, 0.5, masks)
    assert kept["a"].tolist() == [[5, 0], [5, 0]]  # 3 of 5 entries, and 1 of 2
    assert kept["b"][0].tolist() == [4, 0, 3]
    assert trim({"a": torch.arange(1.0, 101).unsqueeze(0)}, 0.55)["a"].count_nonzero() == 55


def test_whole_task_vectors_of_one_sign_are_averaged(any_architecture: Architecture) -> None:
    """With nothing to trim and no conflict, TIES is the average: of models above a common ancestor."""
    operands = operands_of(any_architecture, Ties(), ancestor=True)
    assert operands.base is not None
    above = [
        {n: leaf + side[n].abs() for n, leaf in operands.base.items()}
        for side in (operands.own, operands.other)
    ]
    merged = Ties(density=1).merge(
        dataclasses.replace(operands, own=above[0], other=above[1]), torch.ones(PAIRS)
    )
    for name, leaf in merged.items():
        torch.testing.assert_close(leaf, (above[0][name] + above[1][name]) / 2)


def test_without_an_ancestor_whole_ties_is_interpolation(any_architecture: Architecture) -> None:
    operands = operands_of(any_architecture, Ties())
    expected = interpolate(operands.own, operands.other, WEIGHTS)
    for name, leaf in Ties(density=1).merge(operands, WEIGHTS).items():
        torch.testing.assert_close(leaf, expected[name], rtol=1e-5, atol=1e-6)
    sparse = Ties(density=0.2).merge(operands, torch.ones(PAIRS))
    moved = sum(int((sparse[name] != leaf).sum()) for name, leaf in operands.own.items())
    size = PAIRS * any_architecture.parameter_count
    assert 0.19 * size < moved < 0.22 * size


def test_draws_are_those_of_split_mix_64() -> None:
    """The stream of seed 1234567 as published with the reference implementation."""
    published = np.array([6457827717110365317, 3203168211198807973, 9817491932198370423], dtype=np.uint64)
    found = split_mix(torch.tensor([1234567]), torch.tensor([1, 2, 3]))[0].numpy().view(np.uint64)
    assert found.tolist() == published.tolist()


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_thinning_keeps_the_share_and_the_mean(rate: float) -> None:
    """Section 3.2: entries survive with probability 1 - p and are divided by it, so the mean is unbiased."""
    vectors = {"a": torch.ones(400, 20, 5), "b": 2 * torch.ones(400, 30)}
    seeds = torch.from_numpy(np.random.default_rng(0).integers(-(2**63), 2**63, 400))
    thinned = drop_and_rescale(vectors, rate, seeds)
    draws = 400 * 130
    everything = torch.cat([thinned["a"].flatten(1), thinned["b"] / 2], 1)
    torch.testing.assert_close(
        everything[everything != 0], torch.tensor(1 / (1 - rate)).expand((everything != 0).sum())
    )
    error = np.sqrt(rate / (1 - rate) / draws)
    assert everything.mean().item() == pytest.approx(1, abs=4 * error + 1e-6)
    # each entry, over the seeds, and neighbours apart
    assert everything.mean(0).sub(1).abs().max() <= 5 * np.sqrt(rate / (1 - rate) / 400) + 1e-6
    if rate:
        kept = (everything > 0).double()
        together = ((kept[:, 1:] - kept.mean()) * (kept[:, :-1] - kept.mean())).mean() / kept.var()
        assert abs(together) < 0.02


@pytest.mark.parametrize("ancestor", [False, True])
def test_dare_is_interpolation_on_average(any_architecture: Architecture, ancestor: bool) -> None:
    operands, count = operands_of(any_architecture, Dare(), ancestor=ancestor), 150
    seeds = torch.from_numpy(np.random.default_rng(4).integers(-(2**63), 2**63, count * PAIRS))
    often = dataclasses.replace(
        operands.take(torch.arange(PAIRS).repeat(count)), other_evidence={SEED: seeds}
    )
    merged = Dare(rate=0.5).merge(often, WEIGHTS.repeat(count))
    expected = interpolate(operands.own, operands.other, WEIGHTS)
    for name, each in merged.items():
        leaf = each.unflatten(0, (count, PAIRS)).mean(0)
        base = operands.own[name] if operands.base is None else operands.base[name]
        error = (operands.other[name] - base).abs().max() / np.sqrt(count)
        assert (leaf - expected[name]).abs().max() < 5 * error


def test_the_same_seed_drops_the_same_entries(any_architecture: Architecture) -> None:
    """So that what was tried is what is merged."""
    operands = operands_of(any_architecture, Dare())
    first, again = (Dare().merge(operands, WEIGHTS) for _ in range(2))
    other = Dare().merge(
        dataclasses.replace(operands, other_evidence={SEED: operands.own_evidence[SEED]}), WEIGHTS
    )
    assert all(torch.equal(again[name], leaf) for name, leaf in first.items())
    assert not all(torch.equal(other[name], leaf) for name, leaf in first.items())


def test_fields() -> None:
    for wrong in ({"density": 0}, {"density": 1.1}, {"scale": 0}):
        with pytest.raises(ValueError, match=r"density|scale"):
            Ties(**wrong)
    with pytest.raises(ValueError, match="less than 1"):
        Dare(rate=1)
