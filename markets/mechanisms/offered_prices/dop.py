"""The deterministic optimal price for copies."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.matching.copies import LotTable, optimal_price_without, take_copies
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class DeterministicOptimalPrice(Mechanism):
    """Every buyer is offered the price that would earn most from the other buyers of the listing.

    Rule: with w = ``bid - ask`` the surplus of a row, the markup z offered to row r of a listing is, of the
    other rows' surpluses w_(1) >= w_(2) >= ... >= 0, the w_(k) with the largest ``k w_(k)``; the lowest of
    several. A row buys iff ``w >= z``, pays ``ask + z``, and the seller receives it. With equal asks c that
    is the price p with the largest profit ``(p - c) k`` from the others.

    Nobody's own bid moves its offer. A buyer takes its best offers of a position, largest ``w - z`` first, up
    to its demand; ties go by a random order of the rows. Rows with ``bid < ask`` do not count. A row without
    others is made no offer: an empty sample tells no price.

    Notes
    -----
    The price tells buyers apart by the smallest difference: with ten bids of 10 and ninety of 1 the ten are
    offered 1 and the ninety 10, and 10 is earned where 100 could be. `RandomSamplingOptimalPrice` does not
    fail so. Time O(R log R), memory O(R), however the buyers are spread over the listings
    (measured for half of the rows on one listing, 1,000 to 8,000 rows: memory R^1.0).

    References
    ----------
    A. Goldberg, J. Hartline, A. Karlin, M. Saks and A. Wright (2006), Games and Economic Behavior 55.

    Examples
    --------
    >>> orders = Orders.of(
    ...     buyer=[1, 2, 3], seller=[0, 0, 0], listing=[7, 7, 7], bid=[5.0, 4.0, 1.5], ask=[1.0, 1.0, 1.0]
    ... )
    >>> trades = DeterministicOptimalPrice().clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()  # offered 4, 5 and 4
    ([1], [4.0])
    """

    name: str = "dop"
    venue: ClassVar[str] = "listings"

    @property
    def properties(self) -> Properties:
        """Truthful for buyers, whose bids never reach their own price."""
        return Properties(
            truthful_buyers="dominant",
            budget="strong",
            individually_rational=True,
            licences=("copy",),
            copy_means="Each buyer is offered the best price for the others, over the ask.",
            exclusive_means="Not served: the prices suppose a copy for everybody.",
            reference="Goldberg, Hartline, Karlin, Saks and Wright 2006, Games and Economic Behavior 55",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Offer every row the optimal price of the others."""
        priority = self.draw_priority(orders, rng)
        row = np.flatnonzero(orders.surplus >= 0)
        markup = np.full(len(orders), np.inf)
        for table in LotTable.by_size(row, orders.lot[row], orders.surplus[row]):
            markup[table.row] = optimal_price_without(table)
        return take_copies(orders, priority, markup)
