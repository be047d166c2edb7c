"""The first-price auction."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.matching.deferred_acceptance import stable_matching
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class FirstPrice(Mechanism):
    """Every listing goes to the largest surpluses; a winner pays what it bid.

    Rule: rows with ``bid >= ask`` are matched, largest ``bid - ask`` first (see
    `markets.matching.deferred_acceptance.stable_matching`); the winner of row r pays ``bid[r]`` and the
    seller receives it.

    Ties go by a random order of the rows. Without an eligible bid a listing is not sold; a single bidder pays
    its own bid. Where all asks of a listing are its reserve, this is the textbook auction with that reserve.

    Notes
    -----
    Bidding the value leaves nothing, so buyers shade; with n bidders uniform on [0, 1] the equilibrium bid is
    (n - 1)/n of the value (`markets.theory.first_price_bid`).

    References
    ----------
    W. Vickrey (1961), J. Finance 16; V. Krishna (2009), Auction Theory, ch. 2.

    Examples
    --------
    >>> orders = Orders.of(
    ...     buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 1.0], capacity=[1, 1]
    ... )
    >>> trades = FirstPrice().clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()
    ([1], [5.0])
    """

    name: str = "first_price"
    venue: ClassVar[str] = "listings"

    @property
    def properties(self) -> Properties:
        """Efficient for true reports wherever taking the largest surplus first is."""
        return Properties(
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain="one listing a position, or no scarce listing, or demand that does not bind",
            copy_means="Everybody whose bid covers its ask buys, at its own bid.",
            exclusive_means="The largest surplus wins and pays its bid.",
            reference="Vickrey 1961, J. Finance 16",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Match by surplus; winners pay their bids."""
        priority = self.draw_priority(orders, rng)
        won, _ = stable_matching(orders, orders.surplus >= 0, orders.surplus, orders.surplus, priority)
        return Trades.of(orders, np.flatnonzero(won), orders.bid[won], orders.bid[won])
