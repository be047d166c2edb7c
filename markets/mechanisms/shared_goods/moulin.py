"""Equal sharing of the cost of a good that can be copied and withheld."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.accounts.money import Money
from markets.matching.copies import LotTable
from markets.matching.ranking import Ranking
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Moulin(Mechanism):
    """Those who are served share the cost of the listing equally; whoever will not pay its share drops out.

    Rule: a listing costs C once, whoever gets it. Start with all its buyers S; the share is C/|S|; drop those
    worth less than it; repeat. The S that is left is served, each at C/|S|, or nobody is. C is `cost`, and an
    ask is what the copy of that buyer costs besides: worth is ``bid - ask``, and a winner pays ``ask +
    C/|S|``.

    The seller receives what is paid: the whole cost or nothing. S is the largest set that is willing to share
    equally; whoever is worth just its share stays. A buyer stands for the rows it is worth most in, as many
    as its demand for a position; ties go by a random order of the rows.

    Attributes
    ----------
    cost : float
        C of every listing, in credits.

    Notes
    -----
    Shares fall as S grows, so no group of buyers can gain together by misreporting. The price of covering C
    exactly is that too few may be served: at worst (H_n - 1) C is lost, H_n = 1 + 1/2 + ... + 1/n
    (`markets.theory.equal_sharing_loss`). Time O(R log R), memory O(R).

    References
    ----------
    H. Moulin and S. Shenker (2001), Economic Theory 18.

    Examples
    --------
    >>> orders = Orders.of(
    ...     buyer=[1, 2, 3, 4], seller=[0] * 4, listing=[7] * 4, bid=[5.0, 3.0, 2.5, 1.0], ask=[0.0] * 4
    ... )
    >>> trades = Moulin(cost=6.0).clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()
    ([1, 2, 3], [2.0, 2.0, 2.0])
    >>> len(Moulin(cost=8.0).clear(orders, np.random.default_rng(0)))
    0
    """

    name: str = "moulin"
    cost: Money = 1e-5
    venue: ClassVar[str] = "listings"
    money_fields: ClassVar[tuple[str, ...]] = ("cost",)

    @property
    def properties(self) -> Properties:
        """Truthful for buyers, even for groups of them, where they stand for the rows they want."""
        return Properties(
            truthful_buyers="dominant",
            truthful_domain="one listing a position, or demand that does not bind",
            budget="strong",
            individually_rational=True,
            licences=("copy",),
            copy_means="The largest set of buyers that will share the listing's cost equally is served.",
            exclusive_means="Not served: a cost that is shared needs a good that is.",
            reference="Moulin and Shenker 2001, Economic Theory 18",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Serve the largest set of each listing that shares its cost."""
        priority = self.draw_priority(orders, rng)
        lots = int(orders.lot.max(initial=-1)) + 1
        worth = orders.surplus
        stands = Ranking.of(orders.seat, worth, priority, orders.demand).first(worth >= 0)
        row = np.flatnonzero(stands)
        served = np.zeros(lots, dtype=np.int64)
        wins = np.zeros(len(orders), dtype=bool)
        for table in LotTable.by_size(row, orders.lot[row], worth[row]):
            size = np.arange(1, table.value.shape[1] + 1)
            # The worths fall, so the largest set is the longest row of a table that can pay its share.
            largest = ((table.value >= self.cost / size) * size).max(axis=1)
            served[table.name] = largest
            wins[table.row] = table.place < largest[table.group]
        row = np.flatnonzero(wins)
        # In exact numbers the bid is never exceeded; the minimum takes back the rounding of ask + share.
        price = np.minimum(orders.bid[row], orders.ask[row] + self.cost / served[orders.lot[row]])
        return Trades.of(orders, row, price, price)
