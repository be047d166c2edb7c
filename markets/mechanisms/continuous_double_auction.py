"""The continuous double auction.

Core Objects: ContinuousDoubleAuction
"""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.columns import IntArray
from markets.gode_sunder_book import GodeSunderBook
from markets.goods import LICENCE_KINDS
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.mechanisms.call_market import require_one
from markets.order_book import OrderBook
from markets.orders import Orders, Trades
from markets.ranking import first_appearance


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ContinuousDoubleAuction(Mechanism):
    """Bids and asks arrive one by one; whoever covers a standing quote trades at it, at once.

    Rule: for each position, every buyer's bid for one unit and every unit of a listing, ``min(capacity, its
    rows)`` of them at its ask, arrive in a random order. A pair without a row never trades: quotes pass over
    each other where it is missing.

    - ``persistent``: quotes stand until they trade. An arriving one trades with the best standing quote of
      the other side that it covers, the oldest among equals (`markets.order_book.OrderBook`).
    - ``gode_sunder``: only the best quote of a side stands, a quote that does not improve on it is lost, and
      every trade wipes the book (`markets.gode_sunder_book.GodeSunderBook`). Those who have not traded come
      again in the same order, `passes` times in all.

    The price is the standing quote. The order of arrival uses the one permutation of the rows: buyers, and
    listings, are numbered by their first appearance in it, and a generator seeded with the places at which
    these numbers appear mixes bids and units. Where all pairs exist, every order of the buyers and of the
    listings is as likely as any other. In markets of one or two buyers or listings there are few such places,
    so few ways to mix; where there is one pair alone, its ask always stands first.

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
    >>> from markets.orders import Orders
    >>> orders = Orders.of(
    ...     buyer=[2, 2, 3, 3],
    ...     seller=[0, 1, 0, 1],
    ...     listing=[0, 1, 0, 1],
    ...     bid=[9.0, 9.0, 8.0, 8.0],
    ...     ask=[3.0, 4.0, 3.0, 4.0],
    ...     capacity=[1, 1, 1, 1],
    ... )
    >>> trades = [ContinuousDoubleAuction().clear(orders, np.random.default_rng(seed)) for seed in range(30)]
    >>> np.unique(np.concatenate([each.paid for each in trades])).tolist()
    [3.0, 4.0, 8.0, 9.0]
    """

    name: str = "continuous_double_auction"
    variant: Annotated[str, Field(pattern="^(persistent|gode_sunder)$")] = "persistent"
    passes: Annotated[int, Field(ge=1)] = 1

    venue: ClassVar[str] = "books"
    open_outcry: ClassVar[bool] = True

    @property
    def properties(self) -> Properties:
        """A standing quote sets its own price, so both sides shade."""
        return Properties(
            truthful_buyers="no",
            truthful_sellers="no",
            truthful_domain="",
            budget="strong",
            individually_rational=True,
            efficient=False,
            efficient_domain="",
            licences=LICENCE_KINDS,
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
        priority = self.draw_priority(orders, rng)
        require_one("orders.bid", "buyer's rows of a position", orders.seat, orders.bid)
        require_one("orders.ask", "listing's rows", orders.lot, orders.ask)
        deals = [
            deal
            for rows in orders.books(np.argsort(priority))
            for deal in self._trade(orders, rows, priority[rows])
        ]
        row, price = zip(*deals, strict=True) if deals else ((), ())
        return Trades.of(orders, np.array(row, dtype=np.int64), price, price)

    def _trade(self, orders: Orders, rows: IntArray, places: IntArray) -> Iterator[tuple[int, float]]:
        """Yield the row and the price of each trade of one position.

        Parameters
        ----------
        rows, places : int64[n]
            The rows of the position in the order of the permutation, and where they are in it.
        """
        arrivals = _Arrivals.of(orders, rows, places)
        row_of = arrivals.row_of

        def may_trade(buyer: int, seller: int) -> bool:
            return (buyer, seller) in row_of

        persistent = self.variant == "persistent"
        book = OrderBook(may_trade) if persistent else GodeSunderBook(may_trade)
        quotes, traded = len(arrivals.quote), set[int]()
        for turn in range(1 if persistent else self.passes):
            for place in arrivals.order:
                if place in traded:
                    continue
                quote = arrivals.trader[place], arrivals.is_bid[place], arrivals.quote[place]
                for fill in book.submit(turn * quotes + place, *quote):
                    traded |= {fill.incoming % quotes, fill.standing % quotes}
                    yield row_of[fill.buyer, fill.seller], fill.price


@dataclasses.dataclass(frozen=True)
class _Arrivals:
    """The quotes of one position: A of them, the units' asks and then the bids.

    Attributes
    ----------
    trader, is_bid, quote : list [A]
        Who quotes what; buyers have the numbers from 0 and listings those that follow.
    order : list of int [A]
        The quotes' places in the order in which they arrive.
    row_of : dict
        The order of each (buyer, listing) that may trade.
    """

    trader: list[int]
    is_bid: list[bool]
    quote: list[float]
    order: list[int]
    row_of: dict[tuple[int, int], int]

    @classmethod
    def of(cls, orders: Orders, rows: IntArray, places: IntArray) -> "_Arrivals":
        """Take the quotes from the rows of a position, sorted by priority, and mix them."""
        who, first_of_buyer = first_appearance(orders.buyer[rows])
        what, first_of_listing = first_appearance(orders.listing[rows])
        buyers = len(first_of_buyer)
        supply = np.minimum(orders.capacity[rows[first_of_listing]], np.bincount(what))
        listing = np.repeat(np.arange(len(supply)), supply)
        trader = np.concatenate([buyers + listing, np.arange(buyers)])
        ask, bid = orders.ask[rows[first_of_listing]], orders.bid[rows[first_of_buyer]]
        seed = np.concatenate([places, who, what]).astype(np.uint32)
        pairs = zip(who.tolist(), (buyers + what).tolist(), strict=True)
        return cls(
            trader.tolist(),
            (trader < buyers).tolist(),
            np.concatenate([ask[listing], bid]).tolist(),
            np.random.default_rng(seed).permutation(len(trader)).tolist(),
            dict(zip(pairs, rows.tolist(), strict=True)),
        )
