"""A limit order book: price first, then time; whoever crosses trades at the standing price.

Core Objects: OrderBook, Depth
"""

import math
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TypeAlias

import numpy as np

from markets.books.book_events import (
    CANCEL,
    SUBMIT,
    BookEvents,
    Fill,
    Fills,
    MayTrade,
    price_of,
    whole_number,
)
from markets.columns import Floats, Ints, freeze
from markets.refusals import InputError


@dataclass(frozen=True, eq=False)
class Depth:
    """What stands in a book, a row a price level, the best first.

    Attributes
    ----------
    bid_price, ask_price : float64[levels of the side]
        In credits; bids falling, asks rising.
    bid_quantity, ask_quantity : int64[levels of the side]
        Units that stand at each price.
    """

    bid_price: Floats
    bid_quantity: Ints
    ask_price: Floats
    ask_quantity: Ints


@dataclass(slots=True, eq=False)
class _Order:
    """An order and what is left of it; a quantity of 0 is an order that is gone."""

    order: int
    trader: int
    is_bid: bool
    price: float
    quantity: int


_Heap: TypeAlias = list[tuple[float, int, _Order]]
_SPARE = 64


class OrderBook:
    """A book of limit orders that stand until they trade or are cancelled.

    Rule: an incoming order trades with the standing orders of the other side that its price covers, the best
    price first and among equal prices the oldest, each time at the *standing* order's price, until nothing of
    it is left or nobody covers it; the rest stands. Part of an order may trade.

    An incoming order passes over standing orders that it may not trade with: its trader's own, always, and
    those that `may_trade` excludes. They keep their place. So the best bid is below the best ask among orders
    that may trade with each other, and a trader may hold a bid and an ask that cross.

    A replacement keeps its time priority if the price stays and the quantity does not rise; otherwise the
    order arrives anew, and may trade. To cancel or replace an order that has traded in full or was cancelled
    before comes too late and does nothing.

    Parameters
    ----------
    may_trade : callable, optional
        Whether a buyer may trade with a seller, by trader numbers; by default whenever they differ.

    Notes
    -----
    A heap a side, whose entries die where they are when an order is cancelled; a heap that is half dead is
    rebuilt. O(log n) an event with n standing orders, on average over a stream, and O(log n) for each order
    traded with or passed over.

    Examples
    --------
    >>> book = OrderBook()
    >>> book.submit(order=0, trader=7, is_bid=False, price=5.0, quantity=2)
    []
    >>> book.submit(order=1, trader=8, is_bid=True, price=6.0)
    [Fill(incoming=1, standing=0, buyer=8, seller=7, price=5.0, quantity=1)]
    >>> book.cancel(0), book.best_ask
    (1, nan)
    """

    def __init__(self, may_trade: MayTrade | None = None) -> None:
        self._may_trade = may_trade
        self._heaps: tuple[_Heap, _Heap] = ([], [])  # asks by price, bids by minus the price
        self._standing = [0, 0]
        self._orders: dict[int, _Order] = {}
        self._clock = 0

    def submit(self, order: int, trader: int, is_bid: bool, price: float, quantity: int = 1) -> list[Fill]:
        """Let an order arrive and return its trades, in the order in which they were made.

        Parameters
        ----------
        order : int
            A number that no order of this book has had, >= 0.
        trader : int
            Who sends it, >= 0.
        is_bid : bool
            Whether it buys.
        price : float
            The limit a unit, in credits.
        quantity : int
            Units, at least 1.

        Raises
        ------
        InputError
            If the order's number was used before or is negative, the price NaN, infinite or negative, or the
            quantity below 1.
        """
        order, trader = whole_number("order", order, 0), whole_number("trader", trader, 0)
        price, quantity = price_of(price), whole_number("quantity", quantity, 1)
        if order in self._orders:
            raise InputError(f"order must be a number that was not used before; got {order}")
        return self._arrive(order, trader, bool(is_bid), price, quantity)

    def cancel(self, order: int) -> int:
        """Take an order out of the book and return how many units that took away; 0 if it came too late.

        Raises
        ------
        InputError
            If no order had this number.
        """
        return self._remove(self._known(order))

    def replace(self, order: int, price: float, quantity: int) -> list[Fill]:
        """Change the price and the quantity left of an order and return its trades, if it arrives anew.

        Raises
        ------
        InputError
            If no order had this number, the price is NaN, infinite or negative, or the quantity below 1.
        """
        self._known(order)
        return self._change(order, price_of(price), whole_number("quantity", quantity, 1))

    def process(self, events: BookEvents) -> Fills:
        """Play a batch of events and return all trades as columns.

        The batch is refused as a whole: if a row is bad, no row has happened.

        Raises
        ------
        InputError
            If a row submits a number that was used before, or cancels or replaces one that was not.
        """
        events.check_orders(self._orders)
        fills: list[Fill] = []
        event_of: list[int] = []
        for event, (action, order, trader, is_bid, price, quantity) in enumerate(events.rows()):
            if action == SUBMIT:
                made = self._arrive(order, trader, is_bid, price, quantity)
            elif action == CANCEL:
                self._remove(self._orders[order])
                continue
            else:
                made = self._change(order, price, quantity)
            if made:
                fills += made
                event_of += [event] * len(made)
        return Fills.of(event_of, fills)

    def quantity(self, order: int) -> int:
        """Return how many units of an order stand; 0 if it is gone.

        Raises
        ------
        InputError
            If no order had this number.
        """
        return self._known(order).quantity

    @property
    def best_bid(self) -> float:
        """The highest standing bid, in credits; NaN if there is none."""
        return -self._best(True)

    @property
    def best_ask(self) -> float:
        """The lowest standing ask, in credits; NaN if there is none."""
        return self._best(False)

    def depth(self, levels: int | None = None) -> Depth:
        """Return what stands, by price; `levels` is how many prices a side, all by default."""
        return Depth(*self._levels(True, levels), *self._levels(False, levels))

    def _levels(self, is_bid: bool, levels: int | None) -> tuple[Floats, Ints]:
        """Return the prices of a side, the best first, and what stands at each."""
        living = [entry for entry in self._heaps[is_bid] if entry[2].quantity]
        keys = np.array([entry[0] for entry in living], dtype=np.float64)
        key, level = np.unique(keys, return_inverse=True)
        quantity = np.zeros(len(key), dtype=np.int64)
        np.add.at(quantity, level, np.array([entry[2].quantity for entry in living], dtype=np.int64))
        price = np.abs(key)[:levels]
        freeze(price)
        freeze(quantity)
        return price, quantity[:levels]

    def _arrive(self, order: int, trader: int, is_bid: bool, price: float, quantity: int) -> list[Fill]:
        """Match a new order and let the rest stand."""
        # By position: a name costs time, and this is done for every order.
        arriving = self._orders[order] = _Order(order, trader, is_bid, price, quantity)
        key = -price if is_bid else price
        others = self._heaps[not is_bid]
        fills = self._match(arriving, others, -key) if others and others[0][0] <= -key else []
        if arriving.quantity:
            self._clock += 1
            self._standing[is_bid] += 1
            heappush(self._heaps[is_bid], (key, self._clock, arriving))
        return fills

    def _match(self, arriving: _Order, others: _Heap, limit: float) -> list[Fill]:
        """Trade an order with the standing orders whose key is at most `limit`."""
        fills: list[Fill] = []
        passed: _Heap = []
        may_trade = self._may_trade
        while arriving.quantity and others and others[0][0] <= limit:
            other = others[0][2]
            if not other.quantity:
                heappop(others)
                continue
            pair = (arriving.trader, other.trader) if arriving.is_bid else (other.trader, arriving.trader)
            if pair[0] == pair[1] or (may_trade is not None and not may_trade(*pair)):
                passed.append(heappop(others))
                continue
            quantity = min(arriving.quantity, other.quantity)
            fills.append(Fill(arriving.order, other.order, *pair, other.price, quantity))
            arriving.quantity -= quantity
            other.quantity -= quantity
            if not other.quantity:
                heappop(others)
                self._standing[other.is_bid] -= 1
        for entry in passed:
            heappush(others, entry)
        return fills

    def _remove(self, order: _Order) -> int:
        """Let an order die where it is, and clear its heap once half of that is dead."""
        quantity, order.quantity = order.quantity, 0
        if quantity:
            self._standing[order.is_bid] -= 1
            heap = self._heaps[order.is_bid]
            if len(heap) > 2 * self._standing[order.is_bid] + _SPARE:
                heap[:] = [entry for entry in heap if entry[2].quantity]
                heapify(heap)
        return quantity

    def _change(self, order: int, price: float, quantity: int) -> list[Fill]:
        """Reduce an order in place, or let it arrive anew."""
        old = self._orders[order]
        if not old.quantity:
            return []
        if price == old.price and quantity <= old.quantity:
            old.quantity = quantity
            return []
        self._remove(old)
        return self._arrive(order, old.trader, old.is_bid, price, quantity)

    def _known(self, order: int) -> _Order:
        if order not in self._orders:
            raise InputError(f"order must be the number of an order of this book; got {order!r}")
        return self._orders[order]

    def _best(self, is_bid: bool) -> float:
        """Return the best key of a side; NaN if nothing stands."""
        heap = self._heaps[is_bid]
        while heap and not heap[0][2].quantity:
            heappop(heap)
        return heap[0][0] if heap else math.nan
