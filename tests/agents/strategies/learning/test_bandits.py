"""Exp3 keeps its regret bound, on rewards chosen against it."""

import math

import numpy as np

from agents.strategies.learning.bandits import draw, exp3_exploration, exp3_learn, exp3_probabilities


def test_one_step_by_hand():
    """Two choices, g = 1/2: chances (1/2, 1/2); a reward of 1 adds (1/2 / 2) / (1/2) = 1/2 to log w."""
    weights = exp3_learn(np.zeros((2, 2)), np.array([0, 0]), np.ones(2), 0.5, np.array([True, False]))
    np.testing.assert_allclose(weights, [[0.0, -0.5], [0.0, 0.0]])
    chance = exp3_probabilities(weights, 0.5)
    np.testing.assert_allclose(chance[0, 0], 0.5 / (1 + math.exp(-0.5)) + 0.25)
    np.testing.assert_allclose(chance.sum(axis=1), 1)


def test_draws_follow_the_chances():
    chance = np.tile([0.2, 0.0, 0.5, 0.3], (100_000, 1))
    found = np.bincount(draw(chance, np.random.default_rng(0)), minlength=4) / 100_000
    np.testing.assert_allclose(found, chance[0], atol=0.005)
    assert found[1] == 0


def test_regret_stays_below_the_bound_when_the_best_choice_changes():
    """2 sqrt((e - 1) T K ln K); Auer, Cesa-Bianchi, Freund and Schapire (2002), corollary 3.2."""
    players, choices, rounds = 300, 4, 2000
    rng = np.random.default_rng(3)
    exploration = exp3_exploration(choices, rounds)
    weights, earned = np.zeros((players, choices)), np.zeros(players)
    reward = np.zeros((rounds, choices))
    reward[: rounds // 2, 0] = 0.6
    reward[rounds // 2 :, 1] = 1.0
    reward[:, 2] = 0.4
    for now in reward:
        choice = draw(exp3_probabilities(weights, exploration), rng)
        earned += now[choice]
        weights = exp3_learn(weights, choice, now[choice], exploration, np.ones(players, dtype=bool))
    regret = reward.sum(axis=0).max() - earned.mean()
    assert 0 < regret < 2 * math.sqrt((math.e - 1) * rounds * choices * math.log(choices))
