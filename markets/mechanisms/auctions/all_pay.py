"""The all-pay auction."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.matching.ranking import Ranking
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.levies import Levies
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class AllPay(Mechanism):
    """Every listing goes to the largest surpluses; whoever took part pays what it bid, winner or not.

    Rule: a row takes part if ``bid >= ask`` and it is among its buyer's best, by ``bid - ask``, as many as
    its demand for a position: a bid is sunk before the outcome is known, so nobody bids for more than it
    wants. A listing with k copies goes to the k largest surpluses that take part. Winners and losers pay
    their bids, losers by a levy, and the seller receives them all.

    Ties go by a random order of the rows. Without an eligible bid a listing is not sold and nobody pays; a
    single bidder pays its own bid. With unlimited copies everybody who takes part wins.

    Notes
    -----
    Contests, races and lobbying are all-pay auctions. With n bidders uniform on [0, 1] the equilibrium bid is
    (n - 1)/n v^n (`markets.theory.all_pay_bid`): far below the value for all but the strongest, and yet the
    seller expects what a first- or second-price auction yields. Losers lose: only on average, before the
    outcome, is nobody worse off. O(R log R).

    References
    ----------
    V. Krishna and J. Morgan (1997), J. Economic Theory 72; V. Krishna (2009), Auction Theory, ch. 3.

    Examples
    --------
    >>> orders = Orders.of(
    ...     buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 1.0], capacity=[1, 1]
    ... )
    >>> trades = AllPay().clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist(), trades.levies.paid.tolist()
    ([1], [5.0], [3.0])
    """

    name: str = "all_pay"
    venue: ClassVar[str] = "listings"

    @property
    def properties(self) -> Properties:
        """Efficient for true reports wherever every buyer takes part where it should; losers pay."""
        return Properties(
            budget="strong",
            individually_rational=False,
            efficient=True,
            efficient_domain="one listing a position, or no scarce listing, or demand that does not bind",
            copy_means="Everybody whose bid covers its ask buys, at its own bid: nobody loses.",
            exclusive_means="The largest surplus wins; everybody pays its bid.",
            reference="Krishna and Morgan 1997, J. Economic Theory 72",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Let the largest surpluses win and charge all who took part."""
        priority = self.draw_priority(orders, rng)
        surplus = orders.surplus
        takes_part = Ranking.of(orders.seat, surplus, priority, orders.demand).first(surplus >= 0)
        wins = Ranking.of(orders.lot, surplus, priority, orders.capacity).first(takes_part)
        row, lost = np.flatnonzero(wins), np.flatnonzero(takes_part & ~wins)
        levies = Levies.of(lost, orders.bid[lost], orders.bid[lost])
        return Trades.of(orders, row, orders.bid[row], orders.bid[row], levies)
