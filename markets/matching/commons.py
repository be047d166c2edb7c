"""What the rules of the commons share: a listing goes to all of its bidders or to nobody.

A listing costs C once, whoever gets it, and an ask is what the copy of that buyer costs besides, so that its
release costs C plus the asks of all its bidders. Their bids are pooled against that: some may pay less than
their ask, because others pay more, and the seller is paid for all of them together.

Core Objects: Projects, ALL_OR_NOBODY, NOT_EXCLUSIVE
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from markets.columns import Bools, Floats, Ints
from markets.matching.ranking import Ranking
from markets.orders.levies import Levies
from markets.orders.orders import Orders, Trades

ALL_OR_NOBODY = "a choice between all bidders of a listing and nobody, demand that does not bind"
"""Where the rules of the commons are efficient: a good from which nobody can be excluded."""

NOT_EXCLUSIVE = "Not served: what is released to all needs a good that can be."
"""What an exclusive licence means under them."""

_ROUNDING = 1e-12
"""A pool that misses its cost by less than this share of it covers the cost: 0.1 + 0.7 pays for 0.8."""


@dataclass(frozen=True, eq=False)
class Projects:
    """The listings of a market as public projects, L of them with M members in all.

    A buyer is a member of a listing if it stands for its row: the rows with the largest surplus ``bid - ask``
    (whatever its sign), as many as its demand for a position.

    Attributes
    ----------
    orders : Orders
        The orders they were made from.
    row : int64[M]
        The members' rows, by listing and rising bid.
    lot : int64[M]
        The listing of each member, from 0 to L - 1.
    fixed_cost : float
        C of every listing, in credits.
    """

    orders: Orders
    row: Ints
    lot: Ints
    fixed_cost: float

    @classmethod
    def of(cls, orders: Orders, priority: Ints, fixed_cost: float) -> "Projects":
        """Find the members; cost O(R log R).

        Parameters
        ----------
        orders : Orders
            The pairs, with copies for all.
        priority : int64[R]
            Distinct numbers that break a buyer's ties; smaller is better.
        fixed_cost : float
            C, in credits.
        """
        every = np.ones(len(orders), dtype=bool)
        member = Ranking.of(orders.seat, orders.surplus, priority, orders.demand).first(every)
        row = np.flatnonzero(member)
        # Sums in the order of amounts, not of rows, do not depend on how the rows are named.
        row = row[np.lexsort((orders.ask[row], orders.bid[row], orders.lot[row]))]
        return cls(
            orders, row, np.unique(orders.lot[row], return_inverse=True)[1].astype(np.int64), fixed_cost
        )

    @property
    def bid(self) -> Floats:
        """The members' bids, float64[M]."""
        return self.orders.bid[self.row]

    @property
    def ask(self) -> Floats:
        """The sellers' asks of the members, float64[M]."""
        return self.orders.ask[self.row]

    @cached_property
    def size(self) -> Ints:
        """Members of each listing, int64[L]."""
        return np.bincount(self.lot)

    @cached_property
    def pool(self) -> Floats:
        """The sum of each listing's bids, float64[L]."""
        return self._sum(self.bid)

    @cached_property
    def cost(self) -> Floats:
        """What the release of each listing costs, float64[L]: C and the sum of its asks."""
        return self._sum(self.ask) + self.fixed_cost

    @cached_property
    def covered(self) -> Bools:
        """Whether the bids of each listing cover its cost, bool[L]; just that is enough."""
        return self.pool >= self.cost * (1 - _ROUNDING)

    @property
    def released(self) -> Bools:
        """Whether each member's listing is covered, bool[M]."""
        return self.covered[self.lot]

    def proportional_prices(self) -> Floats:
        """Return the share of the cost that each member would pay in proportion to its bid, float64[M].

        Where the cost is covered the prices of a listing sum to it, and nobody's is above its bid.
        """
        pool = np.where(self.covered & (self.pool > 0), self.pool, 1.0)
        # In exact numbers the bid is never exceeded; the minimum takes back the rounding of the product.
        return np.minimum(self.bid, self.bid * (self.cost / pool)[self.lot])

    def release(self, paid: Floats, received: Floats, levies: Levies | None = None) -> Trades:
        """Return the trades of the listings that are covered, from amounts [M] for all members."""
        goes = self.released
        return Trades.of(self.orders, self.row[goes], paid[goes], received[goes], levies)

    def _sum(self, column: Floats) -> Floats:
        """Return the sum of a column [M] over the members of each listing, float64[L]."""
        return np.bincount(self.lot, column).astype(np.float64)
