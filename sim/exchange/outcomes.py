"""Outcomes: what organisations and everybody know once a round has cleared.

Core Objects: Outcomes, outcomes_of, public_tape
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.strategies import Tape
from markets.accounts.money import MICRO
from markets.columns import Floats, Ints
from markets.mechanisms import Mechanism
from markets.orders.venues import Quotes, ask_quotes, bid_quotes
from sim.exchange.tables import Charges, Deals, Prospects, Quoted

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Outcomes:
    """What every quote that could be made in a round came to.

    Attributes
    ----------
    columns : dict
        Columns [R] of `agents.strategies.OutcomeView` for everybody, bids first.
    tape : Tape
        What was public.
    listings : int
        How many were on offer.
    """

    columns: Columns
    tape: Tape
    listings: int


@dataclass(frozen=True)
class _Side:
    """One side's quotes: who makes each (by pair), what it is worth or costs, and what was said and paid."""

    quotes: Quotes
    organisation: Ints
    limit: Floats
    said: Ints
    dealt: Ints
    levied: Ints


def outcomes_of(
    mechanism: Mechanism, prospects: Prospects, quoted: Quoted, deals: Deals, charges: Charges
) -> Outcomes:
    """Return what came of the quotes of a round."""
    pairs, appraisal = prospects.pairs, prospects.appraisal
    buyers = bid_quotes(mechanism.venue, pairs.buyer, pairs.position)
    sellers = ask_quotes(mechanism.venue, pairs.listing)
    value, cost = buyers.mean(appraisal.value), sellers.maximum(appraisal.cost)
    sides = [
        _Side(buyers, pairs.buyer, value, quoted.bid, deals.paid, charges.paid),
        _Side(sellers, pairs.seller, cost, quoted.ask, deals.received, charges.received),
    ]
    found = [_columns(side, prospects, quoted, deals, charges) for side in sides]
    both = {name: np.concatenate([side[name] for side in found]) for name in found[0]}
    both["is_buyer"] = np.repeat([True, False], [len(buyers), len(sellers)])
    return Outcomes(both, public_tape(both, mechanism.open_outcry), len(prospects.listings))


def public_tape(columns: Columns, open_outcry: bool) -> Tape:
    """Return what everybody saw of a round, bids first.

    Every quote that came to the market of an open mechanism; of a sealed one what each that traded paid or
    received.

    Parameters
    ----------
    columns : dict
        Columns of `OutcomeView` for everybody.
    open_outcry : bool
        Whether the mechanism is open.
    """
    shown = ~np.isnan(columns["quote"]) if open_outcry else columns["units"] > 0
    position, is_bid, price = (columns[name][shown] for name in ("position", "is_buyer", "price"))
    return Tape(
        position=position, is_bid=is_bid, quote=columns["quote"][shown] if open_outcry else price, price=price
    )


def _columns(side: _Side, prospects: Prospects, quoted: Quoted, deals: Deals, charges: Charges) -> Columns:
    """Return the outcome of one side's quotes, by the names of `OutcomeView`."""
    quotes, number = side.quotes, len(side.quotes)
    quote = np.full(number, np.nan)
    quote[quotes.quote[quoted.row]] = side.said / MICRO
    traded = quotes.quote[deals.row[deals.settled]]
    units = np.bincount(traded, minlength=number)
    total = np.bincount(traded, side.dealt[deals.settled] / MICRO, number)
    charged = quotes.quote[quoted.row[charges.order[charges.settled]]]
    return {
        "organisation": side.organisation[quotes.row],
        "listing": prospects.pairs.listing[quotes.row],
        "position": prospects.pairs.position[quotes.row],
        "limit": side.limit,
        "quote": quote,
        "units": units,
        "price": np.divide(total, units, out=np.full(number, np.nan), where=units > 0),
        "levy": np.bincount(charged, side.levied[charges.settled] / MICRO, number).astype(np.float64),
    }
