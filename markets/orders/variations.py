"""Variations of one market: the same pairs with other reports, cleared side by side with the same luck.

A market has the same outcome alone and beside others (`Mechanism.clear`), so a few large clearings tell what
a rule does with any number of reports.

Core Objects: Outcomes, vary
"""

from dataclasses import dataclass

import numpy as np

from markets.columns import Bools, Floats, Ints
from markets.matching.ranking import dense_codes
from markets.mechanisms.base import Mechanism
from markets.orders.luck import GivenLuck, KeyArray, Luck
from markets.orders.orders import Orders

_AT_ONCE = 2**13
"""Rows that are cleared together."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What happens to R rows in each of M variations.

    Attributes
    ----------
    won : bool[M, R]
        Whether the row trades.
    paid, received : float64[M, R]
        By its buyer and by its seller, in credits; 0 where the row neither trades nor is levied.
    """

    won: Bools
    paid: Floats
    received: Floats


def vary(mechanism: Mechanism, orders: Orders, bid: Floats, ask: Floats, seed: int = 0) -> Outcomes:
    """Return what a rule does with each of M reports about one market, with the luck that a seed gives it.

    Parameters
    ----------
    mechanism : Mechanism
        The rule. What one that has learned does depends on names, so that its variations are cleared one by
        one.
    orders : Orders
        The pairs, R rows.
    bid, ask : float64[M, R]
        The reports, in credits; what broadcasts to this shape will do.
    seed : int
        Of the luck, the same in all variations.

    Examples
    --------
    >>> from markets.mechanisms.auctions.second_price import SecondPrice
    >>> one = {"seller": [0, 0], "listing": [0, 0], "ask": [0, 0], "capacity": [1, 1]}
    >>> orders = Orders.of(buyer=[1, 2], bid=[5, 4], **one)
    >>> vary(SecondPrice(), orders, np.array([[5.0, 4.0], [3.0, 4.0]]), orders.ask).paid.tolist()
    [[4.0, 0.0], [0.0, 3.0]]
    """
    bids, asks = np.broadcast_arrays(np.atleast_2d(bid), np.atleast_2d(ask))
    key = Luck.draw(orders, np.random.default_rng(seed)).key
    together = 1 if mechanism.memory() else max(1, _AT_ONCE // max(1, len(orders)))
    parts = [
        _cleared(mechanism, orders, bids[start : start + together], asks[start : start + together], key)
        for start in range(0, max(len(bids), 1), together)
    ]
    won, paid, received = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Outcomes(won.astype(bool), paid, received)


def _cleared(
    mechanism: Mechanism, orders: Orders, bids: Floats, asks: Floats, key: KeyArray
) -> tuple[Bools, Floats, Floats]:
    """Return won, paid and received, each [M, R], of variations in one clearing."""
    market = orders.reporting(bids[0], asks[0]) if len(bids) == 1 else _side_by_side(orders, bids, asks)
    trades = mechanism.clear(market, GivenLuck(np.tile(key, len(bids))))
    won, (paid, received) = np.zeros(bids.size, dtype=bool), np.zeros((2, bids.size))
    won[trades.row] = True
    for charges in (trades, trades.levies):
        paid[charges.row], received[charges.row] = charges.paid, charges.received
    return won.reshape(bids.shape), paid.reshape(bids.shape), received.reshape(bids.shape)


def _side_by_side(orders: Orders, bids: Floats, asks: Floats) -> Orders:
    """Return copies of a market with other reports, each in positions of its own.

    Buyers and sellers keep their numbers, which a rule may know, unless there are bundles: these compete
    across positions.
    """
    copies = len(bids)

    def apart(code: Ints) -> Ints:
        return (np.arange(copies)[:, None] * (int(code.max(initial=0)) + 1) + code).ravel()

    def same(column: Ints) -> Ints:
        return np.tile(column, copies)

    buyer, seller = same(orders.buyer), same(orders.seller)
    if orders.contents.any():
        # A trader on both sides has one name.
        names = dense_codes(np.concatenate([orders.buyer, orders.seller]))
        parties = apart(names).reshape(copies, 2, len(orders))
        buyer, seller = parties[:, 0].ravel(), parties[:, 1].ravel()
    return Orders.of(
        buyer=buyer,
        seller=seller,
        listing=apart(dense_codes(orders.listing)),
        position=apart(dense_codes(orders.position)),
        bid=bids.ravel(),
        ask=asks.ravel(),
        gain=np.tile(orders.gain, copies),
        capacity=same(orders.capacity),
        contents=same(orders.contents),
        demand=orders.demand,
    )
