"""Hold a mechanism that declares truth dominant to what that means for a single quote.

Truth is a best reply to anything iff a better quote never loses what a worse one wins, and a winner's gain is
its distance to the critical value, the quote at which it starts to win (Myerson 1981, Math. of Operations
Research 6). So payments need not be known to be checked: a bisection over quotes finds them.
"""

from collections.abc import Callable

import numpy as np

from markets.columns import Bools, Floats, Ints
from markets.mechanisms.base import Mechanism
from markets.orders.orders import Orders
from markets.orders.variations import vary
from markets.orders.venues import ask_quotes, bid_quotes

_GRID = 7
_PARTS = 16
_ROUNDS = 6
"""A search that cuts what is left to a sixteenth: to 6e-8 of the range of quotes."""


def check_critical_values(mechanism: Mechanism, orders: Orders, side: str, seed: int = 0) -> int:
    """Check monotone allocation and payment by critical value for every quote of a side.

    Everybody reports the given bids and asks but for one quote (`markets.orders.venues`), which takes values
    from hopeless to lossless. The luck is the same in all clearings.

    Parameters
    ----------
    mechanism : Mechanism
        The rule under test.
    orders : Orders
        Reports without ties between quotes, which the bisection could not tell from jumps.
    side : str
        ``buyers`` or ``sellers``; a quote of theirs wins one unit at most.
    seed : int
        Of the luck.

    Returns
    -------
    int
        How many quotes won with what was given; a test that saw none has tested little.

    Raises
    ------
    AssertionError
        If a better quote loses, or a winner's gain is not its distance to the critical value.

    Notes
    -----
    Some hundred markets a quote; those of all quotes are cleared together (`markets.orders.variations`).
    """
    buying = side == "buyers"
    quotes = (
        bid_quotes(mechanism.venue, orders.buyer, orders.position)
        if buying
        else ask_quotes(mechanism.venue, orders.listing)
    )
    told, who = (orders.bid, orders.buyer) if buying else (orders.ask, orders.seller)
    top = 2 * float(max(orders.bid.max(initial=0.0), orders.ask.max(initial=0.0)))
    hopeless, lossless = (0.0, top) if buying else (top, 0.0)

    mine = who == who[quotes.row][:, None]

    def outcomes(number: Ints, reports: Floats) -> tuple[Bools, Floats]:
        """Return, for reports [M] of quotes [M], whether they win, and what their organisations gain by them.

        The report is taken for the truth.
        """
        rows = quotes.quote == number[:, None]
        report = np.where(rows, reports[:, None], told)
        bid, ask = (report, orders.ask) if buying else (orders.bid, report)
        found = vary(mechanism, orders, bid, ask, seed)
        gains = found.won * report - found.paid if buying else found.received - found.won * report
        return (found.won & rows).any(axis=1), (gains * mine[number]).sum(axis=1)

    every, given = np.arange(len(quotes)), told[quotes.row]
    steps = np.tile(np.linspace(hopeless, lossless, _GRID), len(quotes))
    won, gains = outcomes(np.append(every, every.repeat(_GRID)), np.append(given, steps))
    wins, ladder = won[: len(quotes)], won[len(quotes) :].reshape(-1, _GRID)
    gain, without = gains[: len(quotes)], gains[len(quotes) :: _GRID]
    falls = np.flatnonzero((ladder[:, :-1] & ~ladder[:, 1:]).any(axis=1))
    if len(falls):
        raise AssertionError(f"a better quote must win what a worse one wins; quote {falls[0]} did not")
    # Whoever wins with the most hopeless quote has no critical value.
    number = np.flatnonzero(wins & ~ladder[:, 0])
    critical = given[number]
    if len(number):
        critical = _critical(
            lambda reports: outcomes(number.repeat(_PARTS - 1), reports)[0], critical, hopeless
        )
    owed = without[number] + np.abs(given[number] - critical)
    wrong = np.flatnonzero(np.abs(gain[number] - owed) > 1e-6 * top)
    if len(wrong):
        raise AssertionError(
            f"a winner must gain its distance to the critical value, {owed[wrong[0]]}; "
            f"quote {number[wrong[0]]} gained {gain[number][wrong[0]]}"
        )
    return int(wins.sum())


def _critical(wins: Callable[[Floats], Bools], win: Floats, hopeless: float) -> Floats:
    """Return the quotes [M] between those that win and one that loses where winning starts.

    `wins` takes `_PARTS` - 1 quotes for each of the M, one after the other.
    """
    lose = np.full(len(win), hopeless)
    for _ in range(_ROUNDS):
        quotes = np.linspace(lose, win, _PARTS + 1, axis=1)
        won = wins(quotes[:, 1:-1].ravel()).reshape(len(win), _PARTS - 1)
        first = 1 + np.argmax(np.column_stack([won, np.ones(len(win), dtype=bool)]), axis=1)
        win, lose = (np.take_along_axis(quotes, at[:, None], axis=1)[:, 0] for at in (first, first - 1))
    return win
