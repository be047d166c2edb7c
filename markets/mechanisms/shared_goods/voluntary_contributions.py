"""Voluntary contributions to a block that is released to all."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.accounts.money import Money
from markets.matching.commons import ALL_OR_NOBODY, NOT_EXCLUSIVE, Projects
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.levies import Levies
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class VoluntaryContributions(Mechanism):
    """Bids are contributions, given whatever happens; they release the block to all bidders if they suffice.

    Rule: the release of a listing costs C, `cost`, and the sum of its bidders' asks. Every bidder pays its
    bid and the seller receives it. If the bids sum to the cost or more, every bidder gets the block, also one
    that bid nothing; if not, nobody does, and the contributions are lost to those who gave them (a levy). The
    seller keeps any excess.

    A buyer contributes to the rows with its largest ``bid - ask``, as many as its demand for a position; ties
    go by a random order of the rows. Where the cost is 0 the block is free.

    Attributes
    ----------
    cost : float
        C of every listing, in credits.

    Notes
    -----
    Whoever expects the others to pay does best to give nothing. With two buyers worth 1 and a cost of 1,
    giving (1/2, 1/2) is an equilibrium, but once nobody gives, nobody gains by being the first
    (`markets.theory.is_contribution_equilibrium`); where the amount of the good is a choice too, only the top
    valuer gives (`markets.theory.voluntary_contributions`). A seller that asks too much keeps contributions
    for nothing. O(R log R).

    References
    ----------
    T. Bergstrom, L. Blume and H. Varian (1986), J. Public Economics 29.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 1.0])
    >>> trades = VoluntaryContributions(cost=6.0).clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()
    ([1, 2], [5.0, 3.0])
    >>> trades = VoluntaryContributions(cost=7.0).clear(orders, np.random.default_rng(0))
    >>> len(trades), trades.levies.paid.tolist()
    (0, [5.0, 3.0])
    """

    name: str = "voluntary_contributions"
    cost: Money = 0.0
    venue: ClassVar[str] = "listings"
    money_fields: ClassVar[tuple[str, ...]] = ("cost",)

    @property
    def properties(self) -> Properties:
        """Nothing makes a buyer say what the block is worth to it."""
        return Properties(
            budget="strong",
            individually_rational=False,
            pooled=True,
            efficient=True,
            efficient_domain=ALL_OR_NOBODY,
            licences=("copy",),
            copy_means="Everybody gets the block if the contributions cover its cost; they are kept if not.",
            exclusive_means=NOT_EXCLUSIVE,
            reference="Bergstrom, Blume and Varian 1986, J. Public Economics 29",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Collect all contributions and release what is covered."""
        projects = Projects.of(orders, self.draw_priority(orders, rng), self.cost)
        row, given = projects.row[projects.released], projects.row[~projects.released]
        levies = Levies.of(given, orders.bid[given], orders.bid[given])
        return Trades.of(orders, row, orders.bid[row], orders.bid[row], levies)
