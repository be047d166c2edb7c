r"""Two who bargain when each knows its own number alone, and of the other's what somebody tells.

A buyer knows its value v and a seller its cost c, in credits. Of the other's number each knows that it lies
in an interval, and believes something of where in it. Under full information, with the buyer's power a, they
would trade iff v >= c, at the Nash price

    p* = (1 - a) v + a c.

Each **reads** that price: it puts in its own number, and for the other's its mean, given the interval and
that there is something to gain from trade:

    p_s = (1 - a) E[v | v in [l_v, u_v], v >= c] + a c     of the seller, never below c,
    p_b = (1 - a) v + a E[c | c in [l_c, u_c], c <= v]     of the buyer, never above v.

The price is ``p = k p_b + (1 - k) p_s``, and either side may refuse: a deal needs c <= p <= v. So a deal
costs nobody anything and what the buyer pays the seller has; what is lost are the deals that were worth
making and whose price one side refused. With intervals of length 0 both readings are p*, and no deal is lost.
With intervals of the lengths h_v and h_c that hold the numbers, ``|p - p*| <= (1 - k)(1 - a) h_v + k a h_c``.

The parties report the truth here. What information is worth to a side that names its price is told by
`offer`: take it or leave it.

Core Objects: Interval, Belief, Midpoint, seller_reading, buyer_reading, common_price, agree, offer,
disclosed_cell
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from markets.columns import Bools, Floats
from markets.refusals import InputError, require_least


@dataclass(frozen=True, eq=False)
class Interval:
    """What one side is told of the other's numbers: they lie from `low` to `high`, float64[P], in credits."""

    low: Floats
    high: Floats

    def above(self, least: npt.ArrayLike) -> "Interval":
        """Return the part from `least` on; where nothing is left of it, `least` alone."""
        return Interval(np.maximum(self.low, least), np.maximum(self.high, least))

    def below(self, most: npt.ArrayLike) -> "Interval":
        """Return the part up to `most`; where nothing is left of it, `most` alone."""
        return Interval(np.minimum(self.low, most), np.minimum(self.high, most))


class Belief(Protocol):
    """Where in an interval a number is thought to be; `markets.priors.empirical.Empirical` is one too."""

    def mean_between(self, low: npt.ArrayLike, high: npt.ArrayLike) -> Floats:
        """Return the mean of the numbers from `low` to `high`, within them, whatever the prior says."""


class Midpoint:
    """No number of an interval is likelier than another: the mean is its middle.

    A uniform prior, however wide, comes to the same where it covers the interval.
    """

    def mean_between(self, low: npt.ArrayLike, high: npt.ArrayLike) -> Floats:
        """Return (low + high)/2."""
        return (np.asarray(low, dtype=np.float64) + np.asarray(high, dtype=np.float64)) / 2


def seller_reading(cost: npt.ArrayLike, value: Interval, power: float, belief: Belief) -> Floats:
    """Return the Nash price as sellers read it, p_s, float64[P] in credits.

    Parameters
    ----------
    cost : float64[P]
        What the sellers know, in credits.
    value : Interval
        What they are told of the buyers' values. Where it lies below the cost, nothing is to be gained as far
        as the seller knows, and its reading is its cost.
    power : float
        The buyer's power a in [0, 1].
    belief : Belief
        Where they think values to be.
    """
    own = np.asarray(cost, dtype=np.float64)
    possible = value.above(own)
    reading = (1 - power) * belief.mean_between(possible.low, possible.high) + power * own
    return np.maximum(reading, own)


def buyer_reading(value: npt.ArrayLike, cost: Interval, power: float, belief: Belief) -> Floats:
    """Return the Nash price as buyers read it, p_b, float64[P]; the mirror image of `seller_reading`."""
    own = np.asarray(value, dtype=np.float64)
    possible = cost.below(own)
    reading = (1 - power) * own + power * belief.mean_between(possible.low, possible.high)
    return np.minimum(reading, own)


def common_price(buyer: npt.ArrayLike, seller: npt.ArrayLike, k: float = 0.5) -> Floats:
    """Return the price that two readings make, k p_b + (1 - k) p_s, in credits."""
    return k * np.asarray(buyer, dtype=np.float64) + (1 - k) * np.asarray(seller, dtype=np.float64)


def agree(price: npt.ArrayLike, value: npt.ArrayLike, cost: npt.ArrayLike) -> Bools:
    """Return where nobody refuses, c <= p <= v, up to the rounding of a mean of two numbers."""
    p, v, c = (np.asarray(x, dtype=np.float64) for x in (price, value, cost))
    slack = 4 * np.finfo(np.float64).eps * np.maximum(np.abs(v), np.abs(c))
    return (v >= c) & (p <= v + slack) & (p >= c - slack)


def offer(cost: npt.ArrayLike, value: Interval) -> Floats:
    """Return the best take-it-or-leave-it offer of sellers who think values uniform on the interval.

    The largest of (c + u)/2, l and c: half of the way to the highest value, unless all values are higher, or
    none is. Told more, a seller takes more of what there is and loses fewer deals: with an interval of length
    0 it has everything. Samuelson (1984), Econometrica 52; for segments of a market, Bergemann, Brooks and
    Morris (2015), American Economic Review 105.
    """
    own = np.asarray(cost, dtype=np.float64)
    return np.maximum(np.maximum((own + value.high) / 2, value.low), own)


def disclosed_cell(numbers: npt.ArrayLike, low: float, high: float, cells: int) -> Interval:
    """Return in which of `cells` equal parts of [low, high] each number lies.

    A number outside counts as the nearer end. One cell tells nothing but the range; twice as many tell more,
    since their cells nest.

    Raises
    ------
    InputError
        If `cells` is below 1 or `high` not above `low`.
    """
    require_least(1, cells=cells)
    if not high > low:
        raise InputError(f"high must be above low ({low}); got {high}")
    width = (high - low) / cells
    place = np.floor((np.asarray(numbers, dtype=np.float64) - low) / width).clip(0, cells - 1)
    return Interval(low + place * width, low + (place + 1) * width)
