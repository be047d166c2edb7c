"""Auctions of one good.

Values and costs are independent and uniform on [0, 1] unless a function says otherwise; money is in credits.
"""

import numpy as np
import numpy.typing as npt

from markets.columns import Floats


def first_price_bid(
    value: npt.ArrayLike, bidders: int, reserve: float = 0.0, exponent: float = 1.0
) -> Floats:
    """Return the equilibrium bid of a first-price auction: m/(m + 1) v + r^(m + 1) / ((m + 1) v^m).

    With m = (n - 1)/rho; for bidders neutral to risk (n - 1)/n v + r^n / (n v^(n - 1)). It solves b' = m (v -
    b)/v with b(r) = r, the first-order condition of max (v - b)^rho times the chance to win. Vickrey (1961),
    J. Finance 16; Cox, Smith and Walker (1988), J. Risk and Uncertainty 1; Krishna (2009), Auction Theory,
    ch. 2 and 4.

    Parameters
    ----------
    value : array_like
        Values in [0, 1]; a value below the reserve does not bid, NaN.
    bidders : int
        n, at least 1.
    reserve : float
        r in [0, 1].
    exponent : float
        rho in (0, 1]: a gain x is worth x^rho to a bidder; 1 is neutral to risk.
    """
    v = np.asarray(value, dtype=np.float64)
    m = (bidders - 1) / exponent
    positive = np.where(v > 0, v, 1.0)
    bid = (m * v + reserve * (reserve / positive) ** m) / (m + 1)
    return np.where(v >= reserve, bid, np.nan)


def risk_averse_bid(value: npt.ArrayLike, bidders: int, exponent: float) -> Floats:
    """Return the equilibrium bid of a first-price auction among risk-averse bidders: (n - 1)/(n - 1 + rho) v.

    Everybody's utility of a gain x is x^rho (constant relative risk aversion 1 - rho): the more averse, the
    higher the bid. Cox, Smith and Walker (1988), J. Risk and Uncertainty 1.

    Parameters
    ----------
    value : array_like
        Values in [0, 1].
    bidders : int
        n, at least 2.
    exponent : float
        rho in (0, 1]; 1 is neutral to risk.
    """
    return np.asarray(value, dtype=np.float64) * ((bidders - 1) / (bidders - 1 + exponent))


def first_price_reply(value: npt.ArrayLike, bidders: int, slope: float, exponent: float = 1.0) -> Floats:
    """Return the best reply in a first-price auction to rivals who bid `slope` times their values.

    The chance to win with b is (b / slope)^(n - 1), so that the reply (n - 1)/(n - 1 + rho) v does not depend
    on the slope but for the rivals' highest bid, which is enough to win. With the equilibrium slope it is the
    equilibrium bid. Cox, Smith and Walker (1988), J. Risk and Uncertainty 1.

    Parameters
    ----------
    value : array_like
        Values in [0, 1].
    bidders : int
        n, at least 2.
    slope : float
        The rivals' bid over their value, above 0.
    exponent : float
        rho in (0, 1], as in `risk_averse_bid`.
    """
    return np.minimum(risk_averse_bid(value, bidders, exponent), slope)


def all_pay_bid(value: npt.ArrayLike, bidders: int) -> Floats:
    """Return the equilibrium bid of an all-pay auction: (n - 1)/n v^n; 0 for one bidder.

    The seller expects the revenue of the other auctions, `auction_revenue`: n times the mean bid, (n - 1)/(n
    (n + 1)). Krishna and Morgan (1997), J. Economic Theory 72.

    Parameters
    ----------
    value : array_like
        Values in [0, 1].
    bidders : int
        n, at least 1.
    """
    return (bidders - 1) / bidders * np.asarray(value, dtype=np.float64) ** bidders


def auction_revenue(bidders: int, reserve: float = 0.0) -> float:
    """Return the expected revenue of a first- or second-price auction with a reserve.

    n r^n (1 - r) + (n - 1)(1 - r^n) - n (n - 1)(1 - r^(n + 1))/(n + 1); without a reserve (n - 1)/(n + 1).
    Vickrey (1961), J. Finance 16; Myerson (1981), Math. Operations Research 6.
    """
    n, r = bidders, reserve
    return n * r**n * (1 - r) + (n - 1) * (1 - r**n) - n * (n - 1) * (1 - r ** (n + 1)) / (n + 1)


def second_price_revenue_variance(bidders: int) -> float:
    """Return the variance of the revenue of a second-price auction: 2 (n - 1)/((n + 1)^2 (n + 2)).

    That of the second largest of n values. Krishna (2009), Auction Theory, ch. 2.
    """
    n = bidders
    return 2 * (n - 1) / ((n + 1) ** 2 * (n + 2))


def first_price_revenue_variance(bidders: int) -> float:
    """Return the variance of the revenue of a first-price auction: (n - 1)/(2 n) of the second price's.

    That of (n - 1)/n times the largest of n values: the same mean at less risk to the seller. Krishna (2009),
    Auction Theory, ch. 2.
    """
    return (bidders - 1) / (2 * bidders) * second_price_revenue_variance(bidders)


def all_pay_revenue_variance(bidders: int) -> float:
    """Return the variance of the revenue of an all-pay auction: (n - 1)^2/n (1/(2n + 1) - 1/(n + 1)^2).

    That of the sum of n independent bids (n - 1)/n v^n. Krishna and Morgan (1997), J. Economic Theory 72.
    """
    n = bidders
    return (n - 1) ** 2 / n * (1 / (2 * n + 1) - 1 / (n + 1) ** 2)


def auction_bidders_surplus(bidders: int) -> float:
    """Return the bidders' expected joint surplus without a reserve: 1/(n + 1). Vickrey (1961)."""
    return 1 / (bidders + 1)
