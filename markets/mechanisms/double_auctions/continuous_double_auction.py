"""The continuous double auction."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.books.gode_sunder_book import GodeSunderBook
from markets.books.order_book import OrderBook
from markets.matching.ranking import first_rows
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.mechanisms.double_auctions.call_market import require_one
from markets.orders.luck import Luck, mixed
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ContinuousDoubleAuction(Mechanism):
    """Bids and asks arrive one by one; whoever covers a standing quote trades at it, at once.

    Rule: for each position, every buyer's bid for one unit and every unit of a listing, ``min(capacity, its
    rows)`` of them at its ask, arrive in a random order. A pair without a row never trades: quotes pass over
    each other where it is missing.

    - ``persistent``: quotes stand until they trade. An arriving one trades with the best standing quote of
      the other side that it covers, the oldest among equals (`markets.books.order_book.OrderBook`).
    - ``gode_sunder``: only the best quote of a side stands, a quote that does not improve on it is lost, and
      every trade wipes the book (`markets.books.gode_sunder_book.GodeSunderBook`). Those who have not traded
      come again in the same order, `passes` times in all.

    The price is the standing quote. Every order of the bids and units of a position is as likely as any
    other, and positions are independent: a pair that is alone trades at its bid or at its ask, half of the
    time each.

    Attributes
    ----------
    variant : str
        ``persistent`` or ``gode_sunder``.
    passes : int
        How often those who have not traded come under ``gode_sunder``; a persistent quote needs to come once.

    Notes
    -----
    Who comes early and at which price it trades is luck, so units do not go to whom they are worth most:
    efficiency is high with many traders and never sure. O(R log R), and O(log n) an arrival in a book of n
    quotes and for each quote passed over.

    References
    ----------
    V. L. Smith (1962), J. Political Economy 70; D. K. Gode and S. Sunder (1993), J. Political Economy 101.

    Examples
    --------
    >>> from markets.orders.orders import Orders
    >>> orders = Orders.of(
    ...     buyer=[2, 2, 3, 3], seller=[0, 1, 0, 1], listing=[0, 1, 0, 1],
    ...     bid=[9.0, 9.0, 8.0, 8.0], ask=[3.0, 4.0, 3.0, 4.0], capacity=[1, 1, 1, 1],
    ... )
    >>> trades = [ContinuousDoubleAuction().clear(orders, np.random.default_rng(seed)) for seed in range(30)]
    >>> np.unique(np.concatenate([each.paid for each in trades])).tolist()
    [3.0, 4.0, 8.0, 9.0]
    """

    name: str = "continuous_double_auction"
    variant: Annotated[str, Field(pattern="^(persistent|gode_sunder)$")] = "persistent"
    passes: Annotated[int, Field(ge=1, le=10_000)] = 1

    venue: ClassVar[str] = "books"
    open_outcry: ClassVar[bool] = True

    @property
    def properties(self) -> Properties:
        """A standing quote sets its own price, so both sides shade."""
        return Properties(
            budget="strong",
            individually_rational=True,
            copy_means="A listing offers a copy to every buyer that may trade with it, one after the other.",
            exclusive_means="A listing offers one unit, which trades once a bid covers it.",
            reference="Gode and Sunder 1993, J. Political Economy 101",
            max_demand=1,
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Hold a continuous double auction for each position.

        Raises
        ------
        InputError
            If a buyer's bids differ within a position or a listing's asks differ between buyers.
        """
        luck = self.draw(orders, rng)
        require_one("orders.bid", "buyer's rows of a position", orders.seat, orders.bid)
        require_one("orders.ask", "listing's rows", orders.lot, orders.ask)
        arrivals = _Arrivals.of(orders, luck)
        deals = [deal for order in arrivals.books for deal in self._trade(arrivals, order)]
        row, price = zip(*deals, strict=True) if deals else ((), ())
        return Trades.of(orders, np.array(row, dtype=np.int64), price, price)

    def _trade(self, arrivals: "_Arrivals", order: list[int]) -> Iterator[tuple[int, float]]:
        """Yield the row and the price of each trade of the position whose quotes arrive in this order."""
        row_of = arrivals.row_of

        def may_trade(buyer: int, seller: int) -> bool:
            return (buyer, seller) in row_of

        persistent = self.variant == "persistent"
        book = OrderBook(may_trade) if persistent else GodeSunderBook(may_trade)
        quotes, traded = len(arrivals.quote), set[int]()
        for turn in range(1 if persistent else self.passes):
            for place in order:
                if place in traded:
                    continue
                quote = arrivals.trader[place], arrivals.is_bid[place], arrivals.quote[place]
                for fill in book.submit(turn * quotes + place, *quote):
                    traded |= {fill.incoming % quotes, fill.standing % quotes}
                    yield row_of[fill.buyer, fill.seller], fill.price


@dataclasses.dataclass(frozen=True)
class _Arrivals:
    """The quotes of all positions: A of them, the bids and then the units' asks.

    Attributes
    ----------
    trader, is_bid, quote : list [A]
        Who quotes what; buyers have the numbers of their seats and listings those that follow.
    books : list of list of int
        For each position its quotes' places in the order in which they arrive.
    row_of : dict
        The order of each (buyer, listing) that may trade.
    """

    trader: list[int]
    is_bid: list[bool]
    quote: list[float]
    books: list[list[int]]
    row_of: dict[tuple[int, int], int]

    @classmethod
    def of(cls, orders: Orders, luck: Luck) -> "_Arrivals":
        """Take the quotes from the rows and draw when each arrives."""
        seat, lot = first_rows(orders.seat), first_rows(orders.lot)
        supply = np.minimum(orders.capacity[lot], np.bincount(orders.lot, minlength=len(lot)))
        listing = np.repeat(np.arange(len(lot)), supply)
        unit = np.arange(len(listing)) - np.repeat(np.cumsum(supply) - supply, supply)
        arrival = np.concatenate(
            [
                luck.of_groups("arrival of bids", orders.seat),
                mixed(luck.of_groups("arrival of units", orders.lot)[listing], unit),
            ]
        )
        position = orders.position[np.concatenate([seat, lot[listing]])]
        by_book = np.lexsort((arrival, position))
        ends = np.flatnonzero(np.diff(position[by_book])) + 1
        pairs = zip(orders.seat.tolist(), (len(seat) + orders.lot).tolist(), strict=True)
        return cls(
            np.concatenate([np.arange(len(seat)), len(seat) + listing]).tolist(),
            (np.arange(len(arrival)) < len(seat)).tolist(),
            np.concatenate([orders.bid[seat], orders.ask[lot[listing]]]).tolist(),
            [order.tolist() for order in np.split(by_book, ends)],
            dict(zip(pairs, range(len(orders)), strict=True)),
        )
