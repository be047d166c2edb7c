"""The random sampling optimal price for copies."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.matching.copies import LotTable, optimal_price, take_copies
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.luck import heads
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class RandomSamplingOptimalPrice(Mechanism):
    """Buyers of a listing are split by coins; each part is offered the best price of the other part.

    Rule: with w = ``bid - ask`` the surplus of a row, the optimal markup of a set of rows is the w_(k) with
    the largest ``k w_(k)``, w_(1) >= w_(2) >= ... >= 0, the highest of several; of an empty set it is
    infinite, no sale. Every row of a listing is offered the optimal markup z of the rows on the other side of
    the coin; it buys iff ``w >= z``, pays ``ask + z``, and the seller receives it. With equal asks c that is
    the price p with the largest profit ``(p - c) k`` from the other part.

    The coins are fair and independent, one a row, so that all may fall alike: then nothing is sold. A buyer
    takes its best offers of a position, largest ``w - z`` first, up to its demand; ties of its offers go by
    lot. Rows with ``bid < ask`` do not count.

    Notes
    -----
    Truth is dominant whatever the coins. The expected profit is at least F(2)/4.68, where F(2) is the most
    that one price can earn from two buyers or more (`markets.theory.single_price_revenue`); n equal bids of 1
    earn n (1 - 2^(1 - n)). Time O(R log R), memory O(R).

    References
    ----------
    A. Goldberg, J. Hartline and A. Wright (2001), SODA; A. Goldberg, J. Hartline, A. Karlin, M. Saks and A.
    Wright (2006), Games and Economic Behavior 55; S. Alaei, A. Malekian and A. Srinivasan (2009), EC.

    Examples
    --------
    Two buyers are on different sides half of the time, each offered what the other bids:

    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 4.0], ask=[1.0, 1.0])
    >>> sold = [RandomSamplingOptimalPrice().clear(orders, np.random.default_rng(seed)) for seed in range(9)]
    >>> sorted({(*trades.buyer.tolist(), *trades.paid.tolist()) for trades in sold})
    [(), (1, 4.0)]
    """

    name: str = "rsop"
    venue: ClassVar[str] = "listings"

    @property
    def properties(self) -> Properties:
        """Truthful for buyers, whose bids never reach their own price, whatever the coins."""
        return Properties(
            truthful_buyers="dominant",
            budget="strong",
            individually_rational=True,
            licences=("copy",),
            copy_means="Each half of the buyers is offered the other half's best price over the ask.",
            exclusive_means="Not served: the prices suppose a copy for everybody.",
            reference="Goldberg, Hartline and Wright 2001, SODA",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Offer every row the optimal price of the other side of the coin."""
        luck = self.draw(orders, rng)
        side = 2 * orders.lot + heads(luck.of("coins"))
        row = np.flatnonzero(orders.surplus >= 0)
        groups = 2 * (int(orders.lot.max(initial=-1)) + 1)
        best = np.full(groups, np.inf)
        for table in LotTable.by_size(row, side[row], orders.surplus[row]):
            best[table.name] = optimal_price(table)
        return take_copies(orders, luck.priority, best[side ^ 1])
