"""Call markets: what the mechanisms of the venue ``books`` have in common.

A rule of a call market sees sorted bids and units and names the winners and their prices; `CallMarket` makes
the books and matches the winners.

Core Objects: CallMarket, Book, Winners
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from markets.columns import FloatArray, IntArray
from markets.mechanisms.base import Mechanism
from markets.orders import Orders, Trades
from markets.ranking import first_appearance

COMPLETE_BOOK = "every buyer can trade with every listing of its book"
"""Where a call market's winners can always be matched."""

ONE_UNIT_EACH = f"{COMPLETE_BOOK}; nobody both buys and sells; a seller sells one unit"
"""Where the truthful call markets are so for both sides."""


@dataclass(frozen=True, eq=False)
class Book:
    """The bids and units of one position.

    Buyers and listings have numbers from 0 in the order in which the permutation first names them. Where all
    pairs exist, both orders are uniform and independent of each other, so they serve as lotteries.

    Attributes
    ----------
    bid : float64[m]
        Falling, in credits; ties by the buyer's number.
    buyer : int64[m]
        The buyer's number of each bid.
    ask : float64[n]
        Of each unit, rising, in credits; ties by turn, then by the listing's number.
    listing, turn : int64[n]
        The listing's number of each unit, and which of the listing's units it is, from 0.
    row : int64[number of buyers, number of listings]
        The order of each pair, -1 where there is none.
    appearance : int64[2, R]
        The buyer's and the listing's number of each order of the position, in the order of the permutation.
    """

    bid: FloatArray
    buyer: IntArray
    ask: FloatArray
    listing: IntArray
    turn: IntArray
    row: IntArray
    appearance: IntArray

    @classmethod
    def of(cls, orders: Orders, rows: IntArray) -> "Book":
        """Collapse the rows of one position, sorted by priority.

        A listing offers ``min(capacity, its rows)`` units: as many as it has copies and buyers to take them.
        """
        who, first_of_buyer = first_appearance(orders.buyer[rows])
        what, first_of_listing = first_appearance(orders.listing[rows])
        bid, ask = orders.bid[rows[first_of_buyer]], orders.ask[rows[first_of_listing]]
        supply = np.minimum(orders.capacity[rows[first_of_listing]], np.bincount(what))
        listing = np.repeat(np.arange(len(ask)), supply)
        turn = np.arange(len(listing)) - np.repeat(np.cumsum(supply) - supply, supply)
        buyer = np.argsort(-bid, kind="stable")
        unit = np.lexsort((listing, turn, ask[listing]))
        row = np.full((len(bid), len(ask)), -1)
        row[who, what] = rows
        return cls(
            bid[buyer], buyer, ask[listing[unit]], listing[unit], turn[unit], row, np.stack([who, what])
        )

    def match(self, bids: IntArray, units: IntArray, gain: FloatArray) -> IntArray:
        """Return the rows that pair off winners: as many as exist, then with the largest sum of gains.

        Parameters
        ----------
        bids, units : int64[Q]
            Places in `bid` and `ask`.
        gain : float64[R]
            Gain of each order.
        """
        pair = self.row[np.ix_(self.buyer[bids], self.listing[units])]
        scaled = np.where(pair >= 0, gain[pair], 0.0)
        scaled = scaled / max(scaled.max(initial=0.0), np.finfo(np.float64).tiny)
        # One pair more outweighs any sum of scaled gains, which is at most Q.
        i, j = linear_sum_assignment(np.where(pair >= 0, scaled + len(pair) + 1, 0.0), maximize=True)
        row = pair[i, j]
        return row[row >= 0]


@dataclass(frozen=True, eq=False)
class Winners:
    """Winners of a book who are matched with each other, and their prices.

    Attributes
    ----------
    bids, units : int64[Q]
        Places in the book's `bid` and `ask`.
    paid, received : float
        By each buyer and by each seller of a unit, in credits.
    """

    bids: IntArray
    units: IntArray
    paid: float
    received: float

    @classmethod
    def best(cls, quantity: int, paid: float, received: float) -> "Winners":
        """Let the `quantity` best bids and units win."""
        return cls(np.arange(quantity), np.arange(quantity), paid, received)


class CallMarket(Mechanism):
    """The best bids for a grade meet the best asks, in one call for each position.

    A buyer bids once for the grade and wants one unit; a listing offers ``min(capacity, its rows)`` units at
    one ask. With bids falling, b_1 >= b_2 >= ..., asks rising, s_1 <= s_2 <= ..., K is the largest k with b_k
    >= s_k; b_K = s_K is a trade. A subclass defines `call`: who of them wins and at which prices.

    Then winners are matched to units so that the sum of the trial gains is largest. A pair without a row
    never trades. If no matching of the winners avoids all such pairs, the largest number of pairs that exist
    trades, and the winners left over do not; prices stay.
    """

    venue: ClassVar[str] = "books"

    @abstractmethod
    def call(self, book: Book) -> list[Winners]:
        """Return the winners of a book, one entry for each group that is matched within itself."""

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Hold a call market for each position.

        Raises
        ------
        ValueError
            If a buyer's bids differ within a position or a listing's asks differ between buyers.
        """
        by_priority = np.argsort(self.draw_priority(orders, rng))
        require_one("orders.bid", "buyer's rows of a position", orders.seat, orders.bid)
        require_one("orders.ask", "listing's rows", orders.lot, orders.ask)
        rows, paid, received = [np.zeros(0, dtype=np.int64)], [np.zeros(0)], [np.zeros(0)]
        for rows_of_book in orders.books(by_priority):
            book = Book.of(orders, rows_of_book)
            for winners in self.call(book):
                row = book.match(winners.bids, winners.units, orders.gain)
                rows.append(row)
                paid.append(np.full(len(row), winners.paid))
                received.append(np.full(len(row), winners.received))
        return Trades.of(orders, np.concatenate(rows), np.concatenate(paid), np.concatenate(received))


def efficient_quantity(bids: FloatArray, asks: FloatArray) -> int:
    """Return K, the largest k with b_k >= s_k, for falling bids and rising asks; 0 if there is none."""
    short = min(len(bids), len(asks))
    return int(np.sum(bids[:short] >= asks[:short]))


def competitive_prices(bids: FloatArray, asks: FloatArray) -> tuple[float, float]:
    """Return the least and the largest price at which demand meets supply, in credits.

    ``L = max(s_K, b_{K+1})`` and ``U = min(b_K, s_{K+1})``; what does not exist is left out.

    Parameters
    ----------
    bids : float64[m]
        Falling, in credits; at least one.
    asks : float64[n]
        Rising, in credits; at least one.
    """
    k = efficient_quantity(bids, asks)
    # With K = 0 the slices from K - 1 are empty.
    low = max([*asks[k - 1 : k], *bids[k : k + 1]])
    high = min([*bids[k - 1 : k], *asks[k : k + 1]])
    return float(low), float(high)


def all_but_last(book: Book, quantity: int) -> list[Winners]:
    """Let the K - 1 best of both sides trade: buyers pay b_K and sellers get s_K, who do not trade."""
    if quantity < 2:
        return []
    return [Winners.best(quantity - 1, float(book.bid[quantity - 1]), float(book.ask[quantity - 1]))]


def require_one(field: str, group_name: str, group: IntArray, values: FloatArray) -> None:
    """Raise a ValueError unless `values` is constant within each group."""
    if not len(values):
        return
    _, first = np.unique(group, return_index=True)
    same = values == values[first[group]]
    if not same.all():
        row = int(np.argmin(same))
        raise ValueError(
            f"{field} must be the same in all of a {group_name} on the venue books; "
            f"got {values[row]} in row {row} and {values[first[group[row]]]} in row {first[group[row]]}"
        )
