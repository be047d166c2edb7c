"""Nash bargaining between pairs.

Core Objects: NashBargaining
"""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.columns import BoolArray, FloatArray
from markets.goods import LICENCE_KINDS
from markets.matching import stable_matching
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders import Orders, Trades
from markets.theory import nash_split


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class NashBargaining(Mechanism):
    """Pairs form largest surplus first and split it by the Nash solution.

    Rule: rows with ``bid >= ask`` are matched, largest ``bid - ask`` first. A pair with value v, cost c and
    buyer's power a trades at ``p = (1 - a)(v - d_b) + a(c + d_s)``, where d_b and d_s are what the two have
    without this deal:

    - ``d_b = a * (the buyer's best surplus in the position among rows it does not win and whose listing would
      take it: one with a copy left, or a worse winner)``, 0 if there is none;
    - ``d_s = (1 - a) * (the largest surplus the listing refused)``, 0 while it has copies left: a seller of
      unlimited copies loses nothing by one deal more;
    - both 0 if `disagreement` is ``none``.

    A deal needs S = v - c >= d_b + d_s, and here it always is so: a buyer's row that would be accepted but is
    not won has a surplus of at most S, and so has every row that the listing refused; thus d_b + d_s <= aS +
    (1 - a)S.

    Ties of the matching go by a permutation of the rows drawn once.

    Attributes
    ----------
    buyer_power : float
        The buyer's weight a in [0, 1]; 1 gives it all that its partner can be held to.
    disagreement : str
        ``next_best`` or ``none``.

    Notes
    -----
    Bids and asks are taken for the parties' true values: bargaining under full information. Nobody is made to
    tell the truth.

    References
    ----------
    J. Nash (1950), Econometrica 18; with outside options as disagreement points, K. Binmore, A. Rubinstein
    and A. Wolinsky (1986), RAND J. Economics 17.

    Examples
    --------
    >>> orders = Orders.of(
    ...     buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 1.0], capacity=[1, 1]
    ... )
    >>> trades = NashBargaining(buyer_power=0.5).clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()  # d_s = 1, so (5 + 1 + 1) / 2
    ([1], [3.5])
    """

    name: str = "nash_bargaining"
    buyer_power: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    disagreement: Annotated[str, Field(pattern="^(next_best|none)$")] = "next_best"
    venue: ClassVar[str] = "bilateral"

    @property
    def properties(self) -> Properties:
        """Full information: efficient where largest surplus first is, truthful nowhere."""
        return Properties(
            truthful_buyers="no",
            truthful_sellers="no",
            truthful_domain="",
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain="one listing a position, or no scarce listing, or demand that does not bind",
            licences=LICENCE_KINDS,
            copy_means="The seller deals with everybody and can threaten nobody with another buyer.",
            exclusive_means="The seller's best refused buyer is its threat.",
            reference="Nash 1950, Econometrica 18",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Match by surplus; each pair trades at its Nash price."""
        priority = self.draw_priority(orders, rng)
        won, refused = stable_matching(orders, orders.surplus >= 0, orders.surplus, orders.surplus, priority)
        threat_buyer = np.zeros(len(orders))
        threat_seller = np.zeros(len(orders))
        if self.disagreement == "next_best":
            threat_buyer = self.buyer_power * _next_best(orders, won)
            threat_seller = (1 - self.buyer_power) * _best_refused(orders, refused)
        buyer_gain, _ = nash_split(
            orders.surplus[won], threat_buyer[won], threat_seller[won], self.buyer_power
        )
        # In exact numbers the price lies between ask and bid; the clip takes back rounding.
        price = np.clip(orders.bid[won] - buyer_gain, orders.ask[won], orders.bid[won])
        return Trades.of(orders, np.flatnonzero(won), price, price)


def _next_best(orders: Orders, won: BoolArray) -> FloatArray:
    """Return each row's buyer's best surplus it could have elsewhere in the position, float64[R]."""
    winners = np.bincount(orders.lot[won], minlength=len(orders))[orders.lot]
    worst_held = np.full(len(orders), np.inf)
    np.minimum.at(worst_held, orders.lot[won], orders.surplus[won])
    open_to = (winners < orders.capacity) | (orders.surplus > worst_held[orders.lot])
    available = open_to & ~won & (orders.surplus >= 0)
    best = np.zeros(len(orders))
    np.maximum.at(best, orders.seat[available], orders.surplus[available])
    return best[orders.seat]


def _best_refused(orders: Orders, refused: BoolArray) -> FloatArray:
    """Return the largest surplus that each row's listing refused, float64[R]."""
    best = np.zeros(len(orders))
    np.maximum.at(best, orders.lot[refused], orders.surplus[refused])
    return best[orders.lot]
