"""Packings of the greatest worth: looked for in floating point, proven in whole numbers.

Choose rows of the greatest total worth such that no limit has more of its rows than it has room for. A solver
in floating point loses what is small beside the largest worth, so what it finds is a proposal. A float64 is a
whole number of some power of two; in whole numbers, which Python has without a largest, prices on the limits
prove how far from the best a choice can be: no choice is worth more than the room at its prices and what the
rows are worth above theirs (duality). A row whose worth misses its price by more than what is left to gain is
in no optimum, and one that exceeds it by more is in all of them (reduced-cost fixing). The next proposal is
about the other rows alone, in what they are worth above their prices (iterative refinement: A. Gleixner, D.
Steffy and K. Wolter 2016, INFORMS J. Computing 28). The end is when no row is in doubt.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, linprog, milp
from scipy.sparse import csc_array, eye_array, hstack
from scipy.sparse.csgraph import connected_components

from markets.columns import Bools, Floats, Ints
from markets.goods.small_packings import first_best_rows
from markets.matching.ranking import groups
from markets.refusals import InputError

Wholes = npt.NDArray[np.object_]
"""Python's integers."""

SMALL = 64
"""Rows of a part that is first tried directly."""

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
    """R rows and L limits. Make it with `Packing.of`.

    Attributes
    ----------
    worth : float64[R]
        Positive and finite.
    uses : csc_array[L, R]
        1 where a row counts against a limit; every row counts against some.
    room : int64[L]
        Rows that a limit admits, not more than it has.

    Notes
    -----
    Parts that share no limit are solved one by one, each from its own rows, limits and unit alone, so that
    the answer for a part does not depend on what else is there. The cost is linear in the number of parts.

    A part of `SMALL` rows at most is answered directly if that takes few steps
    (`markets.goods.small_packings`): of several best sets it is the first in the order of rows. In any other
    a solver chooses among ties. Where the matrix of a part is that of a bipartite graph, the optimum of the
    linear program is whole (Hoffman and Kruskal 1956): one linear program, and where worths tie another for
    the rows in doubt. Otherwise branch and bound (HiGHS, through scipy) may be needed, exponential in the
    worst case and refused beyond `SEARCH_LIMIT` nodes or `PATIENCE` seconds; its answer is the best up to
    1e-12 of what the linear program leaves in doubt. A bound costs O(entries of `uses`) operations on
    integers.
    """

    worth: Floats
    uses: csc_array
    room: Ints

    @classmethod
    def of(cls, worth: Floats, uses: csc_array, room: Ints) -> "Packing":
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
        uses, limit, rows_of = _own_limits(uses)
        return cls(worth, uses, np.minimum(room[limit], rows_of))

    def best(self, rows: Bools | None = None, price: Floats | None = None) -> Bools:
        """Return the rows of the greatest total worth, bool[R].

        Parameters
        ----------
        rows : bool[R], optional
            A first proposal for parts that are not answered directly.
        price : float64[L], optional
            Prices of the limits that have rows, not negative, which may prove it.

        Raises
        ------
        InputError
            If the search grows beyond its limits.
        """
        taken, room = np.zeros(len(self.worth), dtype=bool), self.room.tolist()
        start, limits_of = self.uses.indptr, self.uses.indices
        part_of_limit = connected_components(self.uses @ self.uses.T, directed=False)[1]
        for own in groups(part_of_limit[limits_of[start[:-1]]]):
            if len(own) <= SMALL:
                limits = [limits_of[start[row] : start[row + 1]].tolist() for row in own]
                found = first_best_rows(self.worth[own].tolist(), limits, room)
                if found is not None:
                    taken[own[found]] = True
                    continue
            uses, limit, _ = _own_limits(self.uses[:, own])
            proof = _Proof(self.worth[own], uses, self.room[limit])
            if rows is not None and price is not None:
                proof.propose(rows[own], _whole(price[limit], proof.unit))
            taken[own] = proof.best()
        return taken


class _Proof:
    """What is known of the best choice so far in one part.

    Attributes
    ----------
    worth : object[R]
        Positive, in a unit of which all worths are whole multiples.
    unit : int
        The unit is two to the power of this.
    slack : int
        Less than any difference between the totals of two choices, more than rounding adds to a bound.
    taken : bool[R]
        Rows that fit, the best proposed.
    price : object[L]
        Prices of the limits, those of the lowest bound.
    above : object[R]
        Worth of each row above its prices.
    open : bool[R]
        Rows of which it is not known whether an optimum takes them; none with a proof.
    """

    def __init__(self, worth: Floats, uses: csc_array, room: Ints) -> None:
        # A price is rounded by less than a unit for each row of its limit and as much for its room.
        guard = (2 * uses.nnz).bit_length()
        self.slack = 1 << guard
        self.unit = int(np.frexp(worth)[1].min()) - _FRACTION - guard
        self.worth, self.uses, self.room = _whole(worth, self.unit), uses, room.astype(object)
        self.taken = np.zeros(len(worth), dtype=bool)
        self._look(np.zeros(len(room), dtype=object))

    def best(self) -> Bools:
        """Search until no row is in doubt; return the rows taken."""
        while self.open.any() and self.search():
            pass
        if self.open.any():
            self.search(whole=True)
        return self.taken

    def propose(self, rows: Bools, price: Wholes) -> bool:
        """Take over what is better of rows and prices; return whether anything was."""
        fits = not (self.uses @ rows.astype(np.int64) > self.room).any()
        richer = fits and self.worth[rows].sum() > self._worth
        lower = self._bound(price) < self._limit
        if richer:
            self.taken = rows
        self._look(price if lower else self.price)
        return bool(richer or lower)

    def search(self, whole: bool = False) -> bool:
        """Let a solver propose rows and prices for the open rows.

        Parameters
        ----------
        whole : bool
            Whether to search for whole rows, which says nothing of prices.

        Returns
        -------
        bool
            Whether the answer takes no parts of rows and is better than what was known.
        """
        row, limits = np.flatnonzero(self.open), len(self.room)
        room = (self.room - self.uses @ (self.taken & ~self.open).astype(np.int64)).astype(np.float64)
        # Room unsold at a price of more than there is left to gain is a loss that no optimum makes.
        unsold = np.where(self.price > self._gap, 0.0, room)
        value = np.concatenate([self.above[row], np.where(unsold > 0, -self.price, 0)])
        digits = int(np.abs(value).max()).bit_length()

        answer, marginal = _solved(
            np.ldexp((value / (1 << digits)).astype(np.float64), _SEEN),
            hstack([self.uses[:, row], eye_array(limits)]),
            room,
            np.concatenate([np.ones(len(row)), unsold]),
            np.arange(len(value)) < len(row) if whole else None,
        )
        rows = self.taken.copy()
        rows[row] = answer[: len(row)] > 1 - _WHOLE
        change = np.rint(np.ldexp(marginal, _KEPT - _SEEN)).astype(np.int64).astype(object)
        price = np.maximum(self.price + (change << digits >> _KEPT), 0)
        parted = (np.abs(answer[: len(row)] - rows[row]) > _WHOLE).any()
        return self.propose(rows, price) and not parted

    def _look(self, price: Wholes) -> None:
        """Adopt prices, and see which rows are in doubt."""
        self.price, self.above = price, self._above(price)
        self._limit, self._worth = self._bound(price), self.worth[self.taken].sum()
        self._gap = self._limit - self._worth
        near = np.abs(self.above) <= self._gap
        self.open = near & (self._gap >= self.slack and (near & ~self.taken).any())

    def _above(self, price: Wholes) -> Wholes:
        above: Wholes = self.worth - np.add.reduceat(price[self.uses.indices], self.uses.indptr[:-1])
        return above

    def _bound(self, price: Wholes) -> int:
        """Return what no choice can exceed."""
        return int(np.maximum(self._above(price), 0).sum() + (self.room * price).sum())


def _own_limits(uses: csc_array) -> tuple[csc_array, Ints, Ints]:
    """Return `uses` without limits that have no rows, which those are that have, and how many rows."""
    limit, place, rows_of = np.unique(uses.indices, return_inverse=True, return_counts=True)
    own = csc_array((np.ones(uses.nnz), place, uses.indptr), shape=(len(limit), uses.shape[1]))
    return own, limit.astype(np.int64), rows_of.astype(np.int64)


def _whole(amounts: Floats, unit: int) -> Wholes:
    """Return amounts in units of 2^unit, rounded down."""
    fraction, exponent = np.frexp(amounts)
    shift = exponent.astype(np.int64) - _FRACTION - unit
    digits = np.ldexp(fraction, _FRACTION).astype(np.int64).astype(object)
    whole: Wholes = (digits << shift.clip(min=0).astype(object)) >> (-shift).clip(min=0).astype(object)
    return whole


def _solved(
    value: Floats, uses: csc_array, room: Floats, most: Floats, whole: Bools | None
) -> tuple[Floats, Floats]:
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
