"""Packings of the greatest worth: looked for in floating point, proven in whole numbers.

Choose rows of the greatest total worth such that no limit has more of its rows than it has room for. A solver
in floating point loses what is small beside the largest worth, so what it finds is a proposal. A float64 is a
whole number of some power of two; in whole numbers, which Python has without a largest, prices on the limits
prove how far from the best a choice can be: no choice is worth more than the room at its prices and what the
rows are worth above theirs (duality). A row whose worth misses its price by more than what is left to gain is
in no optimum, and one that exceeds it by more is in all of them (reduced-cost fixing). The next proposal is
about the other rows alone, in what they are worth above their prices (iterative refinement: A. Gleixner, D.
Steffy and K. Wolter 2016, INFORMS J. Computing 28). The end is when no row is in doubt.

Core Objects: Packing
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, linprog, milp
from scipy.sparse import csc_array, eye_array, hstack
from scipy.sparse.csgraph import connected_components

from markets.columns import BoolArray, FloatArray, IntArray
from markets.ranking import groups
from markets.refusals import InputError

Wholes = npt.NDArray[np.object_]
"""Python's integers."""

SEARCH_LIMIT = 1_000
"""Nodes of the search tree after which a problem is refused."""

PATIENCE = 120.0
"""Seconds after which a problem is refused."""

_FRACTION = 53
_SEEN = 20
"""Binary digits before the point of the largest worth that a solver sees: its tolerances are absolute."""

_KEPT = 40
"""Binary digits behind the point that a solver's prices are read to."""

_WHOLE = 1e-6
"""What a number in a solver's answer may be away from a whole one."""


@dataclass(frozen=True, eq=False)
class Packing:
    """R rows, L limits and P parts that share no limit. Make it with `Packing.of`.

    Attributes
    ----------
    worth : object[R]
        Positive, in a unit of which all worths are whole multiples.
    unit : int
        The unit is two to the power of this.
    uses : csc_array[L, R]
        1 where a row counts against a limit; every row counts against some.
    room : object[L]
        Rows that a limit admits.
    part, part_of_limit : int64[R], int64[L]
        Where each row and each limit is.
    slack : int
        Less than any difference between the totals of two choices, more than rounding adds to a bound.

    Notes
    -----
    Where the matrix is that of a bipartite graph, the optimum of the linear program is whole (Hoffman and
    Kruskal 1956): a linear program for all parts together, and where worths tie another for the rows in
    doubt. Otherwise branch and bound (HiGHS, through scipy) may be needed, exponential in the worst case and
    refused beyond `SEARCH_LIMIT` nodes or `PATIENCE` seconds; its answer is the best up to 1e-12 of what the
    linear program leaves in doubt. A bound costs O(entries of `uses`) operations on integers.
    """

    worth: Wholes
    unit: int
    uses: csc_array
    room: Wholes
    part: IntArray
    part_of_limit: IntArray
    slack: int

    @classmethod
    def of(cls, worth: FloatArray, uses: csc_array, room: IntArray) -> "Packing":
        """Return the problem.

        Parameters
        ----------
        worth : float64[R]
            Positive and finite; R is at least 1.
        uses : csc_array[L, R]
            1 where a row counts against a limit, and no other entries. Limits without rows are left out.
        room : int64[L]
            Rows that each limit admits.
        """
        limit, place, rows_of = np.unique(uses.indices, return_inverse=True, return_counts=True)
        uses = csc_array((np.ones(uses.nnz), place, uses.indptr), shape=(len(limit), len(worth)))
        part_of_limit = connected_components(uses @ uses.T, directed=False)[1].astype(np.int64)
        # A price is rounded by less than a unit for each row of its limit and as much for its room.
        guard = (2 * uses.nnz).bit_length()
        unit = int(np.frexp(worth)[1].min()) - _FRACTION - guard
        return cls(
            _whole(worth, unit),
            unit,
            uses,
            np.minimum(room[limit], rows_of).astype(object),
            part_of_limit[uses.indices[uses.indptr[:-1]]],
            part_of_limit,
            1 << guard,
        )

    def best(self, rows: BoolArray | None = None, price: FloatArray | None = None) -> BoolArray:
        """Return the rows of the greatest total worth, bool[R].

        Parameters
        ----------
        rows : bool[R], optional
            A first proposal.
        price : float64[L], optional
            Prices of the limits that have rows, not negative, which may prove it.

        Raises
        ------
        InputError
            If the search grows beyond its limits.
        """
        proof = _Proof(self)
        if rows is not None and price is not None:
            proof.propose(rows, _whole(price, self.unit))
        split = np.zeros(proof.parts, dtype=bool)
        while (proof.open & ~split[self.part]).any():
            split |= proof.search(~split)
        taken, unsure = proof.taken, np.isin(self.part, self.part[proof.open])
        for own in groups(np.where(unsure, self.part, -1)):
            if unsure[own[0]]:
                taken[own] = self._whole(own, proof)
        return taken

    def _whole(self, rows: IntArray, known: "_Proof") -> BoolArray:
        """Search for the best whole rows of one part, given what is known of it."""
        uses = self.uses[:, rows]
        limit, place = np.unique(uses.indices, return_inverse=True)
        uses = csc_array((uses.data, place, uses.indptr), shape=(len(limit), len(rows)))
        part = np.zeros(len(rows), dtype=np.int64), np.zeros(len(limit), dtype=np.int64)
        proof = _Proof(Packing(self.worth[rows], self.unit, uses, self.room[limit], *part, self.slack))
        proof.propose(known.taken[rows], known.price[limit])
        proof.search(np.ones(1, dtype=bool), whole=True)
        return proof.taken


class _Proof:
    """What is known of the best choice so far.

    Attributes
    ----------
    parts : int
        P.
    taken : bool[R]
        Rows that fit, in each part the best proposed.
    price : object[L]
        Prices of the limits, in each part those of the lowest bound.
    above : object[R]
        Worth of each row above its prices.
    open : bool[R]
        Rows of parts without a proof of which it is not known whether an optimum takes them.
    """

    def __init__(self, problem: Packing) -> None:
        self.problem = problem
        self.parts = int(problem.part_of_limit.max()) + 1
        self.taken = np.zeros(len(problem.worth), dtype=bool)
        self._look(np.zeros(len(problem.room), dtype=object))

    def propose(self, rows: BoolArray, price: Wholes) -> BoolArray:
        """Take over, part by part, what is better of rows and prices; return where anything was, bool[P]."""
        problem = self.problem
        over = problem.uses @ rows.astype(np.int64) > problem.room
        richer = self._sum(problem.worth * rows, problem.part) > self._worth
        richer[problem.part_of_limit[over]] = False
        lower = self._bound(price) < self._limit
        self.taken = np.where(richer[problem.part], rows, self.taken)
        self._look(np.where(lower[problem.part_of_limit], price, self.price))
        return richer | lower

    def search(self, parts: BoolArray, whole: bool = False) -> BoolArray:
        """Let a solver propose rows and prices for the open rows of bool[P] `parts`.

        Parameters
        ----------
        whole : bool
            Whether to search for whole rows, which says nothing of prices.

        Returns
        -------
        bool[P]
            Where the answer takes parts of rows, or is no better than what was known.
        """
        problem = self.problem
        row = np.flatnonzero(self.open & parts[problem.part])
        asked = np.zeros(self.parts, dtype=bool)
        asked[problem.part[row]] = True
        limit = np.flatnonzero(asked[problem.part_of_limit])
        uses = problem.uses.tocsr()[limit]
        room = (problem.room[limit] - uses @ (self.taken & ~self.open).astype(np.int64)).astype(np.float64)
        # Room unsold at a price of more than there is left to gain is a loss that no optimum makes.
        unsold = np.where(self.price[limit] > self._gap[problem.part_of_limit[limit]], 0.0, room)
        value = np.concatenate([self.above[row], np.where(unsold > 0, -self.price[limit], 0)])
        part = np.concatenate([problem.part[row], problem.part_of_limit[limit]])
        top = np.zeros(self.parts, dtype=object)
        np.maximum.at(top, part, np.abs(value))
        digits = np.array([int(number).bit_length() for number in top], dtype=object)[part]

        answer, marginal = _solved(
            np.ldexp((value / (1 << digits)).astype(np.float64), _SEEN),
            hstack([uses[:, row], eye_array(len(limit))]),
            room,
            np.concatenate([np.ones(len(row)), unsold]),
            np.arange(len(value)) < len(row) if whole else None,
        )
        rows, price = self.taken.copy(), self.price.copy()
        rows[row] = answer[: len(row)] > 1 - _WHOLE
        change = np.rint(np.ldexp(marginal, _KEPT - _SEEN)).astype(np.int64).astype(object)
        price[limit] = np.maximum(price[limit] + (change << digits[len(row) :] >> _KEPT), 0)
        unsure = asked & ~self.propose(rows, price)
        unsure[problem.part[row[np.abs(answer[: len(row)] - rows[row]) > _WHOLE]]] = True
        return unsure

    def _look(self, price: Wholes) -> None:
        """Adopt prices, and see which rows are in doubt."""
        problem = self.problem
        self.price, self.above = price, self._above(price)
        self._limit = self._bound(price)
        self._worth = self._sum(problem.worth * self.taken, problem.part)
        self._gap = self._limit - self._worth
        near = np.abs(self.above) <= self._gap[problem.part]
        doubted = np.zeros(self.parts, dtype=bool)
        doubted[problem.part[near & ~self.taken]] = True
        self.open = near & (doubted & (self._gap >= problem.slack))[problem.part]

    def _above(self, price: Wholes) -> Wholes:
        uses = self.problem.uses
        above: Wholes = self.problem.worth - np.add.reduceat(price[uses.indices], uses.indptr[:-1])
        return above

    def _bound(self, price: Wholes) -> Wholes:
        """Return what no choice can exceed, by part."""
        problem = self.problem
        rows = self._sum(np.maximum(self._above(price), 0), problem.part)
        return rows + self._sum(problem.room * price, problem.part_of_limit)

    def _sum(self, column: Wholes, part: IntArray) -> Wholes:
        total = np.zeros(self.parts, dtype=object)
        np.add.at(total, part, column)
        return total


def _whole(amounts: FloatArray, unit: int) -> Wholes:
    """Return amounts in units of 2^unit, rounded down."""
    fraction, exponent = np.frexp(amounts)
    shift = exponent.astype(np.int64) - _FRACTION - unit
    digits = np.ldexp(fraction, _FRACTION).astype(np.int64).astype(object)
    whole: Wholes = (digits << shift.clip(min=0).astype(object)) >> (-shift).clip(min=0).astype(object)
    return whole


def _solved(
    value: FloatArray, uses: csc_array, room: FloatArray, most: FloatArray, whole: BoolArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return an x of the greatest value with uses x = room and 0 <= x <= most, and the limits' prices.

    Prices are 0 where some of x must be whole.
    """
    if whole is None:
        found = linprog(
            -value,
            A_eq=uses,
            b_eq=room,
            bounds=np.column_stack([np.zeros(len(most)), most]),
            method="highs-ds",
            options={"time_limit": PATIENCE},
        )
    else:
        found = milp(
            -value,
            integrality=whole.astype(np.int64),
            bounds=Bounds(0, most),
            constraints=(uses, room, room),
            options={"mip_rel_gap": 0.0, "node_limit": SEARCH_LIMIT, "time_limit": PATIENCE},
        )
    if not found.success:
        raise InputError(
            f"competing orders must be few enough for an exact answer within {SEARCH_LIMIT} search nodes and "
            f"{PATIENCE:.0f} seconds (a shortlist makes them fewer); got {len(value) - len(room)}"
        )
    return found.x, -found.eqlin.marginals if whole is None else np.zeros(len(room))
