"""One buyer, one seller.

Values and costs are independent and uniform on [0, 1] unless a function says otherwise; money is in credits.
"""

import numpy as np
import numpy.typing as npt

from markets.columns import Floats


def chatterjee_samuelson_bid(value: npt.ArrayLike, k: float = 0.5) -> Floats:
    """Return the buyer's linear equilibrium bid at the price k b + (1 - k) s, where it can trade.

    v/(1 + k) + k (1 - k)/(2 (1 + k)). Chatterjee and Samuelson (1983), Operations Research 31.
    """
    return (np.asarray(value, dtype=np.float64) + k * (1 - k) / 2) / (1 + k)


def chatterjee_samuelson_ask(cost: npt.ArrayLike, k: float = 0.5) -> Floats:
    """Return the seller's linear equilibrium ask: c/(2 - k) + (1 - k)/2. Chatterjee and Samuelson (1983)."""
    return np.asarray(cost, dtype=np.float64) / (2 - k) + (1 - k) / 2


def chatterjee_samuelson_trade(k: float = 0.5) -> tuple[float, float, float]:
    """Return what comes of one pair in the linear equilibrium: chance of a trade, gains, the buyer's part.

    Bid and ask cross iff v >= c (1 + k)/(2 - k) + (1 - k)/2, a triangle of the area (1 + k)(2 - k)/8 on which
    v - c has the mean 1/2: gains (1 + k)(2 - k)/16, 9/64 at k = 1/2 and 1/8 at both ends. The mean of what is
    left to the buyer, v - p, is its value at the triangle's centroid. Chatterjee and Samuelson (1983),
    Operations Research 31.
    """
    area = (1 + k) * (2 - k) / 8
    value, cost = (5 - k) / 6, (2 - k) / 6
    price = k * chatterjee_samuelson_bid(value, k) + (1 - k) * chatterjee_samuelson_ask(cost, k)
    return area, area / 2, area * float(value - price)


def threshold_trade(threshold: float) -> tuple[float, float, float]:
    """Return what becomes of one pair that trades iff v >= c + t.

    Returns
    -------
    probability, gains : float
        Of a trade, (1 - t)^2/2, and expected from it, 1/6 - t^2/2 + t^3/3. Efficient trade is t = 0; the
        second best is t = 1/4.
    budget : float
        The most that a broker can expect to keep if truth is to be a Bayesian equilibrium and nobody to lose
        on average, the mean of (2v - 1) - 2c over trades: -1/6 + t - 3t^2/2 + 2t^3/3. Negative is a subsidy;
        0 at t = 1/4.

    Notes
    -----
    R. Myerson and M. Satterthwaite (1983), J. Economic Theory 29, theorem 1 and section 4.
    """
    t = threshold
    return (1 - t) ** 2 / 2, 1 / 6 - t**2 / 2 + t**3 / 3, -1 / 6 + t - 3 * t**2 / 2 + 2 * t**3 / 3


def best_offer(own: npt.ArrayLike, proposer: str) -> Floats:
    """Return the best take-it-or-leave-it offer: (1 + c)/2 of a seller with cost c, v/2 of a buyer.

    One pair then gains 1/8: the proposer 1/12, the other 1/24. Samuelson (1984), Econometrica 52.
    """
    return (np.asarray(own, dtype=np.float64) + (proposer == "seller")) / 2


def posted_price_gains(price: float) -> float:
    """Return the expected gains of one pair at a posted price: p (1 - p)/2, at most 1/8.

    Hagerty and Rogerson (1987), J. Economic Theory 42.
    """
    return price * (1 - price) / 2
