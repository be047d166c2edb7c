"""Goods without scarcity: copies.

Values and costs are independent and uniform on [0, 1] unless a function says otherwise; money is in credits.
"""

import numpy as np
import numpy.typing as npt


def posted_price_revenue(price: float, buyers: int) -> float:
    """Return the expected revenue of unlimited copies at a posted price: n p (1 - p), at most n/4."""
    return buyers * price * (1 - price)


def posted_price_welfare(price: float) -> float:
    """Return the expected value to one buyer of a costless copy, before what it pays: (1 - p^2)/2."""
    return (1 - price**2) / 2


def single_price_revenue(values: npt.ArrayLike, least: int = 1) -> float:
    """Return the most that one price earns from copies for at least that many: max of k v_(k), k >= least.

    With ``least=2`` the benchmark F(2) of Goldberg, Hartline, Karlin, Saks and Wright (2006), Games and
    Economic Behavior 55; random sampling earns at least F(2)/4.68 (Alaei, Malekian and Srinivasan 2009, EC).
    """
    falling = np.sort(np.asarray(values, dtype=np.float64))[::-1]
    return float((np.arange(1, len(falling) + 1) * falling)[least - 1 :].max(initial=0.0))


def random_sampling_revenue(buyers: int) -> float:
    """Return what random sampling earns from n equal bids of 1 with independent coins: n (1 - 2^(1 - n)).

    A buyer pays unless all of the others fall on its own side. Goldberg, Hartline and Wright (2001), SODA.
    """
    return buyers * (1 - 2.0 ** (1 - buyers))


def equal_sharing_loss(cost: float, buyers: int) -> float:
    """Return the most welfare that equal cost sharing can lose: (H_n - 1) C, H_n = 1 + 1/2 + ... + 1/n.

    Values just below C, C/2, ..., C/n: nobody is served. Moulin and Shenker (2001), Economic Theory 18.
    """
    return cost * float((1 / np.arange(2, buyers + 1)).sum())
