"""Call books: the sorted bids and units of every position, and the pairing of those who win.

Core Objects: CallBooks, Winners
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from markets.books.margin import Margin, Terms
from markets.columns import Bools, Floats, Ints
from markets.matching.ranking import dense_codes, first_rows, inverse
from markets.orders.luck import KeyArray, Luck
from markets.orders.orders import Orders
from markets.orders.pairs import PairIndex


@dataclass(frozen=True, eq=False)
class Winners:
    """Winners who are matched with each other, and their prices, in groups.

    Attributes
    ----------
    books : CallBooks
        Where they won.
    bid, unit : int64[Q]
        Places in the columns of the books; sorted by group.
    group : int64[Q]
        Who is matched with whom: the q-th bid and the q-th unit are of one group.
    paid, received : float64[number of groups]
        By each buyer and by each seller of a unit, in credits.
    """

    books: "CallBooks"
    bid: Ints
    unit: Ints
    group: Ints
    paid: Floats
    received: Floats


@dataclass(frozen=True, eq=False)
class CallBooks:
    """The bids and units of G positions, one position after another.

    Buyers and listings stand in line by their luck: a buyer has one place in each book and a listing one,
    however many rows they have, and all orders of them are as likely.

    Attributes
    ----------
    bid : float64[B]
        By position; within one falling, in credits, ties by the buyer's luck.
    bid_luck : uint64[B]
        The luck of each bid's buyer; smaller comes first.
    ask : float64[U]
        Of each unit, by position; within one rising, in credits, ties by turn, then by the listing's luck.
    listing, turn : int64[U]
        The listing's number of each unit, and which of the listing's units it is, from 0.
    listing_luck : uint64[L]
        By the listing's number; smaller comes first.
    bid_start, unit_start : int64[G + 1]
        Where each position begins among the bids and among the units.
    row_bid, row_listing : int64[R]
        The place in `bid` and the listing's number of each order.
    row : int64[R]
        The orders.
    gain : float64[R]
        Of each of them.
    """

    bid: Floats
    bid_luck: KeyArray
    ask: Floats
    listing: Ints
    turn: Ints
    listing_luck: KeyArray
    bid_start: Ints
    unit_start: Ints
    row_bid: Ints
    row_listing: Ints
    row: Ints
    gain: Floats

    @classmethod
    def of(cls, orders: Orders, luck: Luck) -> "CallBooks":
        """Collapse rows to bids and units; cost O(R log R).

        A listing offers ``min(capacity, its rows)`` units: as many as it has copies and buyers to take them.
        """
        book = dense_codes(orders.position)
        first_of_buyer, first_of_listing = first_rows(orders.seat), first_rows(orders.lot)
        bid, ask = orders.bid[first_of_buyer], orders.ask[first_of_listing]
        book_of_buyer, book_of_listing = book[first_of_buyer], book[first_of_listing]

        supply = np.minimum(orders.capacity[first_of_listing], np.bincount(orders.lot, minlength=len(ask)))
        listing = np.repeat(np.arange(len(ask)), supply)
        turn = np.arange(len(listing)) - np.repeat(np.cumsum(supply) - supply, supply)
        bid_luck, listing_luck = luck.of_groups("bids", orders.seat), luck.of_groups("units", orders.lot)
        buyer = np.lexsort((bid_luck, -bid, book_of_buyer))
        unit = np.lexsort((listing_luck[listing], turn, ask[listing], book_of_listing[listing]))
        books = int(book.max(initial=-1)) + 1
        return cls(
            bid[buyer],
            bid_luck[buyer],
            ask[listing[unit]],
            listing[unit],
            turn[unit],
            listing_luck,
            _starts(book_of_buyer, books),
            _starts(book_of_listing[listing], books),
            inverse(buyer)[orders.seat],
            orders.lot,
            np.arange(len(orders)),
            orders.gain,
        )

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.bid_start) - 1

    def margin(self) -> Margin:
        """Find the margins of all books; cost O(B + U)."""
        bids, units = np.diff(self.bid_start), np.diff(self.unit_start)
        book, place = _places(np.minimum(bids, units))
        crossed = self.bid[self.bid_start[book] + place] >= self.ask[self.unit_start[book] + place]
        k = np.bincount(book[crossed], minlength=len(self))
        none = k == 0
        return Margin(
            quantity=k,
            last_bid=np.where(none, np.inf, self.bid_at(k - 1)),
            last_ask=np.where(none, -np.inf, self.ask_at(k - 1)),
            next_bid=self.bid_at(k),
            next_ask=self.ask_at(k),
        )

    def bid_at(self, place: Ints) -> Floats:
        """Return the bid at a place, int64[G], of each book; minus infinity where there is none."""
        return _at(self.bid, self.bid_start, place, -np.inf)

    def ask_at(self, place: Ints) -> Floats:
        """Return the ask at a place, int64[G], of each book; plus infinity where there is none."""
        return _at(self.ask, self.unit_start, place, np.inf)

    def willing(self, price: Floats) -> tuple[Ints, Ints]:
        """Return how many bids and units of each book are as good as its price [G], int64[G] each."""
        bids, units = (np.diff(start) for start in (self.bid_start, self.unit_start))
        bidding, asking = self.bid >= np.repeat(price, bids), self.ask <= np.repeat(price, units)
        return (
            np.bincount(_places(bids)[0][bidding], minlength=len(self)),
            np.bincount(_places(units)[0][asking], minlength=len(self)),
        )

    def split(self, side_of_bid: Bools, side_of_listing: Bools) -> "CallBooks":
        """Split every book in two: books 2g and 2g + 1 hold the False and the True side of book g.

        Parameters
        ----------
        side_of_bid : bool[B]
            By place among the bids.
        side_of_listing : bool[L]
            By the listing's number. Orders between the sides are left out.
        """
        half_of_bid = 2 * _places(np.diff(self.bid_start))[0] + side_of_bid
        half_of_unit = 2 * _places(np.diff(self.unit_start))[0] + side_of_listing[self.listing]
        half_of_listing = np.zeros(len(side_of_listing), dtype=np.int64)
        half_of_listing[self.listing] = half_of_unit
        kept = np.flatnonzero(half_of_bid[self.row_bid] == half_of_listing[self.row_listing])
        bid, unit = (np.argsort(half, kind="stable") for half in (half_of_bid, half_of_unit))
        return CallBooks(
            bid=self.bid[bid],
            bid_luck=self.bid_luck[bid],
            ask=self.ask[unit],
            listing=self.listing[unit],
            turn=self.turn[unit],
            listing_luck=self.listing_luck,
            bid_start=_starts(half_of_bid, 2 * len(self)),
            unit_start=_starts(half_of_unit, 2 * len(self)),
            row_bid=inverse(bid)[self.row_bid[kept]],
            row_listing=self.row_listing[kept],
            row=self.row[kept],
            gain=self.gain[kept],
        )

    def winners(self, terms: Terms) -> Winners:
        """Let the best of each book win; by lot where there are more of them than trade.

        In a lottery among buyers those with the smallest luck win. Listings stand in line by their luck and
        take turns, one unit each.
        """
        return Winners(
            books=self,
            bid=self._drawn(self.bid_start, terms.bids, terms.quantity, (self.bid_luck,)),
            unit=self._drawn(
                self.unit_start,
                terms.units,
                terms.quantity,
                (self.listing_luck[self.listing], self.turn),
            ),
            group=np.repeat(np.arange(len(self)), terms.quantity),
            paid=terms.paid,
            received=terms.received,
        )

    def _drawn(self, start: Ints, pool: Ints, quantity: Ints, line: tuple[Ints | KeyArray, ...]) -> Ints:
        """Return `quantity` of the `pool` first places of each book: the first in line if these are more."""
        book, place = _places(pool)
        place += start[book]
        lottery = (pool > quantity)[book]
        if lottery.any():
            place = place[np.lexsort((*(np.where(lottery, key[place], 0) for key in line), book))]
        return place[_places(pool)[1] < quantity[book]]

    def match(self, winners: Winners) -> tuple[Ints, Ints]:
        """Pair off each group: as many as have an order, then with the largest sum of trial gains.

        Returns
        -------
        row, group : int64[T]
            The orders that trade, and the group of each.

        Notes
        -----
        O(R) for all groups in which every pair exists and has the same gain, where the q-th bid meets the
        q-th unit; an assignment problem, O(Q^3) in the worst case, for each other group.
        """
        if not len(self.row):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        at_hand = self._alike(winners)[winners.group]
        index = self._pairs()
        rows = [index.find(winners.bid[at_hand], self.listing[winners.unit[at_hand]])]
        groups = [winners.group[at_hand]]
        rest = np.flatnonzero(~at_hand)
        for group in np.split(rest, np.flatnonzero(np.diff(winners.group[rest])) + 1) if len(rest) else []:
            found = self._assign(index, winners.bid[group], winners.unit[group])
            rows.append(found)
            groups.append(np.full(len(found), winners.group[group[0]]))
        place = np.concatenate(rows)
        return self.row[place], np.concatenate(groups)

    def _alike(self, winners: Winners) -> Bools:
        """Return, by group, whether every pair of its winners has an order and all have the same gain."""
        groups = len(winners.paid)
        group_of_bid = np.full(len(self.bid), -1)
        group_of_bid[winners.bid] = winners.group
        group_of_listing = np.full(int(self.listing.max(initial=-1)) + 1, -1)
        group_of_listing[self.listing[winners.unit]] = winners.group

        group = group_of_bid[self.row_bid]
        inside = np.flatnonzero((group >= 0) & (group == group_of_listing[self.row_listing]))
        group = group[inside]
        some_gain = np.zeros(groups)
        some_gain[group] = self.gain[inside]
        others = np.bincount(group[self.gain[inside] != some_gain[group]], minlength=groups)
        pairs = np.bincount(winners.group, minlength=groups) * np.bincount(
            group_of_listing[group_of_listing >= 0], minlength=groups
        )
        return (others == 0) & (np.bincount(group, minlength=groups) == pairs)

    def _assign(self, index: PairIndex, bids: Ints, units: Ints) -> Ints:
        """Return the places of the orders that pair off the winners of one group."""
        pair = index.find(bids[:, None], self.listing[units][None, :])
        scaled = np.where(pair >= 0, self.gain[pair], 0.0)
        scaled = scaled / max(scaled.max(initial=0.0), np.finfo(np.float64).tiny)
        # One pair more outweighs any sum of scaled gains, which is at most Q.
        i, j = linear_sum_assignment(np.where(pair >= 0, scaled + len(pair) + 1, 0.0), maximize=True)
        place = pair[i, j]
        return place[place >= 0]

    def _pairs(self) -> PairIndex:
        """Index the orders by pair, in a table of each book's buyers and listings."""
        book_of_bid, place = _places(np.diff(self.bid_start))
        book_of_listing = np.zeros(int(self.listing.max(initial=-1)) + 1, dtype=np.int64)
        book_of_listing[self.listing] = np.repeat(np.arange(len(self)), np.diff(self.unit_start))
        listings = np.bincount(book_of_listing, minlength=len(self))
        cells = np.diff(self.bid_start) * listings
        by_book = inverse(np.argsort(book_of_listing, kind="stable"))
        column = by_book - (np.cumsum(listings) - listings)[book_of_listing]
        line = (np.cumsum(cells) - cells)[book_of_bid] + place * listings[book_of_bid]
        return PairIndex.of(line, column, line[self.row_bid] + column[self.row_listing], int(cells.sum()))


def _starts(group: Ints, groups: int) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(group, minlength=groups))]).astype(np.int64)


def _places(sizes: Ints) -> tuple[Ints, Ints]:
    """Return the group and the place within it of each of `sizes` members."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    return group, np.arange(len(group)) - (np.cumsum(sizes) - sizes)[group]


def _at(column: Floats, start: Ints, place: Ints, missing: float) -> Floats:
    """Return the entry at a place of each book, `missing` where the place is outside."""
    there = (place >= 0) & (place < np.diff(start))
    found = np.full(len(place), missing)
    found[there] = column[(start[:-1] + place)[there]]
    return found
