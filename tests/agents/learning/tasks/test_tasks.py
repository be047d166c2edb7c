"""Losses are those of torch's own functions and of probability theory; qualities are in (0, 1]."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal

from agents.learning.tasks import TASKS, Classification, NextToken, Regression

RNG = np.random.default_rng(0)
TOKENS = NextToken((6,), tuple("abcde"))


def drawn(*shape: int) -> torch.Tensor:
    return torch.from_numpy(RNG.normal(size=shape))


def test_tokens_are_measured_as_torch_does() -> None:
    logits = drawn(3, 5, 6, 4)
    targets = torch.from_numpy(RNG.integers(0, 5, (3, 4, 6)))
    losses, scores = TOKENS.row_losses(logits, targets), TOKENS.row_scores(logits, targets)
    for slot in range(3):
        for row in range(4):
            said, wanted = logits[slot, :, :, row].T, targets[slot, row]
            assert losses[slot, row].item() == pytest.approx(F.cross_entropy(said, wanted).item())
            right = (said.argmax(1) == wanted).double().mean().item()
            assert scores[slot, row].item() == pytest.approx(right)


def test_regression_is_the_likelihood_of_a_gaussian_in_units_of_the_tolerance() -> None:
    task = Regression((3,), ("price",), tolerance=0.5)
    mean, deviation, targets = drawn(2, 7), 0.5 + drawn(2, 7).abs(), drawn(2, 7)
    least = 2 * math.log(0.5) - math.log(2 * math.pi)
    said = least + torch.log(torch.expm1(2 * deviation.log() - least))
    losses = task.row_losses(torch.stack([mean, said], 1), targets)
    expected = -Normal(mean, deviation).log_prob(targets) - math.log(0.5)
    torch.testing.assert_close(losses, expected)


def test_the_score_of_regression_is_the_share_of_variance_explained() -> None:
    task, targets = Regression((3,), ("price",)), drawn(1, 2000)
    targets = (targets - targets.mean()) / targets.std(correction=0)
    guess = torch.stack([targets + 0.3 * drawn(1, 2000), 0 * targets], 1)
    explained = 1 - (targets - guess[:, 0]).var(correction=0).item()
    assert task.mean_score(guess, targets, 2000)[0] == pytest.approx(explained, abs=0.01)
    assert task.mean_score(0 * guess, targets, 2000)[0] == pytest.approx(0)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(0.01, 10))
def test_no_answer_is_better_than_certain(mean: float, said: float, target: float, tolerance: float) -> None:
    task = Regression((1,), ("y",), tolerance)
    loss = task.row_losses(torch.tensor([[[mean], [said]]]), torch.tensor([[target]]))
    assert loss.item() >= 0


def test_a_variance_below_the_floor_still_learns() -> None:
    said = torch.tensor([[[0.0], [-12.0]]], requires_grad=True)
    Regression((1,), ("y",)).row_losses(said, torch.tensor([[3.0]])).sum().backward()
    assert said.grad is not None
    assert said.grad[0, 1, 0] < 0


def test_what_knowing_nothing_costs() -> None:
    several = Classification.of((1, 2, 2), 7)
    nothing = torch.zeros(1, 7, 3), torch.tensor([[0, 3, 6]])
    assert several.mean_loss(*nothing, 3)[0] == pytest.approx(several.prior_loss)
    tokens = torch.zeros(1, 5, 6, 1), torch.zeros(1, 1, 6, dtype=torch.int64)
    assert TOKENS.mean_loss(*tokens, 1)[0] == pytest.approx(TOKENS.prior_loss)
    task, targets = Regression((3,), ("price",)), torch.from_numpy(RNG.normal(size=(1, 200_000)))
    least = 2 * math.log(task.tolerance) - math.log(2 * math.pi)
    unit = torch.full_like(targets, least + math.log(math.expm1(-least)))
    found = task.mean_loss(torch.stack([0 * targets, unit], 1), targets, 200_000)[0]
    assert found == pytest.approx(task.prior_loss, abs=0.01)


def test_names_are_those_of_the_kinds() -> None:
    assert {name: kind.name for name, kind in TASKS.items()} == {name: name for name in TASKS}
    assert [TASKS[name]((2,), ("a", "b")).answers for name in sorted(TASKS)] == [2, 2, 2]
