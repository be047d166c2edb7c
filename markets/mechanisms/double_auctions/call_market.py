"""Call markets: what the mechanisms of the venue ``books`` have in common.

`CallMarket` makes the books and matches the winners; a subclass says who wins and at which prices. Most rules
need the margin alone (`MarginRule`).
"""

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from markets.books.call_books import CallBooks, Winners
from markets.books.margin import Margin, Terms
from markets.columns import Floats, Ints
from markets.matching.ranking import first_rows
from markets.mechanisms.base import Mechanism
from markets.orders.orders import Orders, Trades
from markets.refusals import InputError

COMPLETE_BOOK = "every buyer can trade with every listing of its book"
"""Where a call market's winners can always be matched."""

ONE_UNIT_EACH = f"{COMPLETE_BOOK}; nobody both buys and sells; a seller sells one unit"
"""Where the truthful call markets are so for both sides."""


class CallMarket(Mechanism):
    """The best bids for a grade meet the best asks, in one call for each position.

    A buyer bids once for the grade and wants one unit; a listing offers ``min(capacity, its rows)`` units at
    one ask. With bids falling, b_1 >= b_2 >= ..., asks rising, s_1 <= s_2 <= ..., K is the largest k with b_k
    >= s_k; b_K = s_K is a trade. Equal bids, and equal asks, stand in an order drawn by lot for each book, in
    which a buyer has one place however many rows it has, and so has a listing. A subclass defines `call`: who
    of them wins and at which prices.

    Then winners are matched to units so that the sum of the trial gains is largest. A pair without a row
    never trades. If no matching of the winners avoids all such pairs, the largest number of pairs that exist
    trades, and the winners left over do not; prices stay.
    """

    venue: ClassVar[str] = "books"

    @abstractmethod
    def call(self, books: CallBooks) -> Winners:
        """Return the winners of all books and their prices."""

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Hold a call market for each position.

        Raises
        ------
        InputError
            If a buyer's bids differ within a position or a listing's asks differ between buyers.
        """
        luck = self.draw(orders, rng)
        require_one("orders.bid", "buyer's rows of a position", orders.seat, orders.bid)
        require_one("orders.ask", "listing's rows", orders.lot, orders.ask)
        winners = self.call(CallBooks.of(orders, luck))
        row, group = winners.books.match(winners)
        return Trades.of(orders, row, winners.paid[group], winners.received[group])


class MarginRule(CallMarket):
    """A call market whose outcome depends on the margin alone: a subclass defines `terms`."""

    @abstractmethod
    def terms(self, margin: Margin) -> Terms:
        """Return how many trade, and at which prices, in each of the books whose margins are given.

        A pure function of columns: ``terms(Margin.of(bids, asks))`` prices a book of any size, or many.
        """

    def call(self, books: CallBooks) -> Winners:
        """Let the best of each book win on the rule's terms."""
        return books.winners(self.terms(books.margin()))


def require_one(field: str, group_name: str, group: Ints, values: Floats) -> None:
    """Raise an InputError unless `values` is constant within each group."""
    first = first_rows(group)[group]
    same = values == values[first]
    if not same.all():
        row = int(np.argmin(same))
        raise InputError(
            f"{field} must be the same in all of a {group_name} on the venue books; "
            f"got {values[row]} in row {row} and {values[first[row]]} in row {first[row]}"
        )
