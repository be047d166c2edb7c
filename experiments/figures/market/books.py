"""Demand and supply of one position in one round, as the records tell them.

On the venue books a buyer makes one bid for one unit of a grade and a listing offers copies at one ask; on
the others every (buyer, listing) pair is a market of its own.

Core Objects: Curves, Place, quoted, true, busiest, at
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from markets.books.margin import Margin
from markets.columns import Floats, Ints
from markets.orders.venues import ask_quotes, bid_quotes


@dataclass(frozen=True)
class Curves:
    """What each unit is bid and asked, in credits.

    Attributes
    ----------
    bids : float64[B]
        Falling.
    asks : float64[U]
        Rising.
    """

    bids: Floats
    asks: Floats

    @cached_property
    def margin(self) -> Margin:
        """Where demand meets supply: the quantity, and the least and largest price that clear the market."""
        return Margin.of(self.bids, self.asks)

    @property
    def price(self) -> float:
        """The middle of the clearing prices, in credits; NaN where no unit is bid what it is asked."""
        return float(self.margin.low + self.margin.high) / 2 if self.margin.quantity else np.nan


class Place(NamedTuple):
    """A market: the position of one round in one world."""

    arm: str
    replicate: int
    round: int
    position: int


def at(table: pd.DataFrame, place: Place) -> pd.DataFrame:
    """Return the rows of a table (`orders`, `trials` or `trades`) that belong to a market."""
    chosen = np.ones(len(table), dtype=bool)
    for column, value in place._asdict().items():
        chosen &= (table[column] == value).to_numpy()
    return table[chosen]


def busiest(trades: pd.DataFrame, arm: str) -> Place | None:
    """Return the market of an arm with most trades, the latest of several; None where nothing was traded."""
    settled = trades[(trades["arm"] == arm) & trades["settled"].astype(bool)]
    if settled.empty:
        return None
    counts = settled.groupby(["replicate", "round", "position"]).size()
    return Place(arm, *(int(key) for key in counts[counts == counts.max()].index[-1]))


def quoted(orders: pd.DataFrame, capacity: int) -> Curves:
    """Return the curves of one book from its orders, those that the door refused left out.

    Parameters
    ----------
    orders : DataFrame
        Rows of one market of the table `orders`.
    capacity : int
        Buyers that a listing can have, from its licence.
    """
    came = orders[orders["outcome"] != "refused"]
    buyer, listing = (came[name].to_numpy(dtype=np.int64) for name in ("buyer", "listing"))
    sides = bid_quotes("books", buyer, np.zeros_like(buyer)), ask_quotes("books", listing)
    bids, asks = (came[name].to_numpy()[side.row] for name, side in zip(("bid", "ask"), sides, strict=True))
    return _curves(bids, asks, np.bincount(sides[1].quote, minlength=len(asks)), capacity)


def true(trials: pd.DataFrame, capacity: int) -> Curves:
    """Return the curves of one book if everybody quoted the truth, from its trials.

    A buyer's value is the mean over the grade, a listing's cost that of the dearest buyer; who expects no
    value does not come (see `markets.orders.venues`).

    Parameters
    ----------
    trials : DataFrame
        Rows of one market of the table `trials`.
    capacity : int
        Buyers that a listing can have, from its licence.
    """
    buyer, listing = (trials[name].to_numpy(dtype=np.int64) for name in ("buyer", "listing"))
    buyers, listings = bid_quotes("books", buyer, np.zeros_like(buyer)), ask_quotes("books", listing)
    values = buyers.mean(trials["value"].to_numpy())
    costs = listings.maximum(trials["cost"].to_numpy())
    comes = values > 0
    rows = np.bincount(listings.quote[comes[buyers.quote]], minlength=len(costs))
    return _curves(values[comes], costs, rows, capacity)


def _curves(bids: Floats, asks: Floats, rows: Ints, capacity: int) -> Curves:
    """Return the curves; a listing with so many `rows` offers a unit to each of them, at most `capacity`."""
    return Curves(-np.sort(-bids), np.sort(np.repeat(asks, np.minimum(rows, capacity))))
