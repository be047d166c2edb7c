"""Squared norms of gradients, and the proximal term, against automatic differentiation of plain modules."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from agents.learning import Data
from agents.learning.training.epochs import Pull
from agents.learning.training.optimisers import SGD, AdamW
from agents.learning.training.stationarity import squared_gradient_norms
from tests.agents.learning.conftest import fleet_of, models, orders


def test_the_norm_is_that_of_the_mean_loss(architecture, examples):
    inputs, labels = examples
    fleet, order = fleet_of(architecture, 3), orders([20, 7])
    before = fleet.state()
    found = squared_gradient_norms(fleet, np.array([2, 0]), Data(inputs, labels, order))
    for slot, row, norm in zip((2, 0), order, found, strict=True):
        module, own = architecture.module(fleet.models, slot), row[row >= 0]
        loss = F.cross_entropy(module(inputs[own]), labels[own])
        gradients = torch.autograd.grad(loss, list(module.parameters()))
        assert norm == pytest.approx(sum(float(s.double().square().sum()) for s in gradients), rel=1e-4)
    assert all(torch.equal(leaf, before[name]) for name, leaf in fleet.state().items())


def test_a_proximal_step_descends_the_proximal_objective(any_architecture, examples):
    """Li et al. 2020, equation 2: local loss + mu/2 |theta - anchor|^2, whose gradient autograd knows."""
    inputs, labels = examples
    order, anchor = orders([16, 16]), models(any_architecture, 2, seed=9)
    mu, rate = torch.tensor([0.3, 2.0]), 0.1
    fleet = fleet_of(any_architecture, 2, SGD(lr=rate, momentum=0))
    modules = [any_architecture.module(fleet.models, slot) for slot in range(2)]
    loss, _ = fleet.train([0, 1], Data(inputs, labels, order), 16, Pull(anchor, mu))
    for slot, module in enumerate(modules):
        module.train()
        own = order[slot]
        plain = F.cross_entropy(module(inputs[own]), labels[own])
        distance = sum((p - anchor[n][slot]).square().sum() for n, p in module.named_parameters())
        (plain + mu[slot] / 2 * distance).backward()
        assert loss[slot] == pytest.approx(plain.item(), rel=1e-5)
        for name, p in module.named_parameters():
            expected = (p - rate * p.grad).detach()
            torch.testing.assert_close(fleet.parameters[name][slot], expected, rtol=1e-4, atol=1e-6)


def test_no_pull_is_plain_training_bit_for_bit(architecture, examples):
    inputs, labels = examples
    fleets = [fleet_of(architecture, 2, AdamW(lr=0.01)) for _ in range(2)]
    order = orders([40, 25])
    fleets[0].train([0, 1], Data(inputs, labels, order), 16)
    fleets[1].train(
        [0, 1], Data(inputs, labels, order), 16, Pull(models(architecture, 2, seed=9), torch.zeros(2))
    )
    first, second = (fleet.state() for fleet in fleets)
    assert all(torch.equal(first[name], second[name]) for name in first)
