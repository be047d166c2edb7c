"""What traders hear of a round: shouts, one after another.

The classical traders of the continuous double auction learn from every shout (a bid or an ask, accepted or
not) in the order in which they came. Here the n-th shouts of all markets are heard together, so a round costs
as many steps as its busiest market had shouts, whatever the number of markets and organisations.

In a sealed market only trades are public. A trader's own quote that did not trade is then a shout that it
alone heard, after all others.

What a trader learns is kept by *seat*, one for buying and one for selling for each organisation: arrays
[organisations, 2]. An organisation that trades in several markets has one seat for all of them; when it hears
several markets at once, it moves by the mean of what they teach.

Core Objects: BUYING, SELLING, Traders, Heard, traders_of, waves, hear, own_refusals, mean_by_seat
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agents.strategies.base import OutcomeView, Tape
from markets.columns import Bools, Floats, Ints

BUYING, SELLING = 0, 1
"""The seats of an organisation."""


@dataclass(frozen=True)
class Traders:
    """Who hears a round: T traders, one for each (organisation, side, market), sorted.

    Attributes
    ----------
    seat : int64 [T]
        ``2 * organisation + side``, an index into flattened arrays [organisations, 2].
    position : int64 [T]
        The market.
    is_buyer : bool [T]
        The side.
    limit : float64 [T]
        What a unit is worth or costs, credits; the mean over the listings that the trader could quote on.
    active : bool [T]
        Whether it has not traded this time.
    refused : float64 [T]
        Its best quote that did not trade in a sealed market, credits; NaN if there is none.
    """

    seat: Ints
    position: Ints
    is_buyer: Bools
    limit: Floats
    active: Bools
    refused: Floats

    def __len__(self) -> int:
        return len(self.seat)


@dataclass(frozen=True)
class Heard:
    """One shout for each of H traders.

    Attributes
    ----------
    trader : int64 [H]
        Who hears it, an index into `Traders`.
    is_bid : bool [H]
        Whether a buyer made it.
    accepted : bool [H]
        Whether it traded.
    price : float64 [H]
        The price of the trade, or the quote that was not accepted; credits.
    """

    trader: Ints
    is_bid: Bools
    accepted: Bools
    price: Floats


def traders_of(view: OutcomeView) -> Traders:
    """Return the traders of a round's outcome; buyers to whom a unit is worth nothing are left out.

    Cost grows with the R rows of the view as R log R, or R where each trader has one row and they are sorted.
    """
    rows = np.flatnonzero((view.limit > 0) | (~view.is_buyer & ~np.isnan(view.limit)))
    side = np.where(view.is_buyer[rows], BUYING, SELLING)
    key = (2 * view.organisation[rows] + side) * view.positions + view.position[rows]
    if (np.diff(key) > 0).all():
        trader = np.arange(len(key))
    else:
        key, trader = np.unique(key, return_inverse=True)
    seat, position = np.divmod(key, view.positions)
    count = np.bincount(trader, minlength=len(key))
    traded = np.bincount(trader, view.units[rows], len(key)) > 0
    limit = np.bincount(trader, view.limit[rows], len(key)) / np.maximum(count, 1)
    is_buyer = seat % 2 == BUYING
    refused = _best_refused(view, rows, trader, is_buyer)
    return Traders(
        seat=seat, position=position, is_buyer=is_buyer, limit=limit, active=~traded, refused=refused
    )


def _best_refused(view: OutcomeView, rows: Ints, trader: Ints, is_buyer: Bools) -> Floats:
    """Return the highest bid or lowest ask of each trader that did not trade and that the tape hides."""
    open_outcry = np.zeros(view.positions, dtype=bool)
    open_outcry[view.tape.position[np.isnan(view.tape.price)]] = True
    hidden = (view.units[rows] == 0) & ~open_outcry[view.position[rows]]
    towards = np.where(is_buyer, 1.0, -1.0)
    best = np.full(len(is_buyer), -np.inf)
    quote = np.where(hidden, view.quote[rows] * towards[trader], np.nan)
    np.fmax.at(best, trader, quote)
    return np.where(np.isfinite(best), best * towards, np.nan)


def waves(tape: Tape, latest: int) -> Iterator[Ints]:
    """Yield the tape's quotes in waves that hold one quote a market at most, in the tape's order.

    Parameters
    ----------
    tape : Tape
        Q quotes.
    latest : int
        How many quotes of each market are heard, the last ones.

    Yields
    ------
    int64 [W]
        Indices into the tape, W at most the number of markets; at most `latest` waves. Cost: Q log Q.
    """
    by_market = np.argsort(tape.position, kind="stable")
    _, start, count = np.unique(tape.position[by_market], return_index=True, return_counts=True)
    rank = np.arange(len(tape)) - np.repeat(start + np.maximum(count - latest, 0), count)
    by_market, rank = by_market[rank >= 0], rank[rank >= 0]
    by_rank = by_market[np.argsort(rank, kind="stable")]
    first = 0
    for end in np.cumsum(np.bincount(rank)):
        yield by_rank[first:end]
        first = end


def hear(traders: Traders, tape: Tape, wave: Ints, positions: int) -> Heard:
    """Return who hears which quote of a wave: all traders of its market."""
    at = np.full(positions, -1)
    at[tape.position[wave]] = wave
    quote = at[traders.position]
    trader = np.flatnonzero(quote >= 0)
    quote = quote[trader]
    accepted = ~np.isnan(tape.price[quote])
    price = np.where(accepted, tape.price[quote], tape.quote[quote])
    return Heard(trader=trader, is_bid=tape.is_bid[quote], accepted=accepted, price=price)


def own_refusals(traders: Traders) -> Heard:
    """Return what each trader of a sealed market alone knows: that its own quote was not accepted."""
    trader = np.flatnonzero(~np.isnan(traders.refused))
    return Heard(
        trader=trader,
        is_bid=traders.is_buyer[trader],
        accepted=np.zeros(len(trader), dtype=bool),
        price=traders.refused[trader],
    )


def mean_by_seat(seat: Ints, lesson: Floats, seats: int) -> tuple[Ints, Floats]:
    """Return the seats that were taught anything and the mean of their lessons."""
    count = np.bincount(seat, minlength=seats)
    taught = np.flatnonzero(count)
    return taught, np.bincount(seat, lesson, seats)[taught] / count[taught]
