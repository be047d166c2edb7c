import numpy as np
import pytest
import torch
import torch.nn.functional as F

from agents.learning import Architecture, Data, Pairs
from agents.learning.operations.ensembles import Ensemble, evaluate_ensembles, try_ensembles
from agents.learning.operations.weight_searches import GivenWeights
from agents.learning.operations.weight_searches.quadratic import QuadraticFit
from agents.learning.stack import memory
from tests.agents.learning.conftest import ARCHITECTURES, EXAMPLES, fleet_of, models


def ensembles(architecture: Architecture, average: str = "logits") -> Ensemble:
    members = {name: leaf.unflatten(0, (3, 4)) for name, leaf in fleet_of(architecture, 12).models.items()}
    weights = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.0, 1.0, 0.0, 0.0], [0.1, 0.2, 0.3, 0.4]])
    return Ensemble(architecture, members, weights, average)


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_answers_are_the_average_of_plain_modules(
    any_architecture: Architecture, average: str, examples: tuple
) -> None:
    inputs, labels = examples
    found = ensembles(any_architecture, average)
    loss, accuracy = found.evaluate(inputs, labels)
    for p in range(3):
        with torch.no_grad():
            members = {name: leaf[p] for name, leaf in found.members.items()}
            answers = torch.stack([any_architecture.module(members, s).eval()(inputs) for s in range(4)])
        if average == "probabilities":
            mean = (answers.softmax(2) * found.weights[p][:, None, None]).sum(0).log()
        else:
            mean = (answers * found.weights[p][:, None, None]).sum(0)
        assert loss[p] == pytest.approx(F.cross_entropy(mean, labels).item(), abs=1e-5)
        assert accuracy[p] == (mean.argmax(1) == labels).double().mean().item()


def test_averaged_probabilities_lose_no_more_than_the_members_on_average(examples: tuple) -> None:
    """Jensen's inequality: the loss is convex in the probabilities, and in the logits too."""
    for average in ("logits", "probabilities"):
        found = ensembles(ARCHITECTURES["mlp"], average)
        alone = np.stack(
            [
                Ensemble(
                    found.architecture,
                    {n: leaf[:, s : s + 1] for n, leaf in found.members.items()},
                    torch.ones(3, 1),
                ).evaluate(*examples)[0]
                for s in range(4)
            ],
            axis=1,
        )
        assert (found.evaluate(*examples)[0] <= (alone * found.weights.numpy()).sum(axis=1) + 1e-6).all()


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_trials_of_ensembles(any_architecture: Architecture, average: str, examples: tuple) -> None:
    fleet, offered = fleet_of(any_architecture, 3), fleet_of(any_architecture, 2, seed=5).models
    buyer, seller = [2, 0, 2], [1, 0, 0]
    grid, pairs = GivenWeights((0.0, 0.4, 1.0)), Pairs.of(buyer, seller)
    data = Data(*examples, np.arange(EXAMPLES)[None], [0, 0, 0])
    weights, loss = try_ensembles(fleet, offered, pairs, data, grid, average)
    assert weights.shape == loss.shape == (3, 3)
    for p in range(3):
        pair = {
            name: torch.stack([leaf[buyer[p]], offered[name][seller[p]]]).unsqueeze(0)
            for name, leaf in fleet.models.items()
        }
        for w, weight in enumerate(grid.weights):
            both = Ensemble(any_architecture, pair, torch.tensor([[1 - weight, weight]]), average)
            assert loss[p, w] == pytest.approx(both.evaluate(*examples)[0][0], abs=1e-6)
    small = fleet_of(any_architecture, 3, memory_budget_mb=1e-6)
    again = try_ensembles(small, offered, pairs, data, grid, average)
    np.testing.assert_array_equal(again[1], loss)
    fitted = try_ensembles(fleet, offered, pairs, data, QuadraticFit(), average)
    assert (fitted[1].min(axis=1) <= loss[:, 0] + 1e-12).all()


def test_what_does_not_fit_is_refused(examples: tuple) -> None:
    architecture = ARCHITECTURES["mlp"]
    members = {name: leaf.unsqueeze(1) for name, leaf in models(architecture, 2).items()}
    for weights in ([[0.5], [1.0]], [[-1.0], [1.0]]):
        with pytest.raises(ValueError, match="weights must be at least 0 and sum to 1"):
            Ensemble(architecture, members, torch.tensor(weights))
    with pytest.raises(ValueError, match="average must be one of logits, probabilities; got 'votes'"):
        Ensemble(architecture, members, torch.ones(2, 1), "votes")
    fleet = fleet_of(architecture, 1)
    data, pair = Data(*examples, np.arange(9)[None]), Pairs.of([0], [0])
    with pytest.raises(ValueError, match="average must be one of"):
        try_ensembles(fleet, fleet.parameters, pair, data, GivenWeights((0.0,)), "votes")


@pytest.mark.parametrize("small_parts", [False, True])
def test_the_mean_of_probabilities_by_hand(architecture, examples, small_parts, monkeypatch):
    """Lakshminarayanan, Pritzel and Blundell 2017: p(y | x) is the mean of the members' p(y | x)."""
    inputs, labels = examples
    if small_parts:
        monkeypatch.setattr(memory, "PASS_BYTES", 2**16)
    fleet = fleet_of(architecture, 5)
    members, index = np.array([[4, 0, 2], [1, 0, 3]]), np.stack([np.arange(50), np.arange(30, 80)])
    loss, accuracy = evaluate_ensembles(fleet, members, Data(inputs, labels, index, [1, 0]))
    for ensemble, group, found, right in zip(members, (1, 0), loss, accuracy, strict=True):
        x, y = inputs[index[group]], labels[index[group]]
        answers = [architecture.module(fleet.models, slot).eval()(x).softmax(1) for slot in ensemble]
        mean = torch.stack(answers).double().mean(0)
        assert found == pytest.approx(-mean[torch.arange(50), y].log().mean().item(), rel=1e-5)
        assert right == pytest.approx((mean.argmax(1) == y).double().mean().item())
