"""Which trades the accounts cover, in row order, without a loop over trades.

Core Objects: covered_trades
"""

import numpy as np

from markets.columns import BoolArray, IntArray


def covered_trades(
    buyer: IntArray, seller: IntArray, charge_buyer: IntArray, charge_seller: IntArray, cover: IntArray
) -> BoolArray:
    """Return which trades settle when they are taken one after another and refused whole.

    A trade settles if its charges fit into what is left of its buyer's and its seller's cover after the
    charges of the earlier trades that settled.

    Parameters
    ----------
    buyer, seller : int64[T]
        The accounts that each trade charges; different.
    charge_buyer, charge_seller : int64[T]
        Non-negative charges, in micro-credits.
    cover : int64[A]
        What each account can be charged in all, not negative, in micro-credits.

    Returns
    -------
    bool[T]

    Notes
    -----
    Each pass sums the charges of the trades still standing along each account. A trade that fits such a sum
    settles, since the true sum can only be smaller. One that does not fit is refused if all earlier trades of
    that account fit, since then the sum is the true one. The first trade that does not fit is always refused,
    so the passes end; their number is that of successive refusals on one account, in practice a few. O(T log
    T) to sort, O(T) a pass.
    """
    trades = len(buyer)
    account = np.concatenate([buyer, seller])
    trade = np.tile(np.arange(trades), 2)
    order = np.lexsort((trade, account))
    account, trade = account[order], trade[order]
    charge = np.concatenate([charge_buyer, charge_seller])[order]
    start = np.searchsorted(account, account, side="left")
    settled = np.ones(trades, dtype=bool)
    while True:
        standing = settled[trade]
        over = standing & (_running(charge * standing, start) > cover[account])
        if not over.any():
            return settled
        doubtful = np.zeros(trades, dtype=bool)
        doubtful[trade[over]] = True
        doubted = doubtful[trade].astype(np.int64)
        settled[trade[over & (_running(doubted, start) == 1)]] = False


def _running(values: IntArray, start: IntArray) -> IntArray:
    """Return the running sum of `values` within each group, whose first place is `start`."""
    total = np.cumsum(values)
    return total - (total - values)[start]
