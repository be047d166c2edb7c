"""Bandits: learn which of K choices pays, from the pay of the one that was made.

Core Objects: exp3_probabilities, exp3_learn, exp3_exploration, draw
"""

import math

import numpy as np

from markets.columns import Bools, Floats, Ints


def exp3_probabilities(log_weights: Floats, exploration: float) -> Floats:
    """Return the chance of each choice, [N, K]: (1 - g) w / sum w + g / K.

    Auer, Cesa-Bianchi, Freund and Schapire (2002), SIAM J. Computing 32, figure 1.

    Parameters
    ----------
    log_weights : float64 [N, K]
        Logarithms of the weights w.
    exploration : float
        g in (0, 1].
    """
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    choices = log_weights.shape[1]
    return (1 - exploration) * weights / weights.sum(axis=1, keepdims=True) + exploration / choices


def exp3_learn(
    log_weights: Floats, choice: Ints, reward: Floats, exploration: float, learns: Bools
) -> Floats:
    """Return the weights after the reward of the choices made: w *= exp(g / K * reward / chance).

    Auer, Cesa-Bianchi, Freund and Schapire (2002), SIAM J. Computing 32, figure 1 and theorem 3.1: for any
    sequence of rewards the best choice earns at most ``(e - 1) g G + K ln K / g`` more in expectation, where
    G is what it earns.

    Parameters
    ----------
    log_weights : float64 [N, K]
        Logarithms of the weights.
    choice : int64 [N]
        What was chosen.
    reward : float64 [N]
        What it earned, in [0, 1].
    exploration : float
        g in (0, 1].
    learns : bool [N]
        Who learns; the others' weights stay.
    """
    rows = np.arange(len(choice))
    choices = log_weights.shape[1]
    chance = exp3_probabilities(log_weights, exploration)[rows, choice]
    learnt = log_weights.copy()
    learnt[rows, choice] += np.where(learns, exploration / choices * reward / chance, 0.0)
    # Only differences matter; without this the logarithms would grow for ever.
    return learnt - learnt.max(axis=1, keepdims=True)


def exp3_exploration(choices: int, rounds: int) -> float:
    """Return the exploration for a horizon, min(1, sqrt(K ln K / ((e - 1) T))).

    The regret is then at most 2 sqrt((e - 1) T K ln K). Auer, Cesa-Bianchi, Freund and Schapire (2002), SIAM
    J. Computing 32, corollary 3.2.
    """
    return min(1.0, math.sqrt(choices * math.log(choices) / ((math.e - 1) * rounds)))


def draw(probabilities: Floats, rng: np.random.Generator) -> Ints:
    """Return a choice for each row of chances [N, K], int64 [N]; one draw a row."""
    ends = np.cumsum(probabilities, axis=1)
    return (rng.random(len(ends))[:, None] >= ends[:, :-1]).sum(axis=1).astype(np.int64)
