"""Many order books of single units in lockstep: one shout in every book at a time.

The rules of the event-driven books for traders that hold one quote each, over columns: a numpy operation
moves R books where an event moves one.

Core Objects: ParallelBooks, PersistentBooks, GodeSunderBooks, Shouted
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from markets.columns import Bools, Floats, Ints, require


@dataclass(frozen=True, eq=False)
class Shouted:
    """What became of one shout in each of R books.

    Attributes
    ----------
    stands : bool[R]
        Whether the quote stands now.
    price : float64[R]
        At which it traded, in credits: the standing quote's; NaN if it did not.
    counterparty : int64[R]
        The trader whose quote stood, -1 without a trade.
    """

    stands: Bools
    price: Floats
    counterparty: Ints


class ParallelBooks(ABC):
    """R books in which the same N roles trade single units, each on one side.

    Parameters
    ----------
    books : int
        R, at least 1.
    is_buyer : bool[N]
        Which side each trader is on, in every book.
    """

    def __init__(self, books: int, is_buyer: Bools) -> None:
        self._is_buyer = is_buyer
        self._book = np.arange(books)
        self.wipe()

    @abstractmethod
    def wipe(self) -> None:
        """Take all quotes out of all books."""

    @property
    @abstractmethod
    def best_bid(self) -> Floats:
        """The highest standing bid of each book, float64[R], in credits; NaN if there is none."""

    @property
    @abstractmethod
    def best_ask(self) -> Floats:
        """The lowest standing ask of each book, float64[R], in credits; NaN if there is none."""

    def shout(self, trader: Ints, quote: Floats) -> Shouted:
        """Let one trader quote in every book.

        Parameters
        ----------
        trader : int64[R]
            Who, from 0.
        quote : float64[R]
            In credits; NaN says nothing, and leaves the trader's standing quote where it is.

        Raises
        ------
        InputError
            If a quote is infinite or negative.
        """
        require(
            np.isnan(quote) | (np.isfinite(quote) & (quote >= 0)), quote, "quote", "finite and not negative"
        )
        return self._shout(trader, quote, self._is_buyer[trader])

    @abstractmethod
    def _shout(self, trader: Ints, quote: Floats, is_bid: Bools) -> Shouted:
        """Do what `shout` says, for quotes that are in order."""


class PersistentBooks(ParallelBooks):
    """Books in which every trader's last quote stands until it trades or is replaced.

    `markets.books.order_book.OrderBook` with one order a trader: a new quote replaces the trader's standing
    one, and keeps its time priority only if it is the same. O(R N) a shout.

    Examples
    --------
    >>> books = PersistentBooks(1, np.array([True, True, False]))
    >>> for trader, quote in ((0, 4.0), (1, 5.0)):
    ...     shouted = books.shout(np.array([trader]), np.array([quote]))
    >>> books.shout(np.array([2]), np.array([3.0])).price, books.best_bid
    (array([5.]), array([4.]))
    """

    def wipe(self) -> None:
        """Take all quotes out of all books."""
        shape = len(self._book), len(self._is_buyer)
        # Who has no quote has one that nobody can reach.
        self._nothing = np.where(self._is_buyer, -np.inf, np.inf)
        self._standing = np.broadcast_to(self._nothing, shape).copy()
        self._time = np.zeros(shape, dtype=np.int64)
        self._clock = 0

    @property
    def best_bid(self) -> Floats:
        """The highest standing bid of each book, float64[R], in credits; NaN if there is none."""
        return _finite(self._standing[:, self._is_buyer].max(axis=1, initial=-np.inf))

    @property
    def best_ask(self) -> Floats:
        """The lowest standing ask of each book, float64[R], in credits; NaN if there is none."""
        return _finite(self._standing[:, ~self._is_buyer].min(axis=1, initial=np.inf))

    def _shout(self, trader: Ints, quote: Floats, is_bid: Bools) -> Shouted:
        book, sign = self._book, np.where(is_bid, 1.0, -1.0)
        # The other side's quotes, turned so that the least is the best: asks as they are, bids negated.
        facing = np.where(self._is_buyer != is_bid[:, None], sign[:, None] * self._standing, np.inf)
        best = facing.min(axis=1)
        trades = best <= sign * quote
        oldest = np.where(facing == best[:, None], self._time, np.iinfo(np.int64).max).argmin(axis=1)
        price = np.where(trades, self._standing[book, oldest], np.nan)
        stands = ~np.isnan(quote) & ~trades
        moved = stands & (self._standing[book, trader] != quote)
        self._clock += 1
        self._time[book[moved], trader[moved]] = self._clock
        self._standing[book[stands], trader[stands]] = quote[stands]
        for party in (trader[trades], oldest[trades]):
            self._standing[book[trades], party] = self._nothing[party]
        return Shouted(stands, price, np.where(trades, oldest, -1))


class GodeSunderBooks(ParallelBooks):
    """Books that keep one quote a side and are wiped by every trade.

    `markets.books.gode_sunder_book.GodeSunderBook` over columns: only a quote that improves on the standing
    one of its side stands, in its place. O(R) a shout.

    References
    ----------
    D. K. Gode and S. Sunder (1993), J. Political Economy 101.
    """

    def wipe(self) -> None:
        """Take all quotes out of all books."""
        books = len(self._book)
        self._best = np.repeat(np.array([[np.inf], [-np.inf]]), books, axis=1)
        self._who = np.full((2, books), -1)

    @property
    def best_bid(self) -> Floats:
        """The standing bid of each book, float64[R], in credits; NaN if there is none."""
        return _finite(self._best[1])

    @property
    def best_ask(self) -> Floats:
        """The standing ask of each book, float64[R], in credits; NaN if there is none."""
        return _finite(self._best[0])

    def _shout(self, trader: Ints, quote: Floats, is_bid: Bools) -> Shouted:
        side, other, sign = is_bid.astype(np.int64), 1 - is_bid, np.where(is_bid, 1.0, -1.0)
        facing, partner = self._best[other, self._book], self._who[other, self._book]
        trades = sign * facing <= sign * quote
        stands = ~trades & (sign * quote > sign * self._best[side, self._book])
        self._best[side[stands], self._book[stands]] = quote[stands]
        self._who[side[stands], self._book[stands]] = trader[stands]
        self._best[:, trades] = [[np.inf], [-np.inf]]
        self._who[:, trades] = -1
        return Shouted(stands, np.where(trades, facing, np.nan), np.where(trades, partner, -1))


def _finite(quotes: Floats) -> Floats:
    """Return the quotes with NaN for infinities."""
    return np.where(np.isfinite(quotes), quotes, np.nan)
