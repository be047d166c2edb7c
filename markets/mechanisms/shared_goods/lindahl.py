"""Lindahl's personal prices."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.accounts.money import Money
from markets.matching.commons import ALL_OR_NOBODY, NOT_EXCLUSIVE, Projects
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Lindahl(Mechanism):
    """Everybody has a price of its own, in proportion to the value it reports; together they pay the cost.

    Rule: the release of a listing costs C, `cost`, and the sum of its bidders' asks. If the reported values
    sum to that or more, every bidder gets the block, and pays its bid times cost over bids; else nobody does
    and nobody pays. At these prices everybody wants the block to be released, and the prices sum to its cost:
    the two marks of a Lindahl equilibrium.

    The seller receives all that is paid. A buyer stands for the rows with its largest ``bid - ask``, as many
    as its demand for a position; ties go by a random order of the rows. Where the cost is 0 the block is
    free, and whoever bids 0 has the price 0.

    Attributes
    ----------
    cost : float
        C of every listing, in credits.

    Notes
    -----
    The outcome is that of `ProvisionPoint` with proportional rebates; here bids are meant as values, and the
    price of saying less is only that the block may not be released: hence free riding. Where the amount of
    the good is a choice too, the prices are marginal values, and equal marginal cost in sum
    (`markets.theory.lindahl_prices`). O(R log R).

    References
    ----------
    E. Lindahl (1919), Just taxation: a positive solution; P. Samuelson (1954), Review of Economics and
    Statistics 36; D. Foley (1970), Econometrica 38.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[6.0, 2.0], ask=[0.0, 3.0])
    >>> trades = Lindahl(cost=1.0).clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist(), trades.received.tolist()
    ([1, 2], [3.0, 1.0], [3.0, 1.0])
    """

    name: str = "lindahl"
    cost: Money = 0.0
    venue: ClassVar[str] = "listings"
    money_fields: ClassVar[tuple[str, ...]] = ("cost",)

    @property
    def properties(self) -> Properties:
        """Balanced, rational and, for true reports, right: so it cannot be truthful."""
        return Properties(
            budget="strong",
            individually_rational=True,
            pooled=True,
            efficient=True,
            efficient_domain=ALL_OR_NOBODY,
            licences=("copy",),
            copy_means="Everybody gets the block, at a price in proportion to its value, if that pays.",
            exclusive_means=NOT_EXCLUSIVE,
            reference="Foley 1970, Econometrica 38",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Release what is covered, at personal prices."""
        projects = Projects.of(orders, self.draw_priority(orders, rng), self.cost)
        paid = projects.proportional_prices()
        return projects.release(paid, paid)
