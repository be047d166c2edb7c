"""Cooperative games: how a joint gain may be shared, and whether anybody would rather leave.

A game of n players is the column of v(C) for all 2^n coalitions; coalition number c holds player i if bit i
of c is set, and v of the empty one, number 0, is 0. Larger games are given by a function that values the
coalitions it is asked about, one row of memberships each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from markets.columns import Bools, Floats, Ints
from markets.refusals import InputError

Valuation = Callable[[Bools], Floats]
"""Returns v(C), float64 [M], of coalitions given as memberships, bool [M, n]."""


@dataclass(frozen=True)
class SampledShares:
    """An estimate of the Shapley value.

    Attributes
    ----------
    shares : float64 [n]
        The mean marginal contributions; they sum to v(N).
    error : float64 [n]
        Their standard errors, deviation over permutations / sqrt(T).
    """

    shares: Floats
    error: Floats


def memberships(players: int) -> Bools:
    """Return who is in which of the 2^n coalitions, bool [2^n, n], by number."""
    return (np.arange(2**players)[:, None] >> np.arange(players)) & 1 == 1


def game_of(players: int, valuation: Valuation) -> Floats:
    """Return v(C) of all coalitions, float64 [2^n], by number."""
    return np.asarray(valuation(memberships(players)), dtype=np.float64)


def shapley_value(gains: ArrayLike) -> Floats:
    """Return the Shapley value, float64 [n]: the mean marginal contribution over all orders of arrival.

    phi_i = sum over C without i of |C|! (n - |C| - 1)! / n! * (v(C with i) - v(C)). It is the only rule that
    shares all of v(N), treats equals equally, gives nothing to who adds nothing, and adds over games. Cost:
    n 2^n.

    Parameters
    ----------
    gains : float64 [2^n]
        The game.

    Raises
    ------
    InputError
        If the number of gains is no power of two, or v of the empty coalition is not 0.

    References
    ----------
    L. Shapley (1953), Contributions to the Theory of Games II.

    Examples
    --------
    >>> gloves = game_of(3, lambda c: (c[:, 0] & c[:, 1:].any(axis=1)).astype(float))  # one left, two right
    >>> shapley_value(gloves).round(4).tolist()
    [0.6667, 0.1667, 0.1667]
    """
    game, players = _checked(gains)
    size = np.bitwise_count(np.arange(len(game), dtype=np.uint64)).astype(np.int64)
    orders = np.array([factorial(s) * factorial(players - s - 1) for s in range(players)], dtype=np.float64)
    weight = (orders / factorial(players))[size.clip(max=players - 1)]
    return np.array([(m * weight[without]).sum() for m, without in _marginals(game, players)])


def sampled_shapley_value(
    valuation: Valuation, players: int, permutations: int, rng: np.random.Generator
) -> SampledShares:
    """Estimate the Shapley value from random orders of arrival.

    In every order the marginal contributions sum to v(N), so their means do; each mean is unbiased. Where all
    marginal contributions lie in an interval of length r the standard error is at most r / (2 sqrt(T - 1)).
    Cost: T n coalitions, valued in one call.

    Parameters
    ----------
    valuation : callable
        The game.
    players, permutations : int
        n >= 1 and T >= 2.
    rng : numpy.random.Generator
        Draws the orders.

    Raises
    ------
    InputError
        If there are too few players or permutations.

    References
    ----------
    J. Castro, D. Gomez and J. Tejada (2009), Computers and Operations Research 36.
    """
    if players < 1 or permutations < 2:
        raise InputError(
            f"players must be at least 1 and permutations at least 2; got {players} and {permutations}"
        )
    order = rng.permuted(np.tile(np.arange(players), (permutations, 1)), axis=1)
    arrival = np.argsort(order, axis=1)
    arrived = arrival[:, None, :] <= np.arange(players)[:, None]
    worth = valuation(arrived.reshape(-1, players)).reshape(permutations, players)
    marginal = np.take_along_axis(np.diff(worth, axis=1, prepend=0.0), arrival, axis=1)
    return SampledShares(marginal.mean(axis=0), marginal.std(axis=0, ddof=1) / np.sqrt(permutations))


def coalition_excess(gains: ArrayLike, members: ArrayLike, payoff: ArrayLike) -> Floats:
    """Return by how much each coalition could do better alone, v(C) - x(C), float64 [M].

    A payoff vector that shares v(N) is in the core if no excess is positive.

    Parameters
    ----------
    gains : float64 [M]
        v(C) of M coalitions.
    members : bool [M, n]
        Who is in them.
    payoff : float64 [n]
        x, what each player gets.

    References
    ----------
    D. Gillies (1959), Contributions to the Theory of Games IV.
    """
    return np.asarray(gains, dtype=np.float64) - np.asarray(members, dtype=np.float64) @ np.asarray(
        payoff, dtype=np.float64
    )


def random_coalitions(players: int, count: int, rng: np.random.Generator) -> Bools:
    """Return the coalitions by which to look for a positive excess where there are too many for all of them.

    Every player alone, everybody but one, and `count` drawn with even chances for each player to be in; bool
    [2 n + count, n], coalitions may repeat. A drawn one that is empty or complete is replaced by player 0.
    """
    alone = np.eye(players, dtype=bool)
    drawn = rng.random((count, players)) < 0.5
    drawn[~drawn.any(axis=1) | drawn.all(axis=1)] = alone[0]
    return np.concatenate([alone, ~alone, drawn])


def _marginals(game: Floats, players: int) -> list[tuple[Floats, Ints]]:
    """Return for each player v(C with i) - v(C) and the numbers of the coalitions C without i."""
    coalition = np.arange(len(game))
    without = [coalition[(coalition >> player) & 1 == 0] for player in range(players)]
    return [(game[c | (1 << player)] - game[c], c) for player, c in enumerate(without)]


def _checked(gains: ArrayLike) -> tuple[Floats, int]:
    game = np.asarray(gains, dtype=np.float64)
    players = len(game).bit_length() - 1
    if game.ndim != 1 or players < 1 or len(game) != 2**players:
        raise InputError(
            f"gains must be a column with a number for each of the 2^n coalitions of n >= 1 players; "
            f"got the shape {game.shape}"
        )
    if game[0] != 0:
        raise InputError(f"gains of the empty coalition must be 0; got {game[0]}")
    return game, players
