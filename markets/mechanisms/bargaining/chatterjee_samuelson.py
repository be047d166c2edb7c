"""The sealed-bid double auction between two."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.matching.bargaining import pair_off, split_trades
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ChatterjeeSamuelson(Mechanism):
    """Buyer and seller seal a bid and an ask; if they cross, the price lies between them, k of the way up.

    Rule: rows with ``bid >= ask`` pair off, largest ``bid - ask`` first (see
    `markets.matching.bargaining.pair_off`); a pair with bid b and ask s trades at ``p = k b + (1 - k) s``,
    that is the buyer keeps the part 1 - k of ``bid - ask``.

    b = s is a trade. Ties of the matching go by a random order of the rows. k = 0 lets the seller make the
    offer, k = 1 the buyer (`TakeItOrLeaveIt`).

    Attributes
    ----------
    k : float
        Where between ask and bid the price lies, in [0, 1].

    Notes
    -----
    Both sides shade. For one pair with value and cost uniform on [0, 1] the linear equilibrium
    (`markets.theory.chatterjee_samuelson_bid` and ``_ask``) trades at k = 1/2 iff v >= c + 1/4 and realises
    27/32 of the gains, which no other rule without a subsidy can beat (`MyersonSatterthwaite`). Two parties
    alone cost O(1); all pairs of a market what the matching costs.

    References
    ----------
    K. Chatterjee and W. Samuelson (1983), Operations Research 31.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 4.0])
    >>> trades = ChatterjeeSamuelson(k=0.5).clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()
    ([1], [3.0])
    """

    name: str = "chatterjee_samuelson"
    k: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    venue: ClassVar[str] = "bilateral"

    @property
    def properties(self) -> Properties:
        """Truthful for a side that cannot move the price, where nobody competes for a partner."""
        alone = "no scarce listing" if self.k == 0 else "demand that does not bind"
        return Properties(
            truthful_buyers="dominant" if self.k == 0 else "no",
            truthful_sellers="dominant" if self.k == 1 else "no",
            truthful_domain=alone if self.k in (0, 1) else "",
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain="one listing a position, or no scarce listing, or demand that does not bind",
            copy_means="The seller deals with each whose bid covers its ask, at a price of its own.",
            exclusive_means="The seller deals with the buyer of the largest surplus.",
            reference="Chatterjee and Samuelson 1983, Operations Research 31",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Pair off by surplus; each pair trades between its ask and its bid."""
        pairs = pair_off(orders, self.draw_priority(orders, rng))
        return split_trades(orders, pairs, (1 - self.k) * pairs.surplus)
