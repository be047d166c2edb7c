"""What one round of textbook markets came to.

Core Objects: InducedReport, first_best_gains
"""

from dataclasses import dataclass

import numpy as np

from markets.accounts.money import HALF_A_UNIT
from markets.columns import Floats, Ints


@dataclass(frozen=True)
class InducedReport:
    """One round of M markets with b buyers and s sellers each; money in credits.

    Attributes
    ----------
    value : float64 [M, b]
        What a unit was worth to each buyer.
    cost : float64 [M, s]
        What a unit cost each seller.
    bought, sold : int64 [M, b], int64 [M, s]
        Units.
    paid : float64 [M, b]
        What each buyer paid, for units or without one.
    received : float64 [M, s]
        What each seller received.
    first_best : float64 [M]
        The largest gains that demand and licences allow.
    lowest, highest : float64 [M]
        Smallest and largest price at which a unit was bought; NaN where nothing was.
    """

    value: Floats
    cost: Floats
    bought: Ints
    sold: Ints
    paid: Floats
    received: Floats
    first_best: Floats
    lowest: Floats
    highest: Floats

    @property
    def trades(self) -> Ints:
        """Units traded, int64 [M]."""
        return self.bought.sum(axis=1)

    @property
    def gains(self) -> Floats:
        """Values less costs of the units traded, float64 [M]."""
        return (self.value * self.bought).sum(axis=1) - (self.cost * self.sold).sum(axis=1)

    @property
    def efficiency(self) -> Floats:
        """Gains over the first best, float64 [M]; NaN where that rounds to no micro-credit."""
        return np.divide(
            self.gains,
            self.first_best,
            out=np.full(len(self.gains), np.nan),
            where=self.first_best >= HALF_A_UNIT,
        )

    @property
    def buyers_profit(self) -> Floats:
        """Values less payments of each buyer, float64 [M, b]."""
        return self.value * self.bought - self.paid

    @property
    def sellers_profit(self) -> Floats:
        """Receipts less costs of each seller, float64 [M, s]."""
        return self.received - self.cost * self.sold

    @property
    def revenue(self) -> Floats:
        """What buyers paid, float64 [M]."""
        return self.paid.sum(axis=1)

    @property
    def broker(self) -> Floats:
        """What was left to the broker, float64 [M]; negative is a subsidy."""
        # Money is whole micro-credits; rounding takes back what sums of floats add.
        return np.round(self.revenue - self.received.sum(axis=1), 6)

    @property
    def price(self) -> Floats:
        """Mean payment a unit, float64 [M]; NaN where nothing was traded."""
        return np.divide(
            self.revenue, self.trades, out=np.full(len(self.trades), np.nan), where=self.trades > 0
        )


def first_best_gains(value: Floats, cost: Floats, capacity: int = 1) -> Floats:
    """Return the largest gains of each market, float64 [M], when buyers want one unit each.

    The k-th highest value meets the k-th lowest of the units' costs for as long as that gains.

    Parameters
    ----------
    value : float64 [M, b]
        What a unit is worth to each buyer, credits.
    cost : float64 [M, s]
        What each unit of a seller costs it, credits.
    capacity : int
        Units of each seller; more than there are buyers count as one a buyer.
    """
    units = np.repeat(np.sort(cost, axis=1), min(capacity, value.shape[1]), axis=1)
    short = min(value.shape[1], units.shape[1])
    best_values = -np.sort(-value, axis=1)
    return (best_values[:, :short] - units[:, :short]).clip(min=0).sum(axis=1)
