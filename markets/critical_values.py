"""Hold a mechanism that declares truth dominant to what that means for a single quote.

Truth is a best reply to anything iff a better quote never loses what a worse one wins, and a winner's gain is
its distance to the critical value, the quote at which it starts to win (Myerson 1981, Math. of Operations
Research 6). So payments need not be known to be checked: a bisection over quotes finds them.

Core Objects: check_critical_values
"""

from collections.abc import Callable

import numpy as np

from markets.columns import BoolArray
from markets.mechanisms.base import Mechanism
from markets.orders import Orders
from markets.venues import ask_quotes, bid_quotes

_GRID = 7
_HALVINGS = 30


def check_critical_values(mechanism: Mechanism, orders: Orders, side: str, seed: int = 0) -> int:
    """Check monotone allocation and payment by critical value for every quote of a side.

    Everybody reports the given bids and asks but for one quote (`markets.venues`), which takes values from
    hopeless to lossless. The luck is the same in all clearings.

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
    Some forty clearings a quote.
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

    def outcome(rows: BoolArray, quote: float) -> tuple[bool, float]:
        """Return whether the quote wins, and what its organisation gains if the quote is the truth."""
        report = np.where(rows, quote, told)
        market = orders.reporting(bid=report) if buying else orders.reporting(ask=report)
        trades = mechanism.clear(market, np.random.default_rng(seed))
        levies, mine = trades.levies, who == who[rows][0]
        if buying:
            gains, levied = market.bid[trades.row] - trades.paid, -levies.paid
        else:
            gains, levied = trades.received - market.ask[trades.row], levies.received
        gain = gains[mine[trades.row]].sum() + levied[mine[levies.row]].sum()
        return bool(rows[trades.row].any()), float(gain)

    winners = 0
    for number in range(len(quotes)):
        rows = quotes.quote == number
        given = float(told[rows][0])
        wins, gain = outcome(rows, given)
        ladder = [outcome(rows, float(quote))[0] for quote in np.linspace(hopeless, lossless, _GRID)]
        if ladder != sorted(ladder):
            raise AssertionError(f"a better quote must win what a worse one wins; quote {number} did not")
        if not wins:
            continue
        winners += 1
        if ladder[0]:
            continue
        critical = _critical(lambda quote, rows=rows: outcome(rows, quote)[0], given, hopeless)  # type: ignore[misc]
        distance = abs(given - critical)
        owed = outcome(rows, hopeless)[1] + distance
        if abs(gain - owed) > 1e-6 * top:
            raise AssertionError(
                f"a winner must gain its distance to the critical value, {owed}; quote {number} gained {gain}"
            )
    return winners


def _critical(wins: Callable[[float], bool], win: float, lose: float) -> float:
    """Return the quote between one that wins and one that loses where winning starts."""
    for _ in range(_HALVINGS):
        middle = (win + lose) / 2
        win, lose = (middle, lose) if wins(middle) else (win, middle)
    return win
