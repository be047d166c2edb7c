"""Winner determination for bundles: who gets which package when packages share items.

Choose rows of the largest total surplus such that no buyer wins more than its demand (one: exclusive-or bids)
and no item is sold more often than it has copies. That is set packing, NP-hard in general (Rothkopf, Pekeč
and Harstad 1998, Management Science 44), and solved here to optimality or refused.

Core Objects: PackageMarket, claims, separate_parts
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import coo_array, csc_array
from scipy.sparse.csgraph import connected_components

from markets.columns import Floats, Ints
from markets.goods.packing import Packing
from markets.matching.ranking import Ranking, dense_codes, first_appearance, groups

_AT_ONCE = 2**14
"""Rows of the problems that are solved together."""


def claims(seller: Ints, contents: Ints) -> tuple[Ints, Ints]:
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


def separate_parts(buyer: Ints, seller: Ints, contents: Ints) -> Ints:
    """Return a number for each row, int64[R]: rows that buyers or items connect have the same.

    Parameters
    ----------
    buyer, seller, contents : int64[R]
        As of `PackageMarket.of`; rows without contents have no items.
    """
    row, item = claims(seller, contents)
    who = dense_codes(buyer)
    nodes = int(who.max(initial=-1)) + int(item.max(initial=-1)) + 2
    pairs = (who[row], nodes - 1 - item)
    edges = coo_array((np.ones(len(row)), pairs), shape=(nodes, nodes))
    return connected_components(edges, directed=False)[1][who].astype(np.int64)


@dataclass(frozen=True, eq=False)
class PackageMarket:
    """Rows that compete for buyers and items. Make it with `PackageMarket.of`.

    Attributes
    ----------
    buyer : int64[R]
        Who wants each row, numbered from 0 in the order of first appearance.
    surplus : float64[R]
        bid - ask, positive, in credits.
    uses : csc_array[B + I, R]
        1 where a row is of a buyer, and where it holds an item that can run out.
    room : int64[B + I]
        Rows that the buyer can win, and copies of the item.
    demand : int
        Rows that any buyer can win.

    Notes
    -----
    The market falls into parts that share neither buyers nor items; the cost is linear in their number
    (measured, 100 to 1,600 of nine rows, with externalities: n^1.0). In a part, if everybody can have its
    best rows that is the answer: O(R log R). Else a packing: answered directly where it is small, exact where
    its linear program is whole, otherwise by a search that is exponential in the worst case and refused
    beyond its limits, never answered by a guess (see `markets.goods.packing`). Bundles of adjacent items are
    far from it: 6,000 rows take less than a tenth of a second.

    The answer for a part depends on its own rows and their order alone. Among ties it is the first in that
    order, except in parts that are not answered directly.
    """

    buyer: Ints
    surplus: Floats
    uses: csc_array
    room: Ints
    demand: int

    @classmethod
    def of(
        cls,
        buyer: Ints,
        seller: Ints,
        contents: Ints,
        surplus: Floats,
        capacity: Ints,
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
        (wanted, _), bids = np.unique(np.stack([item, who[row]]), axis=1, return_counts=True)
        most = np.zeros(len(copies), dtype=np.int64)
        np.add.at(most, wanted, np.minimum(bids, demand))
        runs_out = copies < most
        kept = runs_out[item]
        limit = np.concatenate([who, len(first) + (np.cumsum(runs_out) - 1)[item[kept]]])
        column = np.concatenate([np.arange(len(who)), row[kept]])
        room = np.concatenate([np.full(len(first), demand), copies[runs_out]])
        uses = coo_array((np.ones(len(limit)), (limit, column)), shape=(len(room), len(who))).tocsc()
        return cls(who, surplus, uses, room, demand)

    @cached_property
    def parts(self) -> list[Ints]:
        """Rows of each part of the market, rising; parts share neither buyers nor items."""
        return groups(connected_components(self.uses @ self.uses.T, directed=False)[1][self.buyer])

    def best(self) -> Ints:
        """Return the rows of the largest total surplus, int64[T], rising.

        Raises
        ------
        InputError
            If the search grows beyond its limits.
        """
        return np.sort(np.concatenate([np.zeros(0, np.int64), *self._best_of_parts()]))

    def with_externalities(self) -> tuple[Ints, Floats]:
        """Return the best rows for a demand of one, and what each winner's presence costs the others.

        Returns
        -------
        row : int64[T]
            As of `best`.
        externality : float64[T]
            W(N without i) - (W(N) - surplus of i), in credits, from 0 to the row's surplus: the markup over
            its ask that a winner pays under Vickrey, Clarke and Groves. One problem more for each winner.
        """
        parts, best = self.parts, self._best_of_parts()
        won = np.concatenate([np.zeros(0, np.int64), *best])
        part = np.repeat(np.arange(len(parts)), [len(rows) for rows in best])
        cost = np.zeros(len(won))
        for winners in _batches([len(parts[p]) for p in part]):
            others = [parts[part[w]][self.buyer[parts[part[w]]] != self.buyer[won[w]]] for w in winners]
            for winner, alone in zip(winners, self._best_together(others), strict=True):
                rest = best[part[winner]][best[part[winner]] != won[winner]]
                # The sum of exactly these: a small cost does not drown in what a large part is worth.
                cost[winner] = math.fsum([*self.surplus[alone], *-self.surplus[rest]])
        order = np.argsort(won)
        # In exact numbers both bounds hold; the clip takes back rounding.
        return won[order], cost[order].clip(0.0, self.surplus[won[order]])

    def _best_of_parts(self) -> list[Ints]:
        """Return the best rows of each part, rising."""
        parts, best = self.parts, list[Ints]()
        for together in _batches([len(rows) for rows in parts]):
            best += self._best_together([parts[number] for number in together])
        return best

    def _best_together(self, problems: Sequence[Ints]) -> list[Ints]:
        """Return the best of each set of rows (rising) with nobody else there, all as one packing."""
        sizes = [len(rows) for rows in problems]
        rows, problem = np.concatenate(problems), np.repeat(np.arange(len(problems)), sizes)
        surplus, columns = self.surplus[rows], self.uses[:, rows]
        # A limit for each problem that has rows of it.
        apart = np.repeat(problem, np.diff(columns.indptr)) * len(self.room) + columns.indices
        limit, place = np.unique(apart, return_inverse=True)
        room = self.room[limit % len(self.room)]
        uses = csc_array((columns.data, place, columns.indptr), shape=(len(limit), len(rows)))
        seat = dense_codes(problem * len(self.room) + self.buyer[rows])
        best = Ranking.of(seat, surplus, np.arange(len(rows)), self.demand).first(np.ones(len(rows), bool))
        short = np.isin(problem, limit[uses @ best.astype(np.int64) > room] // len(self.room))
        if short.any():
            best[short] = Packing.of(surplus[short], uses[:, short], room).best()
        return np.split(rows[best], np.searchsorted(problem[best], np.arange(1, len(problems))))


def _batches(sizes: Sequence[int]) -> Iterable[Ints]:
    """Return the numbers of problems of these sizes that are solved together."""
    return groups(np.cumsum(sizes, dtype=np.int64) // _AT_ONCE)
