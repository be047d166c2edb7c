"""The distribution of a sample, and prices found from samples.

Core Objects: Empirical, sample_price
"""

from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.optimize import isotonic_regression

from markets.accounts.money import Money
from markets.columns import Bools, Floats
from markets.orders.orders import Orders
from markets.priors.base import PRIORS, Prior

Guard = Annotated[float, Field(ge=0, lt=1)]


@PRIORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Empirical(Prior):
    """The distribution of a given sample of values, regular or not.

    With s_(1) >= s_(2) >= ... the sample, the k-th copy's marginal revenue is ``k s_(k) - (k - 1) s_(k-1)``.
    Ironed it is the falling sequence nearest to that, the slope of the least concave curve above the revenues
    k s_(k): the virtual value of s_(k). The monopoly price at cost c is the lowest s_(k) whose virtual value
    is at least c, which is the s_(k) with the largest ``k (s_(k) - c)``, the lowest of several.

    Attributes
    ----------
    sample : tuple of float
        At least one value, in credits.
    guard : float
        Share of the sample, from the top, that no price may fall into: a few large values tell little. With
        0 the price may be the largest value.

    Notes
    -----
    O(n log n) once, O(log n) a price.

    References
    ----------
    R. Myerson (1981), Mathematics of Operations Research 6; P. Dhangwatnotai, T. Roughgarden and Q. Yan
    (2015), Games and Economic Behavior 91 (the guard); R. Barlow, D. Bartholomew, J. Bremner and H. Brunk
    (1972), Statistical Inference under Order Restrictions.

    Examples
    --------
    One copy at 6 earns 6, four at 2 earn 8; with a cost of 1 a copy they earn 5 and 4:

    >>> prior = Empirical(sample=(6.0, 2.0, 2.0, 2.0))
    >>> prior.monopoly_price([0.0, 1.0]).tolist()
    [2.0, 6.0]
    """

    name: str = "empirical"
    sample: Annotated[tuple[Money, ...], Field(min_length=1)] = (0.0,)
    guard: Guard = 0.0
    money_fields: ClassVar[tuple[str, ...]] = ("sample",)

    @cached_property
    def falling(self) -> Floats:
        """The sample, falling, float64[n]."""
        return np.sort(np.array(self.sample, dtype=np.float64))[::-1]

    @cached_property
    def ironed(self) -> Floats:
        """The virtual value of each value of `falling`, float64[n]."""
        guarded = int(np.ceil(self.guard * len(self.falling)))
        # A price in the guarded share sells to no more than the guard's last value does.
        capped = np.minimum(self.falling, self.falling[max(guarded - 1, 0)])
        revenue = np.arange(1, len(capped) + 1) * capped
        return isotonic_regression(np.diff(revenue, prepend=0.0), increasing=False).x

    def cdf(self, value: npt.ArrayLike) -> Floats:
        """Return the share of the sample up to `value`."""
        rising = self.falling[::-1]
        return np.searchsorted(rising, np.asarray(value, dtype=np.float64), side="right") / len(rising)

    def quantile(self, probability: npt.ArrayLike) -> Floats:
        """Return the smallest value that a share `probability` of the sample does not exceed."""
        rising = self.falling[::-1]
        place = np.ceil(np.asarray(probability, dtype=np.float64) * len(rising)).astype(np.int64) - 1
        return rising[np.clip(place, 0, len(rising) - 1)]

    def virtual_value(self, value: npt.ArrayLike) -> Floats:
        """Return the ironed virtual value, a step function: minus infinity below the sample."""
        v = np.asarray(value, dtype=np.float64)
        place = np.searchsorted(-self.falling, -v, side="left")
        return np.append(self.ironed, -np.inf)[place]

    def monopoly_price(self, cost: npt.ArrayLike = 0.0) -> Floats:
        """Return the lowest value with a virtual value of at least `cost`; the cost if there is none."""
        c = np.asarray(cost, dtype=np.float64)
        sold = np.searchsorted(-self.ironed, -c, side="right")
        return np.maximum(np.where(sold > 0, self.falling[np.maximum(sold, 1) - 1], c), c)

    def mean_between(self, low: npt.ArrayLike, high: npt.ArrayLike) -> Floats:
        """Return the mean of the sample's values from `low` to `high`.

        Where it has none there, what lies next to the mean of all.
        """
        least, most = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        rising = self.falling[::-1]
        total = np.concatenate([[0.0], np.cumsum(rising)])
        first, last = np.searchsorted(rising, least, "left"), np.searchsorted(rising, most, "right")
        count = np.maximum(last - first, 0)
        mean = np.where(count > 0, (total[last] - total[first]) / np.maximum(count, 1), rising.mean())
        return np.clip(mean, least, most)

    def price(self, orders: Orders) -> Floats:
        """Return the monopoly price at each ask, [R]."""
        return self.monopoly_price(orders.ask)


def sample_price(value: Floats, counted: Bools, cost: Floats, least: int, guard: float) -> Floats:
    """Return for each row the monopoly price of a sample of its own; the cost where that is too small.

    Parameters
    ----------
    value : float64[R, M]
        Falling along each row, in credits.
    counted : bool[R, M]
        Which values are in the row's sample.
    cost : float64[R]
        In credits.
    least : int
        Values that a sample must have for a price.
    guard : float
        As in `Empirical`.

    Notes
    -----
    O(R M).
    """
    rows, most = value.shape
    count = np.cumsum(counted, axis=1)
    total = count[:, -1:]
    allowed = counted & (value >= cost[:, None]) & (count >= guard * total) & (total >= least)
    profit = np.where(allowed, count * (value - cost[:, None]), -1.0)
    best = most - 1 - np.argmax(profit[:, ::-1], axis=1)
    each = np.arange(rows)
    return np.where(profit[each, best] >= 0, value[each, best], cost)
