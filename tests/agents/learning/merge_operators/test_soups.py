"""Model soups (Wortsman et al. 2022)."""

import numpy as np
import torch

from agents.learning import Architecture, Fleet, merge
from agents.learning.merge_operators import Evidence, Owners, Recipe
from agents.learning.merge_operators.greedy_soup import GreedySoup, greedy_soup
from agents.learning.merge_operators.uniform_soup import UniformSoup, uniform_soup
from agents.learning.parameters import Parameters
from tests.agents.learning.conftest import ARCHITECTURES, fleet_of, models

NOTHING = torch.zeros(0, dtype=torch.int64)


def ones(fleet: Fleet) -> Evidence:
    owners = Owners(fleet.architecture, fleet.parameters, torch.zeros(0), NOTHING, NOTHING)
    return Evidence(UniformSoup().evidence(owners))


def stacked(architecture: Architecture, merges: int, size: int) -> Parameters:
    return {
        name: leaf.unflatten(0, (merges, size)) for name, leaf in models(architecture, merges * size).items()
    }


def test_the_uniform_soup_is_the_average(any_architecture: Architecture) -> None:
    ingredients = stacked(any_architecture, 3, 4)
    for name, leaf in uniform_soup(ingredients).items():
        expected = np.stack([ingredients[name][p].numpy().mean(0) for p in range(3)])
        np.testing.assert_allclose(leaf.numpy(), expected, rtol=1e-5, atol=1e-7)


def test_all_purchases_of_a_round_count_alike(any_architecture: Architecture) -> None:
    """Layers count apart: who bought two heads and one model has heads of four and layers of two models."""
    fleet, offered = fleet_of(any_architecture, 3), models(any_architecture, 3, seed=7)
    before, facts = fleet.copy_of(range(3)), ones(fleet)
    buyer, seller, position = [0, 0, 1, 0], [0, 1, 2, 2], [1, 0, 0, 1]
    recipe = Recipe(UniformSoup(), facts, facts)
    merge(fleet, offered, buyer, seller, position, ["model", "head"], np.ones(4), recipe=recipe)
    for name, leaf in before.items():
        bought = (0, 1, 2) if name.startswith("head") else (1,)
        first = torch.stack([leaf[0], *[offered[name][s] for s in bought]]).mean(0)
        torch.testing.assert_close(fleet.parameters[name][0], first)
        torch.testing.assert_close(fleet.parameters[name][1], (leaf[1] + offered[name][2]) / 2)
        assert torch.equal(fleet.parameters[name][2], leaf[2])
    assert all((leaf == 1).all() for leaf in facts.leaves.values())


def plain_greedy(models_: list[Parameters], loss_of) -> tuple[Parameters, list[bool]]:
    """Recipe 1 of the paper, for one merge, as written."""
    order = sorted(range(len(models_)), key=lambda s: loss_of(models_[s]))
    chosen = [order[0]]

    def average(numbers: list[int]) -> Parameters:
        return {name: torch.stack([models_[s][name] for s in numbers]).mean(0) for name in models_[0]}

    for s in order[1:]:
        if loss_of(average([*chosen, s])) <= loss_of(average(chosen)):
            chosen.append(s)
    return average(chosen), [s in chosen for s in range(len(models_))]


def test_the_greedy_soup_is_the_papers_and_never_worse_than_its_best_ingredient(
    any_architecture: Architecture, examples: tuple
) -> None:
    inputs, labels = examples
    merges, size = 6, 5
    fleet = fleet_of(any_architecture, merges)
    ingredients = stacked(any_architecture, merges, size)

    def loss_of(candidates: Parameters) -> np.ndarray:
        fleet.write(range(merges), candidates)
        return fleet.evaluate(range(merges), inputs, labels, np.arange(60)[None], np.zeros(merges, int))[0]

    soup, kept = greedy_soup(ingredients, loss_of)
    assert kept.any(axis=1).all()
    assert not kept.all()
    alone = np.stack([loss_of({n: leaf[:, s] for n, leaf in ingredients.items()}) for s in range(size)])
    assert (loss_of(soup) <= alone.min(axis=0) + 1e-7).all()
    for p in range(merges):

        def loss_of_one(model: Parameters) -> float:
            fleet.write([0], {name: leaf.unsqueeze(0) for name, leaf in model.items()})
            return float(fleet.evaluate([0], inputs, labels, np.arange(60)[None], [0])[0][0])

        expected, chosen = plain_greedy(
            [{n: leaf[p, s] for n, leaf in ingredients.items()} for s in range(size)], loss_of_one
        )
        assert kept[p].tolist() == chosen
        for name, leaf in expected.items():
            torch.testing.assert_close(soup[name][p], leaf, rtol=1e-4, atol=1e-6)


def test_what_is_not_finite_stays_out_of_the_soup() -> None:
    ingredients = {"a": torch.tensor([[[3.0], [1.0], [float("nan")], [-2.0]]])}

    def distance(model: Parameters) -> np.ndarray:
        return model["a"][:, 0].abs().numpy().astype(float)

    soup, kept = greedy_soup(ingredients, distance)
    # 1 alone is off by 1; with -2 by 1/2; with 3 it would be off by 2/3
    assert kept.tolist() == [[False, True, False, True]]
    assert soup["a"].tolist() == [[-0.5]]


def test_a_purchase_that_harms_is_undone_and_does_not_count() -> None:
    architecture = ARCHITECTURES["mlp"]
    fleet, offered = fleet_of(architecture, 3), models(architecture, 3, seed=7)
    before, facts = fleet.copy_of(range(3)), ones(fleet)
    offered["head.bias"][:2] += 100
    target = 0.5 * (before["head.bias"] + offered["head.bias"][2])

    def loss_of(slots: np.ndarray) -> np.ndarray:
        """Distance of the head's bias to the average with the last model for sale."""
        rows = torch.from_numpy(np.asarray(slots))
        return (fleet.parameters["head.bias"][rows] - target[rows]).norm(dim=1).double().numpy()

    recipe = Recipe(GreedySoup(), facts, facts)
    buyer, seller = [0, 0, 1, 0], [0, 2, 2, 1]
    merge(fleet, offered, buyer, seller, [0] * 4, ["model"], np.ones(4), recipe=recipe, loss_of=loss_of)
    for name, leaf in before.items():
        expected = (leaf[:2] + offered[name][2]) / 2
        torch.testing.assert_close(fleet.parameters[name][:2], expected)
