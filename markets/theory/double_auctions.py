"""Many buyers and sellers of one unit each.

Values and costs are independent and uniform on [0, 1] unless a function says otherwise; money is in credits.

Core Objects: call_market_gains, call_market_quantity, call_market_price, call_market_interval
"""

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom

from markets.columns import FloatArray


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
