"""Contributions that are refunded unless they reach the provision point."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.accounts.money import Money
from markets.matching.commons import ALL_OR_NOBODY, NOT_EXCLUSIVE, Projects
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ProvisionPoint(Mechanism):
    """Bids are contributions; if they reach the cost the block is released to all bidders, else refunded.

    Rule: the release of a listing costs C, `cost`, and the sum of its bidders' asks. If the bids sum to that
    or more, every bidder gets the block; else nobody gets it and nobody pays. What the bids bring above the
    cost goes by `excess`: with ``keep`` everybody pays its bid and the seller keeps it; with ``proportional``
    everybody pays its bid times cost over bids, so that the cost is met exactly.

    The seller receives all that is paid. A buyer contributes to the rows with its largest ``bid - ask``, as
    many as its demand for a position; ties go by a random order of the rows. Where the cost is 0 the block
    goes to all who bid on it, free if excess is given back.

    Attributes
    ----------
    cost : float
        C of every listing, in credits.
    excess : str
        ``keep`` or ``proportional``.

    Notes
    -----
    With ``keep`` the contributions that just reach the cost, none above its giver's value, are equilibria;
    so are those which fall so short that nobody would make up for it alone
    (`markets.theory.is_contribution_equilibrium`). O(R log R).

    References
    ----------
    M. Bagnoli and B. Lipman (1989), Review of Economic Studies 56; rebates: M. Marks and R. Croson (1998), J.
    Public Economics 67.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 1.0])
    >>> trades = ProvisionPoint(cost=2.0, excess="proportional").clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()
    ([1, 2], [2.5, 1.5])
    >>> len(ProvisionPoint(cost=7.0).clear(orders, np.random.default_rng(0)))
    0
    """

    name: str = "provision_point"
    cost: Money = 0.0
    excess: Annotated[str, Field(pattern="^(keep|proportional)$")] = "keep"
    venue: ClassVar[str] = "listings"
    money_fields: ClassVar[tuple[str, ...]] = ("cost",)

    @property
    def properties(self) -> Properties:
        """A refund takes the risk from giving, not the wish that others give."""
        return Properties(
            budget="strong",
            individually_rational=True,
            pooled=True,
            efficient=True,
            efficient_domain=ALL_OR_NOBODY,
            licences=("copy",),
            copy_means="Everybody gets the block if the contributions reach its cost, else all are refunded.",
            exclusive_means=NOT_EXCLUSIVE,
            reference="Bagnoli and Lipman 1989, Review of Economic Studies 56",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Release what is covered and charge its bidders."""
        projects = Projects.of(orders, self.draw_priority(orders, rng), self.cost)
        paid = projects.bid if self.excess == "keep" else projects.proportional_prices()
        return projects.release(paid, paid)
