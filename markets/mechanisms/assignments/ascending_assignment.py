"""The ascending auction of different listings at the same time."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.accounts.money import Money
from markets.columns import Floats
from markets.matching.ascending import ascend
from markets.mechanisms.assignments.assignment import assign_positions
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class AscendingAssignment(Mechanism):
    """Prices of a position's listings rise together while more buyers want them than there are copies.

    Rule: for each position, every listing starts at its ask, with a markup of 0. At each moment a buyer likes
    best the row, or nothing, with the largest ``bid - ask - markup``. The markups of listings that too many
    buyers like best, and nothing but them, rise together until one of these buyers likes something else as
    well; this ends at the least markups that give everybody what it likes best. The winner of row r pays
    ``ask[r] + markup[listing]`` and the seller receives it: the payments of Vickrey, Clarke and Groves.

    With an increment e, prices rise in whole steps: the clock reads bids in multiples of e above the ask, and
    the rule is that of ``e * floor((bid - ask) / e)``. Each winner's surplus is read less than e too low, so
    of the first best less than e min(m, n) is lost, m buyers and n copies, and no markup is further than e
    min(m, n + 1) from the exact one: a least price is what another copy would add to the first best.

    Ties depend on random orders of the buyers and of the listings. A buyer wins at most one row of a
    position, a listing with k copies sells k units at one markup, and one with room for all of its bidders is
    sold at the ask.

    Attributes
    ----------
    increment : float
        e in credits; 0 for a clock that stops exactly where a demand changes.

    Notes
    -----
    See `markets.matching.ascending.ascend` for the steps, their number and why they end; each costs O(B U)
    with B buyers and U scarce copies of a position. `assignment` finds the same outcome faster where it is
    large.

    References
    ----------
    G. Demange, D. Gale and M. Sotomayor (1986), J. Political Economy 94; T. Andersson, C. Andersson and A.
    Talman (2013), Annals of Operations Research 211.

    Examples
    --------
    Two buyers want the first house; its price rises until one of them likes the second as much:

    >>> orders = Orders.of(
    ...     buyer=[2, 2, 3, 3], seller=[0, 1, 0, 1], listing=[0, 1, 0, 1],
    ...     bid=[9.0, 4.0, 8.0, 5.0], ask=[1.0, 1.0, 1.0, 1.0], capacity=[1, 1, 1, 1],
    ... )
    >>> trades = AscendingAssignment().clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.listing.tolist(), trades.paid.tolist()
    ([2, 3], [0, 1], [4.0, 1.0])
    """

    name: str = "ascending_assignment"
    increment: Money = 0.0
    venue: ClassVar[str] = "listings"
    money_fields: ClassVar[tuple[str, ...]] = ("increment",)

    @property
    def properties(self) -> Properties:
        """Truthful for buyers and efficient, for a demand of one, as far as the increment allows."""
        domain = "surpluses in whole increments" if self.increment else ""
        return Properties(
            truthful_buyers="dominant",
            truthful_domain=domain,
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain=domain,
            copy_means="Nothing is over-demanded: every buyer takes its best block at the ask.",
            exclusive_means="Prices rise until no block is wanted by more than one buyer.",
            reference="Demange, Gale and Sotomayor 1986, J. Political Economy 94",
            max_demand=1,
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Raise the prices of each position's listings until nothing is over-demanded."""
        line = self.draw(orders, rng).line(orders)
        surplus = whole_steps(orders.surplus, self.increment) if self.increment else orders.surplus
        row, markup = assign_positions(orders, line, surplus, ascend)
        # In exact numbers the bid is never exceeded; the minimum takes back rounding.
        price = np.minimum(orders.bid[row], orders.ask[row] + markup)
        return Trades.of(orders, row, price, price)


def whole_steps(amount: Floats, step: float) -> Floats:
    """Return the largest multiples of `step` that are not above the amounts.

    An amount within rounding of a multiple is that multiple.
    """
    steps = amount / step
    nearest = np.rint(steps)
    exact = np.abs(steps - nearest) <= 1e-9 * np.maximum(1.0, np.abs(steps))
    return step * np.where(exact, nearest, np.floor(steps))
