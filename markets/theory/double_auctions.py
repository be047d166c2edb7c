"""Many buyers and sellers of one unit each.

Values and costs are independent and uniform on [0, 1] unless a function says otherwise; money is in credits.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammaln
from scipy.stats import hypergeom

from markets.columns import Floats


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


def last_pair(buyers: int, sellers: int) -> tuple[Floats, Floats]:
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


def mcafee_reduction(buyers: int, sellers: int) -> tuple[Floats, Floats]:
    """Return the distribution of K and the expected b_K - s_K, counted where McAfee's rule gives up a pair.

    Given K, buyers and sellers among the n largest reports stand in uniformly random order, and so do those
    among the m smallest, so the neighbours of the interval [L, U] between the two groups
    (`call_market_interval`) are found by run lengths: of the first pair left out, A below L and B above U, in
    places. Gaps between uniform draws are exponential ones over their sum, so that with D = U - L the rule
    gives up the last pair with the chance that B > A + D or A > B + D, gamma variables of whole shapes;
    `_beats` compares those. Where there is no pair to leave out the market is always reduced, as without
    bounds (`McAfee`).

    Returns
    -------
    probability, distance : float64[min(m, n) + 1]
        For K = 0, 1, ...; the distance is E[(b_K - s_K); reduced | K].

    Notes
    -----
    The rule is that of R. P. McAfee (1992), J. Economic Theory 56. O(min(m, n) m n).
    """
    probability, whole = last_pair(buyers, sellers)
    distance = whole.copy()
    # With K = m or n there is no pair left out.
    for k in range(1, min(buyers, sellers)):
        distance[k] = _reduced_distance(k, buyers - k, sellers - k) / (buyers + sellers + 1)
    return probability, distance


def _reduced_distance(pairs: int, buyers_out: int, sellers_out: int) -> float:
    """Return E[(b_K - s_K); reduced | K] in mean gaps; see `mcafee_reduction`."""
    # Above U: either b_K stands at U and s_{K+1} above it by a run of buyers, or the other way round.
    above, above_out = _first_run(pairs, sellers_out), _first_run(sellers_out, pairs)
    below, below_out = _first_run(pairs, buyers_out), _first_run(buyers_out, pairs)
    b, a = np.arange(1, pairs + 1), np.arange(1, pairs + 1)[:, None]
    both_at_margin = _beats(b, a + 2) + _beats(a, b + 2)
    total = float(below @ both_at_margin @ above)
    for run, other in ((above, below_out), (below, above_out)):
        gap = np.arange(1, pairs + 1)
        behind = float(other @ np.arange(1, len(other) + 1))
        total += float(run @ (_beats(gap, 2) * other.sum() + _beats(gap, 1) * behind))
    return total


def _first_run(first: int, others: int) -> Floats:
    """Return the chance that a random row of two kinds starts with just i of the first, i = 1, 2, ..."""
    i = np.arange(1, first + 1)
    rest = gammaln(first + others - i) - gammaln(first - i + 1) - gammaln(others)
    every = gammaln(first + others + 1) - gammaln(first + 1) - gammaln(others + 1)
    return np.exp(rest - every)


def _beats(larger: npt.ArrayLike, smaller: npt.ArrayLike) -> Floats:
    """Return the chance that one gamma variable exceeds another, by their shapes."""
    return betainc(smaller, larger, 0.5)


def mcafee_loss(buyers: int, sellers: int) -> float:
    """Return the expected gains that McAfee's rule without bounds forgoes (`mcafee_reduction`)."""
    probability, distance = mcafee_reduction(buyers, sellers)
    return float(np.sum(probability * distance))


def mcafee_revenue(buyers: int, sellers: int) -> float:
    """Return what the broker expects to keep under McAfee's rule: E[(K - 1)(b_K - s_K); reduced]."""
    probability, distance = mcafee_reduction(buyers, sellers)
    return float(np.sum(probability * distance * (np.arange(len(distance)) - 1).clip(min=0)))


def vickrey_deficit(buyers: int, sellers: int) -> float:
    """Return the expected subsidy of the two-sided Vickrey auction: m n / (N (N + 1)), N = m + n.

    K (U - L), where K has the mean m n / N, U - L, the distance of two neighbours of N uniform draws, has the
    mean 1/(N + 1), and the two are independent. For one pair it equals the gains, 1/6 (Myerson and
    Satterthwaite 1983, J. Economic Theory 29).
    """
    total = buyers + sellers
    return buyers * sellers / (total * (total + 1))
