"""Orders and trades: the columns that enter and leave a mechanism.

An order is a pair: what one buyer offers and what the seller demands of that buyer for one listing. A
seller's cost depends on who buys, so asks may differ between the buyers of a listing.

Core Objects: Orders, Levies, Trades, first_best
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from markets.columns import (
    Bools,
    Floats,
    Ints,
    amounts,
    freeze,
    require,
    whole_number,
    whole_numbers,
)
from markets.goods.blocks import UNLIMITED
from markets.goods.bundles import PackageMarket
from markets.matching.assignment import transport
from markets.matching.ranking import dense_codes, first_rows, groups
from markets.orders.levies import Levies, charges
from markets.refusals import InputError


@dataclass(frozen=True, eq=False)
class Orders:
    """One row for each (buyer, listing) pair that may trade. Make it with `Orders.of`, which validates.

    Attributes
    ----------
    buyer, seller, listing : int64[R]
        Numbers of the two organisations and of the listing.
    position : int64[R]
        The block position (grade) of the listing; a call market is held for each.
    bid, ask : float64[R]
        Offered by the buyer, demanded by the seller, in credits. A row with bid < ask trades only
        where a rule pools the bids of a listing (`markets.matching.commons`).
    gain : float64[R]
        The trial's gain from trade, in nats an example.
    capacity : int64[R]
        Winners the row's listing can have, from its licence.
    contents : int64[R]
        The items of the row's listing as a bit mask, where the listings of its seller overlap: bit p stands
        for what the seller offers at block position p, alone or within a bundle. The licence is then that of
        each item. 0 is a listing that is its own only item.
    demand : int
        Blocks a buyer wants at most for a position; of rows with contents, whatever their position.
    """

    buyer: Ints
    seller: Ints
    listing: Ints
    position: Ints
    bid: Floats
    ask: Floats
    gain: Floats
    capacity: Ints
    contents: Ints
    demand: int = 1

    @classmethod
    def of(
        cls,
        *,
        buyer: npt.ArrayLike,
        seller: npt.ArrayLike,
        listing: npt.ArrayLike,
        bid: npt.ArrayLike,
        ask: npt.ArrayLike,
        position: npt.ArrayLike | None = None,
        gain: npt.ArrayLike | None = None,
        capacity: npt.ArrayLike | None = None,
        contents: npt.ArrayLike | None = None,
        demand: int = 1,
    ) -> "Orders":
        """Copy, validate and freeze the columns; cost O(R log R), O(R) where their numbers are small.

        By default there is one position, gains are 0, licences unlimited, and no listing is a bundle.

        Raises
        ------
        InputError
            If columns differ in length, an amount is NaN, infinite or negative, a pair appears twice, a
            listing has two sellers, positions, capacities or contents, a seller's overlapping listings have
            two capacities, somebody bids on its own listing, or a capacity or the demand is below 1.
        """
        rows = np.size(buyer)
        orders = cls(
            buyer=whole_numbers("orders.buyer", buyer),
            seller=whole_numbers("orders.seller", seller),
            listing=whole_numbers("orders.listing", listing),
            position=whole_numbers("orders.position", np.zeros(rows, int) if position is None else position),
            bid=amounts("orders.bid", bid),
            ask=amounts("orders.ask", ask),
            gain=amounts("orders.gain", np.zeros(rows) if gain is None else gain),
            capacity=whole_numbers(
                "orders.capacity", np.full(rows, UNLIMITED) if capacity is None else capacity, least=1
            ),
            contents=whole_numbers("orders.contents", np.zeros(rows, int) if contents is None else contents),
            demand=whole_number("orders.demand", demand, least=1),
        )
        _check(orders)
        return orders

    def __len__(self) -> int:
        return len(self.buyer)

    @cached_property
    def surplus(self) -> Floats:
        """Bid - ask, float64[R], in credits."""
        surplus = self.bid - self.ask
        freeze(surplus)
        return surplus

    @cached_property
    def lot(self) -> Ints:
        """The row's listing as a number from 0 without gaps, int64[R]."""
        return dense_codes(self.listing)

    @cached_property
    def seat(self) -> Ints:
        """The row's (buyer, position) as a number from 0 without gaps, int64[R]: what `demand` limits.

        All rows of a buyer that have contents are one seat.
        """
        place = np.where(self.contents > 0, 0, dense_codes(self.position) + 1)
        width = int(place.max(initial=0)) + 1
        return dense_codes(dense_codes(self.buyer) * width + place)

    def books(self, rows: Ints) -> list[Ints]:
        """Split row indices by position, keeping their order within each; cost O(len(rows) log len(rows))."""
        return [rows[book] for book in groups(self.position[rows])]

    def select(self, rows: Ints | Bools) -> "Orders":
        """Return the orders of the given rows, by index or mask, in that order."""
        return Orders.of(**{field: getattr(self, field)[rows] for field in _COLUMNS}, demand=self.demand)

    def reporting(self, bid: npt.ArrayLike | None = None, ask: npt.ArrayLike | None = None) -> "Orders":
        """Return the same pairs with other bids or asks (float64[R], credits)."""
        other = dataclasses.replace(
            self,
            bid=self.bid if bid is None else amounts("orders.bid", bid),
            ask=self.ask if ask is None else amounts("orders.ask", ask),
        )
        # The pairs are known to be good.
        _check_lengths(other)
        return other


_COLUMNS = ("buyer", "seller", "listing", "position", "bid", "ask", "gain", "capacity", "contents")


def _check_lengths(orders: Orders) -> None:
    """Raise an InputError if the columns of `orders` differ in length."""
    for field in _COLUMNS:
        length = len(getattr(orders, field))
        if length != len(orders):
            raise InputError(f"orders.{field} must have as many rows as buyer ({len(orders)}); got {length}")


def _check(orders: Orders) -> None:
    """Raise an InputError if the columns of `orders` do not fit each other."""
    _check_lengths(orders)
    require(orders.buyer != orders.seller, orders.buyer, "orders.buyer", "another than the row's seller")
    first = first_rows(orders.lot)
    for field in ("seller", "position", "capacity", "contents"):
        column = getattr(orders, field)
        same = column == column[first][orders.lot]
        require(same, column, f"orders.{field}", "the same in all rows of a listing")
    overlapping = np.flatnonzero(orders.contents)
    seller, copies = dense_codes(orders.seller[overlapping]), orders.capacity[overlapping]
    same = copies == copies[first_rows(seller)][seller]
    require(same, copies, "orders.capacity", "one for all contents of a seller")
    who = dense_codes(orders.buyer)
    several = np.flatnonzero(np.bincount(who)[who] > 1) if len(orders) else who
    pair = dense_codes(who[several] * len(first) + orders.lot[several])
    once = np.ones(len(orders), dtype=bool)
    once[several] = first_rows(pair)[pair] == np.arange(len(several))
    require(once, orders.buyer, "orders.buyer", "on a listing once")


@dataclass(frozen=True, eq=False)
class Trades:
    """One row for each trade, sorted by the order it came from. Make it with `Trades.of`.

    Attributes
    ----------
    orders : Orders
        The orders that were cleared.
    row : int64[T]
        The order of each trade.
    paid, received : float64[T]
        By the buyer and by the seller, in credits.
    levies : Levies
        What is charged on other rows, without a trade; none by default.
    """

    orders: Orders
    row: Ints
    paid: Floats
    received: Floats
    levies: Levies = dataclasses.field(default_factory=Levies.none)

    @classmethod
    def of(
        cls,
        orders: Orders,
        row: npt.ArrayLike,
        paid: npt.ArrayLike,
        received: npt.ArrayLike,
        levies: Levies | None = None,
    ) -> "Trades":
        """Copy, validate, sort by row and freeze.

        Raises
        ------
        InputError
            If columns differ in length, a row is unknown, trades twice or both trades and is levied, or an
            amount is NaN, infinite or negative.
        """
        levied = Levies.none() if levies is None else levies
        trades = cls(orders, *charges("trades", row, paid, received), levied)
        known = f"one of the {len(orders)} orders"
        require(trades.row < len(orders), trades.row, "trades.row", known)
        once = np.append(True, np.diff(trades.row) > 0)[: len(trades)]
        require(once, trades.row, "trades.row", "in one trade only")
        require(levied.row < len(orders), levied.row, "levies.row", known)
        require(~np.isin(levied.row, trades.row), levied.row, "levies.row", "a row that does not trade")
        return trades

    def __len__(self) -> int:
        return len(self.row)

    @property
    def buyer(self) -> Ints:
        """The buyer of each trade, int64[T]."""
        return self.orders.buyer[self.row]

    @property
    def seller(self) -> Ints:
        """The seller of each trade, int64[T]."""
        return self.orders.seller[self.row]

    @property
    def listing(self) -> Ints:
        """The listing of each trade, int64[T]."""
        return self.orders.listing[self.row]

    @property
    def broker(self) -> float:
        """What is left to the broker of trades and levies, in credits; negative for a subsidy."""
        return float(np.sum(self.paid - self.received) + np.sum(self.levies.paid - self.levies.received))


def first_best(orders: Orders) -> tuple[Ints, Floats]:
    """Return the allocation with the largest sum of surpluses that demand and licences allow.

    Parameters
    ----------
    orders : Orders
        Bids and asks taken as true values and costs.

    Returns
    -------
    rows : int64[T]
        The rows that should trade, rising; only rows with a positive surplus.
    gains : float64[T]
        Their surpluses, in credits. Allocative efficiency is realised over ``gains.sum()``.

    Notes
    -----
    Exact to the last bit of the surpluses, however far apart they are. Each buyer's best rows are the answer
    where the listings have room for them: O(R log R). The rest is a packing (see
    `markets.matching.assignment.transport`). Rows with contents are a problem of their own (see
    `markets.goods.bundles`).
    """
    single, bundled = orders.contents == 0, np.flatnonzero((orders.contents > 0) & (orders.surplus > 0))
    wanted = np.flatnonzero(single & (orders.surplus > 0))
    seat, lot = dense_codes(orders.seat[wanted]), dense_codes(orders.lot[wanted])
    rows = wanted[transport(seat, lot, orders.surplus[wanted], orders.demand, orders.capacity[wanted])]
    if len(bundled):
        best = PackageMarket.of(
            orders.seat[bundled],
            orders.seller[bundled],
            orders.contents[bundled],
            orders.surplus[bundled],
            orders.capacity[bundled],
            orders.demand,
        ).best()
        rows = np.sort(np.concatenate([rows, bundled[best]]))
    return rows.astype(np.int64), orders.surplus[rows]
