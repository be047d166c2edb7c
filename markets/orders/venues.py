"""Venues: how orders meet, and so what a trader puts a price on.

On ``listings`` every listing is its own auction and on ``bilateral`` every pair bargains: a quote is a price
for one (buyer, listing) pair. On ``books`` the blocks of one position are a grade, interchangeable: a buyer
quotes one bid for the grade, worth the mean over what it tried, and a seller one ask for its listing, which
must cover the dearest buyer it may meet.

Core Objects: VENUES, Quotes, bid_quotes, ask_quotes
"""

from dataclasses import dataclass

import numpy as np

from markets.columns import Floats, Ints

VENUES = ("listings", "books", "bilateral")


@dataclass(frozen=True)
class Quotes:
    """The prices that one side must name, Q of them, for R rows of (buyer, listing) pairs.

    Attributes
    ----------
    row : int64 [Q]
        A row of each quote, the first: it tells who quotes for what.
    quote : int64 [R]
        Which quote stands for each row.
    """

    row: Ints
    quote: Ints

    def __len__(self) -> int:
        return len(self.row)

    def mean(self, column: Floats) -> Floats:
        """Return the mean of a column [R] over the rows of each quote, [Q]."""
        return np.bincount(self.quote, column, len(self)) / np.bincount(self.quote, minlength=len(self))

    def maximum(self, column: Floats) -> Floats:
        """Return the maximum of a column [R] over the rows of each quote, [Q]."""
        highest = np.full(len(self), -np.inf)
        np.maximum.at(highest, self.quote, column)
        return highest


def _grouped(*keys: Ints) -> Quotes:
    _, row, quote = np.unique(np.stack(keys, axis=1), axis=0, return_index=True, return_inverse=True)
    return Quotes(row.astype(np.int64), quote.astype(np.int64).ravel())


def _one_a_row(rows: int) -> Quotes:
    every = np.arange(rows, dtype=np.int64)
    return Quotes(every, every)


def bid_quotes(venue: str, buyer: Ints, position: Ints) -> Quotes:
    """Return what buyers put a price on: a grade on books, a listing elsewhere."""
    return _grouped(buyer, position) if venue == "books" else _one_a_row(len(buyer))


def ask_quotes(venue: str, listing: Ints) -> Quotes:
    """Return what sellers put a price on: a listing on books, a buyer of a listing elsewhere."""
    return _grouped(listing) if venue == "books" else _one_a_row(len(listing))
