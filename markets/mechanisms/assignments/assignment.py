"""The assignment auction.

Core Objects: Assignment, assign_positions
"""

from functools import partial
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.columns import Floats, Ints
from markets.matching.assignment import Solver, assign, supported
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Assignment(Mechanism):
    """The best assignment of a position's listings, at prices that support it: the least, or up to the most.

    Rule: for each position, maximise the sum of ``bid - ask`` when a buyer wins at most one row and a listing
    at most as many as it has copies. Prices z support it if nobody prefers another listing at them; with p
    and P the least and the most such prices and z = (1 - k) p + k P, the winner of row r pays ``ask[r] +
    z[listing]`` and the seller receives it. With k = 0, the buyers' optimum, these payments are what the
    winner's presence costs the others (Vickrey, Clarke and Groves), so truth is dominant for buyers; with k =
    1, the sellers' optimum, a seller of one unit gets all that its unit adds, and truth is dominant for it.

    Ties depend on random orders of the buyers and of the listings. One exclusive listing is a second-price
    auction if k = 0 and a first-price auction if k = 1. A listing with more copies than bidders is sold at
    the ask. A row of surplus 0 trades only if its buyer is left with nothing else.

    Attributes
    ----------
    k : float
        Where prices lie between the buyers' optimum, 0, and the sellers', 1.

    Notes
    -----
    See `markets.matching.assignment.assign` for the method and its cost; positions are solved one after
    another.

    References
    ----------
    L. Shapley and M. Shubik (1971), Int. J. Game Theory 1; H. Leonard (1983), J. Political Economy 91;
    G. Demange, D. Gale and M. Sotomayor (1986), J. Political Economy 94.

    Examples
    --------
    Two buyers want the first house; the one with the better alternative takes it:

    >>> orders = Orders.of(
    ...     buyer=[2, 2, 3, 3], seller=[0, 1, 0, 1], listing=[0, 1, 0, 1],
    ...     bid=[9.0, 4.0, 8.0, 5.0], ask=[1.0, 1.0, 1.0, 1.0], capacity=[1, 1, 1, 1],
    ... )
    >>> trades = Assignment().clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.listing.tolist(), trades.paid.tolist()
    ([2, 3], [0, 1], [4.0, 1.0])
    """

    name: str = "assignment"
    k: Annotated[float, Field(ge=0, le=1)] = 0.0
    venue: ClassVar[str] = "listings"

    @property
    def properties(self) -> Properties:
        """Efficient everywhere, for a demand of one; truthful for the side whose optimum it takes."""
        prices = {0.0: "the least prices", 1.0: "the highest prices"}.get(self.k, "prices")
        return Properties(
            truthful_buyers="dominant" if self.k == 0 else "no",
            truthful_sellers="dominant" if self.k == 1 else "no",
            truthful_domain="a seller sells one unit" if self.k == 1 else "",
            budget="strong",
            individually_rational=True,
            efficient=True,
            copy_means="Every buyer takes the block with its largest surplus, at the ask.",
            exclusive_means=f"Blocks go where they add most, at {prices} that nobody would swap at.",
            reference="Leonard 1983, J. Political Economy 91",
            max_demand=1,
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Assign each position; winners pay their ask plus a supporting price."""
        line = self.draw(orders, rng).line(orders)
        solve = partial(supported, k=self.k)
        row, markup = assign_positions(orders, line, orders.surplus, solve, sold_out=self.k > 0)
        # In exact numbers the bid is never exceeded; the minimum takes back rounding.
        price = np.minimum(orders.bid[row], orders.ask[row] + markup)
        return Trades.of(orders, row, price, price)


def assign_positions(
    orders: Orders, rows: Ints, surplus: Floats, solve: Solver, sold_out: bool = False
) -> tuple[Ints, Floats]:
    """Assign the listings of each position among the given rows.

    Parameters
    ----------
    orders : Orders
        Of which `surplus`, float64[R] in credits, is a part or the whole; negative rows are left out.
    rows : int64[Q]
        Rows that may trade; their order breaks ties.
    solve, sold_out
        See `markets.matching.assignment.assign`.

    Returns
    -------
    row : int64[T]
        The rows that trade.
    markup : float64[T]
        What each winner pays above the ask, in credits.
    """
    won, markup = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
    for book in orders.books(rows[surplus[rows] >= 0]):
        best = assign(
            orders.buyer[book], orders.listing[book], surplus[book], orders.capacity[book], solve, sold_out
        )
        won.append(book[best.row])
        markup.append(best.price)
    return np.concatenate(won), np.concatenate(markup)
