"""What sellers can earn who know the distribution of values, and what that costs.

Values are independent; money is in credits. Uniform means uniform on [0, 1].

Core Objects: optimal_revenue, reserve_revenue, reserve_loss, uniform_price_revenue, expected_value
"""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.integrate import quad
from scipy.special import betainc
from scipy.stats import beta

from markets.priors.base import Distribution


def expected_value(prior: Distribution, bidders: int, place: int = 1) -> float:
    """Return the expected k-th highest of n values.

    Uniform: (n + 1 - k)/(n + 1); exponential: scale times 1/k + ... + 1/n. David and Nagaraja (2003), Order
    Statistics, ch. 3.

    Parameters
    ----------
    prior : Distribution
        Of each value.
    bidders, place : int
        n, and k from 1 to n.
    """
    share = beta(bidders + 1 - place, place)
    return quad(lambda u: float(prior.quantile(u)) * share.pdf(u), 0, 1, limit=200)[0]


def optimal_revenue(priors: Sequence[Distribution], cost: float = 0.0) -> float:
    """Return the largest expected profit from one good: the mean of the largest phi_i(v_i) - c, or 0.

    The integral over t >= 0 of 1 less the chance that no virtual surplus exceeds t. Myerson (1981), Math.
    Operations Research 6. Uniform: 1/4 from one bidder, 5/12 from two; exponential with mean 1: 1/e from one.

    Parameters
    ----------
    priors : sequence of Distribution
        One for each bidder.
    cost : float
        c, the seller's own value or cost.
    """
    bidders = [(prior, priors.count(prior)) for prior in dict.fromkeys(priors)]

    def exceeds(t: float) -> float:
        return 1 - math.prod(float(prior.cdf(prior.monopoly_price(cost + t))) ** n for prior, n in bidders)

    ends = [
        end - cost
        for prior in priors
        for end in (float(prior.virtual_value(prior.support[0])), prior.support[1])
    ]
    return _integral(exceeds, 0.0, ends)


def reserve_revenue(prior: Distribution, bidders: int, reserve: float, cost: float = 0.0) -> float:
    """Return the expected profit of a first- or second-price auction with a reserve.

    The mean of phi(v) - c of the highest value v where it reaches the reserve: n times the integral of
    (phi - c) F^(n-1) f. Myerson (1981); at its largest where phi(r) = c, for every n. With n + 1 bidders and
    no reserve (r = c) it is no less than with n and the best reserve (Bulow and Klemperer 1996, American
    Economic Review 86), if the lowest value is no less than c.
    """

    def density(u: float) -> float:
        return bidders * u ** (bidders - 1) * (float(prior.virtual_value(prior.quantile(u))) - cost)

    return quad(density, float(prior.cdf(reserve)), 1, limit=200)[0]


def reserve_loss(prior: Distribution, bidders: int, reserve: float, cost: float = 0.0) -> float:
    """Return the expected gains from trade that a reserve forgoes: of sales between the cost and the reserve.

    (r - c) F(r)^n less the integral of F^n from c to r; uniform without cost n/(n + 1) r^(n + 1), a share
    r^(n + 1) of all gains.
    """
    unsold = quad(lambda v: float(prior.cdf(v)) ** bidders, cost, reserve, limit=200)[0]
    return (reserve - cost) * float(prior.cdf(reserve)) ** bidders - unsold


def uniform_price_revenue(bidders: int, copies: int, reserve: float = 0.0) -> float:
    """Return the expected revenue from k copies, uniform values: winners pay the highest losing bid or r.

    The sum over the k highest values of the mean of 2v - 1 where v >= r. The j-th highest of n has the beta
    distribution (n + 1 - j, j), so with I the regularised incomplete beta function it is 2 (n + 1 - j)/(n +
    1) (1 - I_r(n + 2 - j, j)) - (1 - I_r(n + 1 - j, j)). At its largest at r = 1/2 for every k; with a copy
    for each n r (1 - r). Myerson (1981); Maskin and Riley (1989), in Hahn (ed.), The Economics of Missing
    Markets, Information, and Games.

    Parameters
    ----------
    bidders : int
        n, each of whom wants one copy.
    copies : int
        k, from 1 to n; more than n is n.
    reserve : float
        r in [0, 1].
    """
    j = np.arange(1, min(copies, bidders) + 1)
    mean = (bidders + 1 - j) / (bidders + 1)
    value = mean * (1 - betainc(bidders + 2 - j, j, reserve))
    sold = 1 - betainc(bidders + 1 - j, j, reserve)
    return float((2 * value - sold).sum())


def _integral(function: Callable[[float], float], start: float, bends: Sequence[float]) -> float:
    """Integrate from `start` to the last bend, piece by piece."""
    ends = sorted({start, *(bend for bend in bends if bend > start)})
    return sum(quad(function, a, b, limit=200)[0] for a, b in itertools.pairwise(ends))
