"""The assignment auction.

Core Objects: Assignment
"""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.assignment import assign
from markets.goods import LICENCE_KINDS
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Assignment(Mechanism):
    """The best assignment of a position's listings, at the least prices that support it.

    Rule: for each position, maximise the sum of ``bid - ask`` when a buyer wins at most one row and a listing
    at most as many as it has copies. With z the least prices at which nobody prefers another listing, the
    winner of row r pays ``ask[r] + z[listing]`` and the seller receives it. These payments are also what the
    winner's presence costs the others (Vickrey, Clarke and Groves), so truth is dominant for buyers.

    Ties depend on a permutation of the rows drawn once. One listing is a second-price auction. A listing with
    room for all of its bidders is sold at the ask. A row of surplus 0 trades only if its buyer is left with
    nothing else.

    Notes
    -----
    See `markets.assignment.assign` for the method and its cost; positions are solved one after another.

    References
    ----------
    L. Shapley and M. Shubik (1971), Int. J. Game Theory 1; H. Leonard (1983), J. Political Economy 91;
    G. Demange, D. Gale and M. Sotomayor (1986), J. Political Economy 94.

    Examples
    --------
    Two buyers want the first house; the one with the better alternative takes it:

    >>> orders = Orders.of(
    ...     buyer=[2, 2, 3, 3],
    ...     seller=[0, 1, 0, 1],
    ...     listing=[0, 1, 0, 1],
    ...     bid=[9.0, 4.0, 8.0, 5.0],
    ...     ask=[1.0, 1.0, 1.0, 1.0],
    ...     capacity=[1, 1, 1, 1],
    ... )
    >>> trades = Assignment().clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.listing.tolist(), trades.paid.tolist()
    ([2, 3], [0, 1], [4.0, 1.0])
    """

    name: str = "assignment"
    venue: ClassVar[str] = "listings"

    @property
    def properties(self) -> Properties:
        """Truthful for buyers and efficient everywhere, for a demand of one."""
        return Properties(
            truthful_buyers="dominant",
            truthful_sellers="no",
            truthful_domain="",
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain="",
            licences=LICENCE_KINDS,
            copy_means="Every buyer takes the block with its largest surplus, at the ask.",
            exclusive_means="Blocks go where they add most, at the least prices that nobody would swap at.",
            reference="Leonard 1983, J. Political Economy 91",
            max_demand=1,
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Assign each position; winners pay their ask plus the least supporting price."""
        by_priority = np.argsort(self.draw_priority(orders, rng))
        eligible = by_priority[orders.surplus[by_priority] >= 0]
        rows, prices = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for book in orders.books(eligible):
            best = assign(
                orders.buyer[book], orders.listing[book], orders.surplus[book], orders.capacity[book]
            )
            rows.append(book[best.row])
            prices.append(best.price)
        row = np.concatenate(rows)
        # In exact numbers the bid is never exceeded; the minimum takes back rounding.
        price = np.minimum(orders.bid[row], orders.ask[row] + np.concatenate(prices))
        return Trades.of(orders, row, price, price)
