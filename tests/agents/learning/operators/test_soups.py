"""Model soups (Wortsman et al. 2022)."""

import numpy as np
import torch

from agents.learning import Architecture, Data, Fleet, Offered, Pairs, Prepared, merge
from agents.learning.operators import Evidence, Owners, Recipe
from agents.learning.operators.greedy_soup import GreedySoup
from agents.learning.operators.uniform_soup import UniformSoup
from agents.learning.stack.parameters import Parameters
from tests.agents.learning.conftest import ARCHITECTURES, fleet_of, models

NOTHING = torch.zeros(0, dtype=torch.int64)


def ones(fleet: Fleet) -> Evidence:
    owners = Owners(fleet.architecture, fleet.parameters, torch.zeros(0), NOTHING, NOTHING)
    return Evidence(UniformSoup().evidence(owners))


def test_all_purchases_of_a_round_count_alike(any_architecture: Architecture) -> None:
    """Layers count apart: who bought two heads and one model has heads of four and layers of two models."""
    fleet, offered = fleet_of(any_architecture, 3), models(any_architecture, 3, seed=7)
    before, facts = fleet.copy_of(range(3)), ones(fleet)
    buyer, seller, position = [0, 0, 1, 0], [0, 1, 2, 2], [1, 0, 0, 1]
    recipe = Recipe(UniformSoup(), facts, facts)
    prepared = Prepared(Offered(offered, ["model", "head"], recipe))
    merge(fleet, prepared, Pairs.of(buyer, seller, position), np.ones(4))
    for name, leaf in before.items():
        bought = (0, 1, 2) if name.startswith("head") else (1,)
        first = torch.stack([leaf[0], *[offered[name][s] for s in bought]]).mean(0)
        torch.testing.assert_close(fleet.parameters[name][0], first)
        torch.testing.assert_close(fleet.parameters[name][1], (leaf[1] + offered[name][2]) / 2)
        assert torch.equal(fleet.parameters[name][2], leaf[2])
    assert all((leaf == 1).all() for leaf in facts.leaves.values())


def plain_greedy(ingredients: list[Parameters], loss_of) -> Parameters:
    """Recipe 1 of the paper, for one merge, as written; the first model is in the soup whatever follows."""
    soup, chosen = ingredients[0], [ingredients[0]]
    for one in ingredients[1:]:
        candidate = {name: torch.stack([each[name] for each in [*chosen, one]]).mean(0) for name in soup}
        if loss_of(candidate) <= loss_of(soup):
            soup, chosen = candidate, [*chosen, one]
    return soup


def test_the_greedy_soup_of_what_a_buyer_bought_is_the_papers(
    any_architecture: Architecture, examples: tuple
) -> None:
    buyers, bought = 5, 4
    fleet, offered = fleet_of(any_architecture, buyers), models(any_architecture, bought, seed=7)
    before, facts = fleet.copy_of(range(buyers)), ones(fleet)

    def loss_of(slots) -> np.ndarray:
        return fleet.evaluate(slots, Data(*examples, np.arange(60)[None], np.zeros(len(slots), int)))[0]

    buyer, seller = np.repeat(np.arange(buyers), bought), np.tile(np.arange(bought), buyers)
    prepared = Prepared(Offered(offered, recipe=Recipe(GreedySoup(), facts, facts)))
    merge(fleet, prepared, Pairs.of(buyer, seller), np.ones(len(buyer)), loss_of=loss_of)
    found = fleet.copy_of(range(buyers))

    def loss_of_one(model: Parameters) -> float:
        fleet.write([0], {name: leaf.unsqueeze(0) for name, leaf in model.items()})
        return float(loss_of([0])[0])

    grown = 0
    for slot in range(buyers):
        own = {name: leaf[slot] for name, leaf in before.items()}
        expected = plain_greedy(
            [own, *({n: leaf[s] for n, leaf in offered.items()} for s in range(bought))], loss_of_one
        )
        grown += not torch.equal(expected["head.bias"], own["head.bias"])
        for name, leaf in expected.items():
            torch.testing.assert_close(found[name][slot], leaf, rtol=1e-4, atol=1e-6)
    assert grown > 0


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
    prepared, pairs = Prepared(Offered(offered, recipe=recipe)), Pairs.of([0, 0, 1, 0], [0, 2, 2, 1])
    merge(fleet, prepared, pairs, np.ones(4), loss_of=loss_of)
    for name, leaf in before.items():
        expected = (leaf[:2] + offered[name][2]) / 2
        torch.testing.assert_close(fleet.parameters[name][:2], expected)
