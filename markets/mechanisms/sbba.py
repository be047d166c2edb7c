"""The strongly budget balanced double auction.

Core Objects: SBBA
"""

import numpy as np
from pydantic.dataclasses import dataclass

from markets.goods import LICENCE_KINDS
from markets.mechanisms.base import MECHANISMS, Properties
from markets.mechanisms.call_market import ONE_UNIT_EACH, Book, CallMarket, Winners, efficient_quantity


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class SBBA(CallMarket):
    """A call market at one price that no winner sets: the next ask or, above the last bid, that bid.

    Rule: with bids falling, b_1 >= b_2 >= ..., asks rising, s_1 <= s_2 <= ..., and K the largest k with b_k
    >= s_k, the price is ``p = min(b_K, s_{K+1})`` (a missing s_{K+1} is plus infinity). If ``s_{K+1} <=
    b_K``, the K best bids and units trade at p. Else p = b_K, the K - 1 best bids trade with K - 1 of the K
    best units, drawn by lot. Buyers pay p, sellers receive it. (This is the variant with a lottery among
    sellers; its mirror image has ``p = max(s_K, b_{K+1})`` and a lottery among buyers.)

    The lottery uses the one permutation of the rows that also breaks ties: listings stand in line by the
    smallest number of their rows and take turns, one unit each, and the last unit in line goes home. In a
    book where all pairs exist and each listing has one unit this is uniform.

    Units, ties and pairs that cannot trade are as in `CallMarket`: b_K = s_K is a pair like others, and
    s_{K+1} = b_K lets all K trade. With K = 0, or K = 1 without an s_{K+1} <= b_K, nothing trades: so it is
    with one buyer and one unit. Copies left over at the margin make s_{K+1} = s_K: then all K trade at the
    ask.

    Notes
    -----
    Truth is dominant for every outcome of the lottery. The broker keeps nothing. At least 1 - 1/K of the
    first best is realised on average over the lottery. The cost is that of `KDoubleAuction`.

    References
    ----------
    E. Segal-Halevi, A. Hassidim and Y. Aumann (2016), SBBA: a strongly-budget-balanced double-auction
    mechanism, SAGT.

    Examples
    --------
    The seller of 4 that does not trade sets the price; without it nothing would trade:

    >>> from markets.orders import Orders
    >>> orders = Orders.of(
    ...     buyer=[2, 2], seller=[0, 1], listing=[0, 1], bid=[9.0, 9.0], ask=[3.0, 4.0], capacity=[1, 1]
    ... )
    >>> trades = SBBA().clear(orders, np.random.default_rng(0))
    >>> trades.seller.tolist(), trades.paid.tolist()
    ([0], [4.0])
    """

    name: str = "sbba"

    @property
    def properties(self) -> Properties:
        """Truthful for both sides, and all of the money stays with them."""
        return Properties(
            truthful_buyers="dominant",
            truthful_sellers="dominant",
            truthful_domain=ONE_UNIT_EACH,
            budget="strong",
            individually_rational=True,
            efficient=False,
            efficient_domain="",
            licences=LICENCE_KINDS,
            copy_means="Copies left over at the margin set the price at their ask, and nobody gives way.",
            exclusive_means="A listing supplies one unit; without a next ask in reach the last bid sets the "
            "price and one seller, drawn by lot, goes home.",
            reference="Segal-Halevi, Hassidim and Aumann 2016, SAGT",
            max_demand=1,
        )

    def call(self, book: Book) -> list[Winners]:
        """Trade at the next ask if the last bid covers it, else at the last bid without one unit."""
        k = efficient_quantity(book.bid, book.ask)
        if k == 0:
            return []
        last = float(book.bid[k - 1])
        if k < len(book.ask) and book.ask[k] <= last:
            return [Winners.best(k, float(book.ask[k]), float(book.ask[k]))]
        line = np.lexsort((book.listing[:k], book.turn[:k]))
        return [Winners(np.arange(k - 1), line[: k - 1], last, last)]
