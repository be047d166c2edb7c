"""Streams of orders that go into an order book, and the trades that come out, as columns."""

import math
import operator
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from markets.columns import Bools, Floats, Ints, amounts, freeze, require, whole_numbers
from markets.refusals import InputError

SUBMIT, CANCEL, REPLACE = 0, 1, 2
"""What an event does with its order."""

MayTrade: TypeAlias = Callable[[int, int], bool]
"""Whether a buyer may trade with a seller, by their trader numbers."""


class Fill(NamedTuple):
    """A trade between an incoming and a standing order: `quantity` units at `price` credits each."""

    incoming: int
    standing: int
    buyer: int
    seller: int
    price: float
    quantity: int


@dataclass(frozen=True, eq=False)
class BookEvents:
    """Orders submitted, cancelled and replaced, E events in time. Make it with `BookEvents.of`.

    Attributes
    ----------
    action : int64[E]
        `SUBMIT`, `CANCEL` or `REPLACE`.
    order : int64[E]
        The number of the order.
    trader : int64[E]
        Who submits it.
    is_bid : bool[E]
        Whether it buys.
    price : float64[E]
        The limit a unit, in credits.
    quantity : int64[E]
        Units.

    Notes
    -----
    Trader and side are read where an order is submitted, price and quantity also where it is replaced;
    elsewhere they may be anything legal.
    """

    action: Ints
    order: Ints
    trader: Ints
    is_bid: Bools
    price: Floats
    quantity: Ints

    @classmethod
    def of(
        cls,
        *,
        order: npt.ArrayLike,
        trader: npt.ArrayLike,
        is_bid: npt.ArrayLike,
        price: npt.ArrayLike,
        quantity: npt.ArrayLike | None = None,
        action: npt.ArrayLike | None = None,
    ) -> "BookEvents":
        """Copy, validate and freeze the columns; cost O(E).

        By default every event submits an order of one unit.

        Raises
        ------
        InputError
            If columns differ in length, a price is NaN, infinite or negative, a quantity is below 1, an
            action unknown, a number negative, or `is_bid` not of truth values.
        """
        count = np.size(order)
        side = np.array(is_bid)
        if side.size and side.dtype.kind != "b":
            raise InputError(f"events.is_bid must hold truth values; got {side.dtype}")
        side = side.astype(np.bool_)
        freeze(side)
        events = cls(
            action=whole_numbers("events.action", np.full(count, SUBMIT) if action is None else action),
            order=whole_numbers("events.order", order),
            trader=whole_numbers("events.trader", trader),
            is_bid=side,
            price=amounts("events.price", price),
            quantity=whole_numbers(
                "events.quantity", np.ones(count, int) if quantity is None else quantity, 1
            ),
        )
        for field in ("action", "trader", "is_bid", "price", "quantity"):
            rows = getattr(events, field).size
            if rows != count:
                raise InputError(f"events.{field} must have as many rows as order ({count}); got {rows}")
        require(events.action <= REPLACE, events.action, "events.action", f"{SUBMIT}, {CANCEL} or {REPLACE}")
        return events

    def __len__(self) -> int:
        return len(self.order)

    def rows(self) -> Iterator[tuple[int, int, int, bool, float, int]]:
        """Iterate over (action, order, trader, is_bid, price, quantity) as plain Python numbers."""
        columns = (self.action, self.order, self.trader, self.is_bid, self.price, self.quantity)
        return zip(*(column.tolist() for column in columns), strict=True)

    def check_orders(self, known: Container[int]) -> None:
        """Raise an ``InputError`` if an order is submitted twice, or changed before it is submitted.

        Parameters
        ----------
        known : container of int
            Numbers of orders that were submitted before these events.
        """
        numbers, number = np.unique(self.order, return_inverse=True)
        earlier = np.array([order in known for order in numbers.tolist()], dtype=bool)[number]
        new = np.flatnonzero(self.action == SUBMIT)
        first = np.full(len(numbers), len(self))
        np.minimum.at(first, number[new], new)
        once = np.ones(len(self), dtype=bool)
        once[new] = ~earlier[new] & (first[number[new]] == new)
        require(once, self.order, "events.order", "a number that was not used before, where it submits")
        there = (self.action == SUBMIT) | earlier | (first[number] < np.arange(len(self)))
        require(there, self.order, "events.order", "the number of an order that was submitted before")


@dataclass(frozen=True, eq=False)
class Fills:
    """Trades of a batch of events, F rows in the order in which they were made.

    Attributes
    ----------
    event : int64[F]
        The event that made each trade.
    incoming, standing : int64[F]
        Numbers of the two orders.
    buyer, seller : int64[F]
        Their traders.
    price : float64[F]
        A unit, in credits: that of the standing order.
    quantity : int64[F]
        Units.
    """

    event: Ints
    incoming: Ints
    standing: Ints
    buyer: Ints
    seller: Ints
    price: Floats
    quantity: Ints

    @classmethod
    def of(cls, event: Sequence[int], fills: Sequence[Fill]) -> "Fills":
        """Make the columns from the number of the event and the fields of each trade; cost O(F)."""
        whole = np.array(
            [(f.incoming, f.standing, f.buyer, f.seller, f.quantity) for f in fills], dtype=np.int64
        )
        incoming, standing, buyer, seller, quantity = whole.reshape(-1, 5).T.copy()
        price = np.array([f.price for f in fills], dtype=np.float64)
        made_by = np.array(event, dtype=np.int64)
        for column in (made_by, incoming, standing, buyer, seller, price, quantity):
            freeze(column)
        return cls(made_by, incoming, standing, buyer, seller, price, quantity)

    def __len__(self) -> int:
        return len(self.event)


def whole_number(field: str, value: int, least: int) -> int:
    """Return a whole number that is at least `least`."""
    if not hasattr(value, "__index__") or operator.index(value) < least:
        raise InputError(f"{field} must be a whole number of at least {least}; got {value!r}")
    return operator.index(value)


def price_of(value: float) -> float:
    """Return a finite price that is not negative."""
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"price must be finite and not negative; got {value!r}")
    return float(value)
