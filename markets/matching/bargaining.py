"""What the rules of the venue `bilateral` share: who deals with whom, and what each has without the deal.

Core Objects: Pairing, pair_off, split_trades
"""

from dataclasses import dataclass

import numpy as np

from markets.columns import Bools, Floats, Ints
from markets.matching.deferred_acceptance import stable_matching
from markets.orders.orders import Orders, Trades


@dataclass(frozen=True, eq=False)
class Pairing:
    """The pairs that deal with each other, P of them, and their alternatives.

    Attributes
    ----------
    row : int64[P]
        The order of each pair, rising.
    surplus : float64[P]
        Its bid - ask, in credits.
    next_best : float64[P]
        The buyer's best surplus in the position among rows that it does not win and whose listing would take
        it: one with a copy left, or a worse winner. 0 if there is none.
    best_refused : float64[P]
        The largest surplus that the listing refused; 0 while it has copies left, so that a seller of
        unlimited copies loses nothing by one deal more.
    """

    row: Ints
    surplus: Floats
    next_best: Floats
    best_refused: Floats

    def threats(self, buyer_share: float, disagreement: str) -> tuple[Floats, Floats]:
        """Return what buyer and seller of each pair would have elsewhere, float64[P] each, in credits.

        With the disagreement ``next_best`` the buyer its share of `next_best`, the seller the rest of
        `best_refused`; with ``none`` nothing. Together they never exceed the surplus S: a row that would be
        accepted but is not won has a surplus of S at most, and so has every row that the listing refused,
        hence aS + (1 - a)S bounds the sum.
        """
        if disagreement == "none":
            return np.zeros_like(self.surplus), np.zeros_like(self.surplus)
        return buyer_share * self.next_best, (1 - buyer_share) * self.best_refused


def pair_off(orders: Orders, priority: Ints, least: float = 0.0) -> Pairing:
    """Form pairs, largest surplus first, among the rows whose ``bid - ask`` is at least `least`.

    Asks differ between the buyers of a listing, so the surplus, not the bid, says which pair gains most. All
    bilateral rules pair off in the same way and differ in the price alone.

    Parameters
    ----------
    orders : Orders
        The pairs that may deal, with demand and capacities.
    priority : int64[R]
        Distinct numbers that break ties; smaller is better.
    least : float
        The smallest surplus that may trade, in credits.

    Notes
    -----
    The cost is that of `markets.matching.deferred_acceptance.stable_matching`.
    """
    won, refused = stable_matching(orders, orders.surplus >= least, orders.surplus, orders.surplus, priority)
    row = np.flatnonzero(won)
    return Pairing(
        row=row,
        surplus=orders.surplus[row],
        next_best=_next_best(orders, won)[row],
        best_refused=_best_refused(orders, refused)[row],
    )


def split_trades(orders: Orders, pairs: Pairing, buyer_gain: Floats) -> Trades:
    """Return the trades in which each buyer keeps `buyer_gain`, float64[P] in credits, of its pair's surplus.

    The price is ``bid - buyer_gain``; the seller has the rest, price less ask.
    """
    # In exact numbers the price lies between ask and bid; the clip takes back rounding.
    price = np.clip(orders.bid[pairs.row] - buyer_gain, orders.ask[pairs.row], orders.bid[pairs.row])
    return Trades.of(orders, pairs.row, price, price)


def _next_best(orders: Orders, won: Bools) -> Floats:
    """Return each row's buyer's best surplus it could have elsewhere in the position, float64[R]."""
    winners = np.bincount(orders.lot[won], minlength=len(orders))[orders.lot]
    worst_held = np.full(len(orders), np.inf)
    np.minimum.at(worst_held, orders.lot[won], orders.surplus[won])
    open_to = (winners < orders.capacity) | (orders.surplus > worst_held[orders.lot])
    available = open_to & ~won & (orders.surplus >= 0)
    best = np.zeros(len(orders))
    np.maximum.at(best, orders.seat[available], orders.surplus[available])
    return best[orders.seat]


def _best_refused(orders: Orders, refused: Bools) -> Floats:
    """Return the largest surplus that each row's listing refused, float64[R]."""
    best = np.zeros(len(orders))
    np.maximum.at(best, orders.lot[refused], orders.surplus[refused])
    return best[orders.lot]
