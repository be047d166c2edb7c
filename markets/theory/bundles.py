"""Bundles of goods that one seller has, one of each.

Values are given as a table: what each buyer would pay at most for each set of goods, written as a bit mask;
set 0 is worth 0. Money is in credits.

Core Objects: package_gains, vickrey_payments, least_core_revenue, AUSUBEL_MILGROM
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from markets.columns import Bools, Floats, Ints

AUSUBEL_MILGROM = ((0, 0, 0, 2), (0, 2, 0, 0), (0, 0, 2, 0))
"""Buyer 1 wants goods A and B together, buyers 2 and 3 want A and B: Ausubel and Milgrom (2006), in
Combinatorial Auctions, ch. 1. Vickrey, Clarke and Groves sell to 2 and 3 for nothing."""


def package_gains(values: npt.ArrayLike) -> Floats:
    """Return the most that each coalition of buyers can make of the goods, W(S), by dynamic programming.

    Parameters
    ----------
    values : array_like[B, 2^M]
        Of each set of M goods to each of B buyers.

    Returns
    -------
    float64[2^B]
        By the coalition as a bit mask. 4^M operations for each of the 2^B coalitions: for textbooks.
    """
    table = np.asarray(values, dtype=np.float64)
    buyers, sets = table.shape
    gains = np.zeros((2**buyers, sets))
    for coalition in range(1, 2**buyers):
        last = coalition.bit_length() - 1
        gains[coalition] = _shared(gains[coalition ^ (1 << last)], table[last])
    return gains[:, -1]


def vickrey_payments(values: npt.ArrayLike) -> tuple[Ints, Floats]:
    """Return what each buyer wins, as a set, and pays: W(N without i) - (W(N) - v_i(won)).

    Parameters
    ----------
    values : array_like[B, 2^M]
        Of each set of M goods to each of B buyers. Of several optima the one with the least sets for the last
        buyers.

    Returns
    -------
    won : int64[B]
        Sets as bit masks.
    paid : float64[B]
        In credits.
    """
    table = np.asarray(values, dtype=np.float64)
    buyers, sets = table.shape
    reach = [np.zeros(sets)]
    for value in table:
        reach.append(_shared(reach[-1], value))
    won, goods = np.zeros(buyers, dtype=np.int64), sets - 1
    for buyer in reversed(range(buyers)):
        parts = np.flatnonzero(_inside(sets)[goods])
        won[buyer] = parts[np.argmax(reach[buyer][goods ^ parts] + table[buyer, parts])]
        goods ^= int(won[buyer])
    gains, everybody = package_gains(table), 2**buyers - 1
    without = gains[everybody ^ (1 << np.arange(buyers))]
    return won, without - (gains[everybody] - table[np.arange(buyers), won])


def least_core_revenue(values: npt.ArrayLike) -> float:
    """Return the least revenue at which no coalition of the seller and some buyers can do better.

    Utilities u of the buyers and revenue r are in the core if u, r >= 0, r + sum of u = W(N) and r + sum of u
    in S >= W(S) for every coalition S of buyers. Where the payments of Vickrey, Clarke and Groves are less,
    a losing bidder could have paid the seller more. Ausubel and Milgrom (2006), in Combinatorial Auctions.

    Parameters
    ----------
    values : array_like[B, 2^M]
        Of each set of M goods to each of B buyers. A linear program with 2^B restrictions is solved.
    """
    gains = package_gains(values)
    buyers = len(gains).bit_length() - 1
    members = (np.arange(2**buyers)[:, None] >> np.arange(buyers)) & 1
    shares = np.hstack([np.ones((2**buyers, 1)), members])
    found = linprog(
        np.r_[1.0, np.zeros(buyers)],
        A_ub=-shares[:-1],
        b_ub=-gains[:-1],
        A_eq=shares[-1:],
        b_eq=gains[-1:],
    )
    return float(found.fun)


def _inside(sets: int) -> Bools:
    """Return bool[S, S]: whether the second set is a part of the first."""
    masks = np.arange(sets)
    return (masks[None, :] & ~masks[:, None]) == 0


def _shared(others: Floats, value: Floats) -> Floats:
    """Return the best of each set of goods when one more buyer may get a part of it."""
    masks = np.arange(len(value))
    split = others[masks[:, None] & ~masks[None, :]] + value[None, :]
    return np.where(_inside(len(value)), split, -np.inf).max(axis=1)
