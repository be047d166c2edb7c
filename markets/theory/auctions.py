"""Auctions of one good.

Values and costs are independent and uniform on [0, 1] unless a function says otherwise; money is in credits.

Core Objects: first_price_bid, auction_revenue, auction_bidders_surplus
"""

import numpy as np
import numpy.typing as npt

from markets.columns import FloatArray


def first_price_bid(value: npt.ArrayLike, bidders: int, reserve: float = 0.0) -> FloatArray:
    """Return the equilibrium bid of a first-price auction: (n - 1)/n v + r^n / (n v^(n - 1)).

    Vickrey (1961), J. Finance 16; Krishna (2009), Auction Theory, ch. 2.

    Parameters
    ----------
    value : array_like
        Values in [0, 1]; a value below the reserve does not bid, NaN.
    bidders : int
        n, at least 1.
    reserve : float
        r in [0, 1].
    """
    v = np.asarray(value, dtype=np.float64)
    positive = np.where(v > 0, v, 1.0)
    bid = (bidders - 1) / bidders * v + reserve**bidders / (bidders * positive ** (bidders - 1))
    return np.where(v >= reserve, bid, np.nan)


def auction_revenue(bidders: int, reserve: float = 0.0) -> float:
    """Return the expected revenue of a first- or second-price auction with a reserve.

    n r^n (1 - r) + (n - 1)(1 - r^n) - n (n - 1)(1 - r^(n + 1))/(n + 1); without a reserve (n - 1)/(n + 1).
    Vickrey (1961), J. Finance 16; Myerson (1981), Math. Operations Research 6.
    """
    n, r = bidders, reserve
    return n * r**n * (1 - r) + (n - 1) * (1 - r**n) - n * (n - 1) * (1 - r ** (n + 1)) / (n + 1)


def auction_bidders_surplus(bidders: int) -> float:
    """Return the bidders' expected joint surplus without a reserve: 1/(n + 1). Vickrey (1961)."""
    return 1 / (bidders + 1)
