"""The second-price auction."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.matching.deferred_acceptance import stable_matching
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class SecondPrice(Mechanism):
    """A listing goes to the largest surpluses; a winner pays the seller's ask plus the best losing surplus.

    Rule: rows with ``bid >= ask`` are matched, largest ``bid - ask`` first. With z the largest surplus that
    the listing refused (0 if it refused nobody), the winner of row r pays ``ask[r] + z`` and the seller
    receives it. With k copies all winners pay the same surplus price, the largest refused one. Where all asks
    of a listing are its reserve, this is the textbook rule: the larger of the reserve and the highest losing
    bid.

    Ties go by a random order of the rows; the winner of a tie gains nothing. A single bidder pays its ask. A
    price of 0 is a sale at 0. Unlimited copies refuse nobody and are sold at the ask.

    Notes
    -----
    A buyer that another listing consoled is no losing bidder: it never proposed, so it does not set a price.
    With several scarce listings and demand that binds, a buyer can therefore gain by misreporting;
    `Assignment` does not have this flaw.

    References
    ----------
    W. Vickrey (1961), J. Finance 16.

    Examples
    --------
    >>> orders = Orders.of(
    ...     buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 1.0], capacity=[1, 1]
    ... )
    >>> trades = SecondPrice().clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()
    ([1], [3.0])
    """

    name: str = "second_price"
    venue: ClassVar[str] = "listings"

    @property
    def properties(self) -> Properties:
        """Truthful for buyers where listings do not compete for a buyer's last place."""
        return Properties(
            truthful_buyers="dominant",
            truthful_domain="one listing a position, or unlimited copies, or demand that does not bind",
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain="one listing a position, or no scarce listing, or demand that does not bind",
            copy_means="Without scarcity the price collapses to the ask.",
            exclusive_means="The largest surplus wins and pays its ask plus the second largest surplus.",
            reference="Vickrey 1961, J. Finance 16",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Match by surplus; winners pay their ask plus the best refused surplus of the listing."""
        priority = self.draw_priority(orders, rng)
        won, refused = stable_matching(orders, orders.surplus >= 0, orders.surplus, orders.surplus, priority)
        best_refused = np.zeros(len(orders))
        np.maximum.at(best_refused, orders.lot[refused], orders.surplus[refused])
        # In exact numbers the bid is never exceeded; the minimum takes back the rounding of ask + (bid -
        # ask).
        price = np.minimum(orders.bid, orders.ask + best_refused[orders.lot])[won]
        return Trades.of(orders, np.flatnonzero(won), price, price)
