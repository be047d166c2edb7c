"""The assignment market: who should get what when a buyer wants one unit, and at what least prices.

The largest sum of surpluses is a linear assignment problem (Shapley and Shubik 1971, Int. J. Game Theory 1).
Prices p support it if nobody would rather have another unit: a[i, mu(i)] - p[mu(i)] >= a[i, j] - p[j] for all
j, and nothing costs 0. They are a lattice: the least of them are the prices of Vickrey, Clarke and Groves for
the buyers, the most those for the sellers (Leonard 1983, J. Political Economy 91).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csc_array
from scipy.sparse.csgraph import connected_components

from markets.columns import Bools, Floats, Ints
from markets.goods.packing import Packing
from markets.matching.ranking import Ranking, dense_codes, first_appearance, groups

Solver: TypeAlias = Callable[[Floats], tuple[Ints, Ints, Floats]]
"""From the worth of units to buyers, float64[B, U], to an optimal matching and prices that support it."""

_TILE = 32
"""Buyers whose demands are worked out together: few enough to stay in the cache."""


@dataclass(frozen=True, eq=False)
class Allocation:
    """An optimal assignment and prices that support it.

    Attributes
    ----------
    row : int64[T]
        The pairs that trade, as indices into the rows given.
    price : float64[T]
        What each pays above the seller's ask, in credits.
    """

    row: Ints
    price: Floats


def supported(worth: Floats, k: float = 0.0) -> tuple[Ints, Ints, Floats]:
    """Return an optimal matching and the prices (1 - k) least + k most that support it.

    The prices that support an assignment are a convex set, so every k from 0 to 1 gives some of them.

    Parameters
    ----------
    worth : float64[B, U]
        Non-negative worth of each unit to each buyer, in credits.
    k : float
        0 for the buyers' optimum, 1 for the sellers'.

    Returns
    -------
    buyer, unit : int64[M]
        The matched pairs.
    price : float64[U]
        In credits.
    """
    i, j = linear_sum_assignment(worth, maximize=True)
    price = least_prices(worth, i, j)
    if k > 0:
        price = (1 - k) * price + k * most_prices(worth, i, j)
    return i, j, price


def assign(
    buyer: Ints,
    listing: Ints,
    surplus: Floats,
    capacity: Ints,
    solve: Solver = supported,
    sold_out: bool = False,
) -> Allocation:
    """Maximise the sum of surpluses when every buyer takes at most one row.

    A listing with room for all of its bidders is free of scarcity: it costs its ask, and of several a buyer
    needs only the best. So only scarce listings enter the assignment problem, one column a copy, at what they
    are worth to a buyer above its best free row.

    Parameters
    ----------
    buyer, listing : int64[R]
        The pair of each row; unique together.
    surplus : float64[R]
        bid - ask, not negative.
    capacity : int64[R]
        Copies of the row's listing.
    solve : Solver
        Matches buyers and scarce copies and prices them; the least prices by default.
    sold_out : bool
        Whether a listing with exactly as many copies as bidders is scarce too. Its least price is its ask all
        the same, but once sold out it can support a higher one.

    Returns
    -------
    Allocation
        Among several optima the one that depends on the order of the rows alone, not on the names of buyers
        and listings. A row of surplus 0 trades only where its buyer is left with nothing else.

    Notes
    -----
    With B buyers and U scarce copies: O(B U) memory, O(min(B, U)^2 max(B, U)) for the assignment in the worst
    case, O(B U) for each of at most U + 1 rounds of prices.
    """
    who, first_of_buyer = first_appearance(buyer)
    what, first_of_listing = first_appearance(listing)
    copies = capacity[first_of_listing]
    bidders = np.bincount(what, minlength=len(copies))
    scarce = copies <= bidders if sold_out else copies < bidders

    free = np.flatnonzero(~scarce[what])
    free = free[Ranking.of(who[free], surplus[free], free, 1).first(np.ones(len(free), dtype=bool))]
    outside_row = np.full(len(first_of_buyer), -1)
    outside_row[who[free]] = free
    outside = np.where(outside_row >= 0, surplus[outside_row], 0.0) if len(surplus) else np.zeros(0)

    column = np.cumsum(scarce) - 1
    pair = np.full((len(first_of_buyer), int(scarce.sum())), -1)
    contested = np.flatnonzero(scarce[what])
    pair[who[contested], column[what[contested]]] = contested
    unit = np.repeat(np.arange(pair.shape[1]), copies[scarce])
    extra = (
        np.where(pair >= 0, surplus[pair] - outside[:, None], 0.0) if len(surplus) else np.zeros(pair.shape)
    )
    worth = np.maximum(extra, 0.0)[:, unit]

    i, j, price = solve(worth)
    kept = (pair[i, unit[j]] >= 0) & ((worth[i, j] > 0) | (outside_row[i] < 0))
    i, j = i[kept], j[kept]
    outside_row[i] = -1
    elsewhere = outside_row[outside_row >= 0]
    row = np.concatenate([pair[i, unit[j]], elsewhere]).astype(np.int64)
    return Allocation(row, np.concatenate([price[j], np.zeros(len(elsewhere))]))


def least_prices(worth: Floats, i: Ints, j: Ints) -> Floats:
    """Return the least prices that support an optimal assignment.

    From p = 0, raise p_j to max over i of worth[i, j] - u_i, where u_i = worth[i, mu(i)] - p[mu(i)] for
    matched buyers and 0 for the others. These are longest paths in a graph without positive cycles (the
    assignment is optimal), so the rounds end after at most as many as there are units. After the first, only
    buyers whose own unit became dearer can raise a price.

    Parameters
    ----------
    worth : float64[B, U]
        Non-negative worth of each unit to each buyer, in credits.
    i, j : int64[M]
        The matched buyers and their units.

    Returns
    -------
    float64[U]
        Prices in credits.
    """
    price, utility = np.zeros(worth.shape[1]), np.zeros(worth.shape[0])
    own, owner = np.full(worth.shape[0], -1), np.full(worth.shape[1], -1)
    own[i], owner[j], utility[i] = j, i, worth[i, j]
    poorer = np.arange(worth.shape[0])
    for _ in range(worth.shape[1] + 1):
        raised = price.copy()
        for buyers in np.split(poorer, np.arange(_TILE, len(poorer), _TILE)):
            demands = worth[buyers] - utility[buyers, None]
            # A buyer sets no price for its own unit; without this line rounding could let it.
            demands[own[buyers] >= 0, own[buyers][own[buyers] >= 0]] = 0.0
            np.maximum(raised, demands.max(axis=0, initial=0.0), out=raised)
        up = np.flatnonzero(raised > price)
        price, poorer = raised, owner[up][owner[up] >= 0]
        if not len(poorer):
            break
        utility[poorer] = worth[poorer, own[poorer]] - price[own[poorer]]
    return price


def most_prices(worth: Floats, i: Ints, j: Ints) -> Floats:
    """Return the most prices that support an optimal assignment: those that leave buyers the least utility.

    The market with its sides exchanged has the least utilities for its least prices (`least_prices`, also for
    the parameters); a unit that nobody holds costs nothing.
    """
    utility = least_prices(worth.T, j, i)
    price = np.zeros(worth.shape[1])
    # In exact numbers no price is negative; the maximum takes back rounding.
    price[j] = np.maximum(worth[i, j] - utility[i], 0.0)
    return price


def transport(buyer: Ints, listing: Ints, surplus: Floats, demand: int, capacity: Ints) -> Ints:
    """Maximise the sum of surpluses when buyers may take several rows, each at most once.

    Where a part of the market has room for everybody's best rows, these are the answer. The others are a
    packing, exact to the last bit of the surpluses and solved part by part (see `markets.goods.packing`);
    where buyers want one row each an assignment is its first proposal.

    Parameters
    ----------
    buyer, listing : int64[R]
        The pair of each row, numbered from 0 without gaps; unique together.
    surplus : float64[R]
        Positive, in credits.
    demand : int
        Rows that a buyer may take.
    capacity : int64[R]
        Rows that the row's listing has copies for.

    Returns
    -------
    int64[T]
        The rows that trade, rising.
    """
    place = np.arange(len(buyer))
    best = Ranking.of(buyer, surplus, place, demand).first(np.ones(len(buyer), dtype=bool))
    over = best & ~Ranking.of(listing, surplus, place, capacity).first(best)
    if not over.any():
        return np.flatnonzero(best)
    buyers, listings = int(buyer.max()) + 1, int(listing.max()) + 1
    pairs = coo_array((np.ones(len(buyer)), (buyer, buyers + listing)), shape=(buyers + listings,) * 2)
    part = connected_components(pairs, directed=False)[1][buyer]
    rows = np.flatnonzero(np.isin(part, part[over]))
    best[rows] = _contested(
        dense_codes(buyer[rows]),
        dense_codes(listing[rows]),
        surplus[rows],
        demand,
        capacity[rows],
        part[rows],
    )
    return np.flatnonzero(best)


def _contested(
    buyer: Ints,
    listing: Ints,
    surplus: Floats,
    demand: int,
    capacity: Ints,
    part: Ints,
) -> Bools:
    """Return the best rows, bool[R], of parts of a market in each of which some listing is short."""
    buyers, listings = int(buyer.max()) + 1, int(listing.max()) + 1
    limit = np.column_stack([buyer, buyers + listing]).ravel()
    starts = np.arange(0, len(limit) + 1, 2)
    uses = csc_array((np.ones(len(limit)), limit, starts), shape=(buyers + listings, len(buyer)))
    room = np.full(buyers + listings, demand)
    room[buyers + listing] = capacity
    problem = Packing.of(surplus, uses, room)
    if demand > 1:
        return problem.best()
    rows, price = np.zeros(len(buyer), dtype=bool), np.zeros(buyers + listings)
    for own in groups(part):
        found = assign(buyer[own], listing[own], surplus[own], capacity[own])
        rows[own[found.row]] = True
        price[buyers + listing[own[found.row]]] = found.price
    np.maximum.at(price, buyer, surplus - price[buyers + listing])
    return problem.best(rows, price)
