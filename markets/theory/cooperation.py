"""Cooperative games with known values, and the merge of two models on a quadratic loss."""

import numpy as np
from numpy.typing import ArrayLike

from markets.columns import Floats
from markets.matching.cooperation import game_of, memberships


def glove_game(left: int, right: int) -> Floats:
    """Return v(C), the pairs of gloves in C, float64 [2^n]; the first `left` players hold a left one each.

    One left and two right gloves: the Shapley value is (2/3, 1/6, 1/6), the Banzhaf value (3/4, 1/4, 1/4),
    and the core is the point (1, 0, 0).

    References
    ----------
    L. Shapley and M. Shubik (1969), Journal of Economic Theory 1.
    """
    return game_of(
        left + right,
        lambda c: np.minimum(c[:, :left].sum(axis=1), c[:, left:].sum(axis=1)).astype(np.float64),
    )


def airport_game(costs: ArrayLike) -> Floats:
    """Return the cost of the longest runway that a coalition needs, float64 [2^n].

    With costs c_1 <= ... <= c_n, player i's Shapley value is the sum over k <= i of
    (c_k - c_(k-1)) / (n - k + 1): each part of the runway is shared equally by those who need it.

    References
    ----------
    S. Littlechild and G. Owen (1973), Management Science 20.
    """
    needs = np.asarray(costs, dtype=np.float64)
    return np.where(memberships(len(needs)), needs, 0.0).max(axis=1)


def airport_shares(costs: ArrayLike) -> Floats:
    """Return the Shapley value of the airport game with ascending costs, float64 [n]."""
    needs = np.asarray(costs, dtype=np.float64)
    return np.cumsum(np.diff(needs, prepend=0.0) / np.arange(len(needs), 0, -1))


def best_merge_weight(own: ArrayLike, bought: ArrayLike, target: ArrayLike) -> float:
    """Return the w in [0, 1] of the least squared distance of (1 - w) own + w bought to the target.

    w = (t - a).(b - a) / |b - a|^2, clipped; 0 where own and bought coincide.
    """
    a, b, t = (np.asarray(point, dtype=np.float64) for point in (own, bought, target))
    length = float(((b - a) ** 2).sum())
    return float(np.clip(((t - a) * (b - a)).sum() / length, 0.0, 1.0)) if length else 0.0
