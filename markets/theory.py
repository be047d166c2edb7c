"""Closed forms: what the rules do in the markets that can be solved by hand.

Values and costs are independent and uniform on [0, 1] unless a function says otherwise; money is in credits.

Core Objects: first_price_bid, chatterjee_samuelson_bid, vickrey_utilities, SHAPLEY_SHUBIK
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.stats import hypergeom

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


def posted_price_gains(price: float) -> float:
    """Return the expected gains of one pair at a posted price: p (1 - p)/2, at most 1/8.

    Hagerty and Rogerson (1987), J. Economic Theory 42.
    """
    return price * (1 - price) / 2


def posted_price_revenue(price: float, buyers: int) -> float:
    """Return the expected revenue of unlimited copies at a posted price: n p (1 - p), at most n/4."""
    return buyers * price * (1 - price)


def posted_price_welfare(price: float) -> float:
    """Return the expected value to one buyer of a costless copy, before what it pays: (1 - p^2)/2."""
    return (1 - price**2) / 2


def call_market_gains(buyers: int, sellers: int) -> float:
    """Return the expected first-best gains of m buyers and n sellers of one unit: m n / (2 (m + n + 1)).

    By order statistics: the units end with the n largest of all m + n values.
    """
    return buyers * sellers / (2 * (buyers + sellers + 1))


def call_market_quantity(buyers: int, sellers: int) -> float:
    """Return the expected number of trades under truthful reports: m n / (m + n)."""
    return buyers * sellers / (buyers + sellers)


def call_market_price(buyers: int, sellers: int, k: float) -> float:
    """Return the expected price of a k-double auction under truthful reports: (m + k)/(m + n + 1).

    L and U are the m-th and (m + 1)-th smallest of all N = m + n reports (`call_market_interval`), and the
    i-th smallest of N uniform draws has the mean i/(N + 1). A market without a trade counts with the price
    that its interval would give.
    """
    return (buyers + k) / (buyers + sellers + 1)


def call_market_interval(bids: npt.ArrayLike, asks: npt.ArrayLike) -> tuple[float, float]:
    """Return [L, U]: the m-th and (m + 1)-th smallest of all m bids and n asks.

    Satterthwaite and Williams (1989), J. Economic Theory 48.
    """
    reports = np.sort(np.concatenate([np.asarray(bids, float), np.asarray(asks, float)]))
    buyers = np.size(bids)
    return float(reports[buyers - 1]), float(reports[buyers])


def last_pair(buyers: int, sellers: int) -> tuple[FloatArray, FloatArray]:
    """Return the distribution of K, the number of trades, and the expected b_K - s_K for each K.

    Values are independent of who reports them, so K, the number of buyers among the n largest of all N = m +
    n reports, is hypergeometric. On average b_K lies (n + 1)/(K + 1) places above the m-th smallest report
    and s_K lies (m + 1)/(K + 1) places below the next, and a place is worth 1/(N + 1): by order statistics,
    E[b_K - s_K | K] = ((N + 2)/(K + 1) - 1)/(N + 1).

    Returns
    -------
    probability, distance : float64[min(m, n) + 1]
        For K = 0, 1, ...; the distance is 0 for K = 0.
    """
    total = buyers + sellers
    k = np.arange(min(buyers, sellers) + 1)
    distance = np.where(k > 0, ((total + 2) / (k + 1) - 1) / (total + 1), 0.0)
    return hypergeom.pmf(k, total, buyers, sellers), distance


def trade_reduction_loss(buyers: int, sellers: int) -> float:
    """Return the expected gains that trade reduction forgoes: those of the last pair (`last_pair`)."""
    probability, distance = last_pair(buyers, sellers)
    return float(np.sum(probability * distance))


def trade_reduction_revenue(buyers: int, sellers: int) -> float:
    """Return what the broker expects to keep under trade reduction: E[(K - 1)(b_K - s_K)] (`last_pair`)."""
    probability, distance = last_pair(buyers, sellers)
    return float(np.sum(probability * distance * (np.arange(len(distance)) - 1)))


def vickrey_deficit(buyers: int, sellers: int) -> float:
    """Return the expected subsidy of the two-sided Vickrey auction: m n / (N (N + 1)), N = m + n.

    K (U - L), where K has the mean m n / N, U - L, the distance of two neighbours of N uniform draws, has the
    mean 1/(N + 1), and the two are independent. For one pair it equals the gains, 1/6 (Myerson and
    Satterthwaite 1983, J. Economic Theory 29).
    """
    total = buyers + sellers
    return buyers * sellers / (total * (total + 1))


def chatterjee_samuelson_bid(value: npt.ArrayLike, k: float = 0.5) -> FloatArray:
    """Return the buyer's linear equilibrium bid at the price k b + (1 - k) s, where it can trade.

    v/(1 + k) + k (1 - k)/(2 (1 + k)). Chatterjee and Samuelson (1983), Operations Research 31.
    """
    return (np.asarray(value, dtype=np.float64) + k * (1 - k) / 2) / (1 + k)


def chatterjee_samuelson_ask(cost: npt.ArrayLike, k: float = 0.5) -> FloatArray:
    """Return the seller's linear equilibrium ask: c/(2 - k) + (1 - k)/2. Chatterjee and Samuelson (1983)."""
    return np.asarray(cost, dtype=np.float64) / (2 - k) + (1 - k) / 2


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


def best_offer(own: npt.ArrayLike, proposer: str) -> FloatArray:
    """Return the best take-it-or-leave-it offer: (1 + c)/2 of a seller with cost c, v/2 of a buyer.

    One pair then gains 1/8: the proposer 1/12, the other 1/24. Samuelson (1984), Econometrica 52.
    """
    return (np.asarray(own, dtype=np.float64) + (proposer == "seller")) / 2


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


def vickrey_utilities(surplus: npt.ArrayLike) -> FloatArray:
    """Return what each buyer of an assignment market adds: W(N) - W(N without i).

    The buyers' utilities under Vickrey, Clarke and Groves and at the least competitive prices alike (Leonard
    1983, J. Political Economy 91).

    Parameters
    ----------
    surplus : array_like[B, U]
        Non-negative surplus of each buyer from each unit, in credits.

    Returns
    -------
    float64[B]
        Utilities in credits. B + 1 assignment problems are solved.
    """
    worth = np.asarray(surplus, dtype=np.float64)

    def welfare(of: FloatArray) -> float:
        return float(of[linear_sum_assignment(of, maximize=True)].sum())

    everybody = welfare(worth)
    return np.array([everybody - welfare(np.delete(worth, i, axis=0)) for i in range(len(worth))])


class HousingMarket(NamedTuple):
    """A published assignment market with its solution.

    Attributes
    ----------
    reserves : tuple of float
        Of the seller of each house.
    values : tuple of tuples of float
        Of each house (first index) to each buyer (second index).
    gains : float
        The largest sum of surpluses.
    buyer_of_house : tuple of int
        The optimal assignment.
    least_prices, most_prices : tuple of float
        The corners of the core: best for all buyers, best for all sellers.
    """

    reserves: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    gains: float
    buyer_of_house: tuple[int, ...]
    least_prices: tuple[float, ...]
    most_prices: tuple[float, ...]


SHAPLEY_SHUBIK = HousingMarket(
    reserves=(18, 15, 19),
    values=((23, 26, 20), (22, 24, 21), (21, 22, 17)),
    gains=16,
    buyer_of_house=(1, 2, 0),
    least_prices=(21, 20, 19),
    most_prices=(23, 21, 20),
)
"""Three houses in thousands of dollars; Shapley and Shubik (1971), Int. J. Game Theory 1, section 3.3."""
