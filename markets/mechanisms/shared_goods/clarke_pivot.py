"""The pivot mechanism of Clarke."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.accounts.money import Money
from markets.matching.commons import ALL_OR_NOBODY, NOT_EXCLUSIVE, Projects
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.levies import Levies
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ClarkePivot(Mechanism):
    """The block is released to all bidders if they value it at its cost; who turns the decision pays.

    Rule: the release of a listing costs C, `cost`, and the sum of its bidders' asks; bidder i would pay the
    share c_i of it, and its net value is ``bid_i - c_i``. If the net values sum to 0 or more, everybody gets
    the block and pays its share, also those worth less than it. A bidder without whom the decision would be
    the other one is pivotal: it pays the others' loss besides, ``abs(sum of net_j, j other than i)``, as part
    of its price or, where nothing is released, as a levy. The seller receives the shares, the broker the
    taxes: returning them would spoil the incentives.

    A buyer stands for the rows with its largest ``bid - ask``, as many as its demand for a position; ties go
    by a random order of the rows. Where the cost is 0 the block is free and nobody is pivotal.

    Attributes
    ----------
    cost : float
        C of every listing, in credits.
    shares : str
        ``own`` (a bidder's ask and an equal share of C) or ``equal`` (an equal share of the whole cost).

    Notes
    -----
    No bidder's report moves what it pays but by the decision, and it pays what its decision costs the
    others: truth is dominant. Nobody can stay away, so that some lose. Taxes are smaller the more bidders
    there are. A closed form for one project is `markets.theory.clarke_taxes`. O(R log R).

    References
    ----------
    E. Clarke (1971), Public Choice 11.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 1.0], ask=[0.0, 0.0])
    >>> trades = ClarkePivot(cost=4.0).clear(orders, np.random.default_rng(0))
    >>> trades.paid.tolist(), trades.received.tolist()
    ([3.0, 2.0], [2.0, 2.0])
    >>> trades = ClarkePivot(cost=8.0).clear(orders, np.random.default_rng(0))
    >>> len(trades), trades.levies.paid.tolist()
    (0, [1.0])
    """

    name: str = "clarke_pivot"
    cost: Money = 0.0
    shares: Annotated[str, Field(pattern="^(own|equal)$")] = "own"
    venue: ClassVar[str] = "listings"
    money_fields: ClassVar[tuple[str, ...]] = ("cost",)

    @property
    def properties(self) -> Properties:
        """Truthful for buyers where they stand for all the rows they want; some may lose."""
        return Properties(
            truthful_buyers="dominant",
            truthful_domain="one listing a position, or demand that does not bind",
            budget="weak",
            individually_rational=False,
            pooled=self.shares == "equal",
            efficient=True,
            efficient_domain=ALL_OR_NOBODY,
            licences=("copy",),
            copy_means="Everybody gets the block, at its share of the cost, if the values cover it.",
            exclusive_means=NOT_EXCLUSIVE,
            reference="Clarke 1971, Public Choice 11",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Release what is worth its cost and tax the pivotal."""
        projects = Projects.of(orders, self.draw_priority(orders, rng), self.cost)
        if self.shares == "equal":
            share = (projects.cost / projects.size)[projects.lot]
        else:
            share = projects.ask + (self.cost / projects.size)[projects.lot]
        others = (projects.pool - projects.cost)[projects.lot] - (projects.bid - share)
        tax = np.where(projects.released, -others, others).clip(min=0)
        held = ~projects.released
        levies = Levies.of(projects.row[held], tax[held], np.zeros(held.sum()))
        return projects.release(share + tax, share, levies)
