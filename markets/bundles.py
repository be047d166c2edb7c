"""Winner determination for bundles: who gets which package when packages share items.

Choose rows of the largest total surplus such that no buyer wins more than its demand (one: exclusive-or bids)
and no item is sold more often than it has copies. That is set packing, NP-hard in general (Rothkopf, Pekeč
and Harstad 1998, Management Science 44), and solved here to optimality or refused.

Core Objects: PackageMarket, claims
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import Bounds, milp
from scipy.sparse import coo_array, csc_array
from scipy.sparse.csgraph import connected_components

from markets.columns import BoolArray, FloatArray, IntArray
from markets.ranking import Ranking, first_appearance
from markets.refusals import InputError

SEARCH_LIMIT = 1_000
"""Nodes of the search tree after which a problem is refused."""

PATIENCE = 120.0
"""Seconds after which a problem is refused."""

_WHOLE = 1e-6
_SCALE = 20


def claims(seller: IntArray, contents: IntArray) -> tuple[IntArray, IntArray]:
    """Return the items of every row, one entry for each pair of a row and an item.

    Parameters
    ----------
    seller, contents : int64[R]
        An item is a seller and a bit of the contents.

    Returns
    -------
    row, item : int64[C]
        Sorted by row; items are numbered from 0 in the order of their first appearance, so that the numbers
        depend on the order of the rows and not on the names of sellers.
    """
    bits = np.arange(int(contents.max(initial=0)).bit_length())
    row, bit = np.nonzero((contents[:, None] >> bits) & 1)
    owner = np.unique(seller, return_inverse=True)[1]
    item, _ = first_appearance(owner[row] * max(1, len(bits)) + bit)
    return row.astype(np.int64), item


@dataclass(frozen=True, eq=False)
class PackageMarket:
    """Rows that compete for buyers and items. Make it with `PackageMarket.of`.

    Attributes
    ----------
    buyer : int64[R]
        Who wants each row, numbered from 0 in the order of first appearance.
    surplus : float64[R]
        bid - ask, positive, in credits. Differences below some 1e-12 of the largest count as ties.
    uses : csc_array[B + I, R]
        1 where a row is of a buyer, and where it holds an item that can run out.
    room : float64[B + I]
        Rows that the buyer can win, and copies of the item.
    demand : int
        Rows that any buyer can win.

    Notes
    -----
    The market falls into parts that share neither buyers nor items. In a part, if everybody can have its best
    rows that is the answer: O(R log R). Else a linear program; where its solution is not whole, branch and
    bound (HiGHS, through scipy) without a gap. That is exponential in the worst case: beyond `SEARCH_LIMIT`
    nodes or `PATIENCE` seconds the problem is refused, never answered by a guess. Bundles of adjacent items
    are far from it: 6,000 rows take less than a tenth of a second.
    """

    buyer: IntArray
    surplus: FloatArray
    uses: csc_array
    room: FloatArray
    demand: int

    @classmethod
    def of(
        cls,
        buyer: IntArray,
        seller: IntArray,
        contents: IntArray,
        surplus: FloatArray,
        capacity: IntArray,
        demand: int = 1,
    ) -> "PackageMarket":
        """Return the market of R rows.

        Parameters
        ----------
        buyer, seller, contents : int64[R]
            Who wants which items of whom; contents are a bit mask, not 0.
        surplus : float64[R]
            Positive, in credits.
        capacity : int64[R]
            Copies of each item of the row, one number a seller.
        demand : int
            Rows a buyer can win.
        """
        who, first = first_appearance(buyer)
        row, item = claims(seller, contents)
        copies = np.zeros(int(item.max(initial=-1)) + 1, dtype=np.int64)
        copies[item] = capacity[row]
        wanted_by = np.unique(np.stack([item, who[row]]), axis=1)[0]
        runs_out = copies < np.bincount(wanted_by, minlength=len(copies)) * demand
        kept = runs_out[item]
        limit = np.concatenate([who, len(first) + (np.cumsum(runs_out) - 1)[item[kept]]])
        column = np.concatenate([np.arange(len(who)), row[kept]])
        room = np.concatenate([np.full(len(first), demand), copies[runs_out]]).astype(np.float64)
        uses = coo_array((np.ones(len(limit)), (limit, column)), shape=(len(room), len(who))).tocsc()
        return cls(who, surplus, uses, room, demand)

    @cached_property
    def parts(self) -> list[IntArray]:
        """Rows of each part of the market, rising; parts share neither buyers nor items."""
        if not len(self.buyer):
            return []
        label = connected_components(self.uses @ self.uses.T, directed=False)[1][self.buyer]
        order = np.argsort(label, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)

    def best(self) -> IntArray:
        """Return the rows of the largest total surplus, int64[T], rising.

        Raises
        ------
        InputError
            If the search grows beyond its limits.
        """
        return np.sort(np.concatenate([np.zeros(0, np.int64), *(self.best_of(part) for part in self.parts)]))

    def with_externalities(self) -> tuple[IntArray, FloatArray]:
        """Return the best rows for a demand of one, and what each winner's presence costs the others.

        Returns
        -------
        row : int64[T]
            As of `best`.
        externality : float64[T]
            W(N without i) - (W(N) - surplus of i), in credits, from 0 to the row's surplus: the markup over
            its ask that a winner pays under Vickrey, Clarke and Groves. One problem more for each winner.
        """
        won, cost = [np.zeros(0, np.int64)], [np.zeros(0)]
        for part in self.parts:
            best = self.best_of(part)
            total = self.surplus[best].sum()
            alone = [
                self.surplus[self.best_of(part[self.buyer[part] != self.buyer[row]])].sum() for row in best
            ]
            own = self.surplus[best]
            won.append(best)
            # In exact numbers both bounds hold; the clip takes back rounding.
            cost.append(np.clip(np.array(alone) - (total - own), 0.0, own))
        row = np.concatenate(won)
        order = np.argsort(row)
        return row[order], np.concatenate(cost)[order]

    def best_of(self, rows: IntArray) -> IntArray:
        """Return the best of some rows (rising) with nobody else there; raises like `best`."""
        if not len(rows):
            return rows
        surplus, uses = self.surplus[rows], self.uses[:, rows]
        every = np.ones(len(rows), dtype=bool)
        best = Ranking.of(self.buyer[rows], surplus, np.arange(len(rows)), self.demand).first(every)
        if (uses @ best.astype(np.float64) > self.room).any():
            best = self._search(surplus, uses)
        return rows[best]

    def _search(self, surplus: FloatArray, uses: csc_array) -> BoolArray:
        """Return which rows an optimum takes, by linear and, if need be, integer programming."""
        # A power of two leaves the digits alone and puts the solver's absolute tolerances out of reach.
        scaled = np.ldexp(surplus, _SCALE - int(np.frexp(surplus.max())[1]))
        for whole in (0, 1):
            found = milp(
                -scaled,
                integrality=np.full(len(surplus), whole),
                bounds=Bounds(0, 1),
                constraints=(uses, -np.inf, self.room),
                options={"mip_rel_gap": 0.0, "node_limit": SEARCH_LIMIT, "time_limit": PATIENCE},
            )
            if not found.success:
                raise InputError(
                    "competing orders for bundles must be few enough for an exact answer within "
                    f"{SEARCH_LIMIT} search nodes and {PATIENCE:.0f} seconds (a shortlist makes them fewer); "
                    f"got {len(surplus)}"
                )
            if np.abs(found.x - np.rint(found.x)).max() <= _WHOLE:
                break
        return np.rint(found.x) > 0
