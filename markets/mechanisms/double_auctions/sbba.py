"""The strongly budget balanced double auction."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.books.margin import Margin, Terms
from markets.mechanisms.base import MECHANISMS, Properties
from markets.mechanisms.double_auctions.call_market import ONE_UNIT_EACH, MarginRule


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class SBBA(MarginRule):
    """A call market at one price that no winner sets: that of somebody left out or of one sent home.

    Rule: with bids falling, b_1 >= b_2 >= ..., asks rising, s_1 <= s_2 <= ..., and K the largest k with b_k
    >= s_k,

    - with a lottery among ``sellers`` the price is ``p = min(b_K, s_{K+1})``. If ``s_{K+1} <= b_K``, the K
      best bids and units trade at p. Else p = b_K, and the K - 1 best bids trade with K - 1 of the K best
      units, drawn by lot;
    - with a lottery among ``buyers``, the mirror image, ``p = max(s_K, b_{K+1})``. If ``b_{K+1} >= s_K``, the
      K best trade at p. Else p = s_K, and the K - 1 best units trade with K - 1 of the K best bids.

    Buyers pay p, sellers receive it. A missing s_{K+1} is plus, a missing b_{K+1} minus infinity.

    For the lottery buyers, or listings, stand in a random line; listings take turns, one unit each; the last
    in line goes home. Where each listing has one unit everybody has the same chance.

    Units, ties and pairs that cannot trade are as in `CallMarket`: b_K = s_K is a pair like others, and
    s_{K+1} = b_K (or b_{K+1} = s_K) lets all K trade. With K = 0, or K = 1 and nobody left out who fits,
    nothing trades: so it is with one buyer and one unit. Copies left over at the margin make s_{K+1} = s_K:
    with a lottery among sellers all K then trade at the ask.

    Attributes
    ----------
    lottery : str
        ``sellers`` or ``buyers``: the side of which one may go home although it should trade.

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

    >>> from markets.orders.orders import Orders
    >>> orders = Orders.of(
    ...     buyer=[2, 2], seller=[0, 1], listing=[0, 1], bid=[9.0, 9.0], ask=[3.0, 4.0], capacity=[1, 1]
    ... )
    >>> trades = SBBA().clear(orders, np.random.default_rng(0))
    >>> trades.seller.tolist(), trades.paid.tolist()
    ([0], [4.0])
    """

    name: str = "sbba"
    lottery: Annotated[str, Field(pattern="^(sellers|buyers)$")] = "sellers"

    @property
    def properties(self) -> Properties:
        """Truthful for both sides, and all of the money stays with them."""
        return Properties(
            truthful_buyers="dominant",
            truthful_sellers="dominant",
            truthful_domain=ONE_UNIT_EACH,
            budget="strong",
            individually_rational=True,
            copy_means="Copies left over at the margin set the price at their ask, and nobody gives way."
            if self.lottery == "sellers"
            else "Without a next bid in reach the ask at the margin sets the price and one buyer gives way.",
            exclusive_means="A listing supplies one unit; without a next ask in reach the last bid sets the "
            "price and one seller, drawn by lot, goes home."
            if self.lottery == "sellers"
            else "A listing supplies one unit; without a next bid in reach the last ask sets the "
            "price and one buyer, drawn by lot, goes home.",
            reference="Segal-Halevi, Hassidim and Aumann 2016, SAGT",
            max_demand=1,
        )

    def terms(self, margin: Margin) -> Terms:
        """Let K trade at the price of the first left out if it fits, else K - 1 at the last one's."""
        k = margin.quantity
        less = np.maximum(k - 1, 0)
        if self.lottery == "sellers":
            price, fits = margin.high, margin.next_ask <= margin.last_bid
            reduced = Terms(quantity=less, bids=less, units=k, paid=price, received=price)
        else:
            price, fits = margin.low, margin.next_bid >= margin.last_ask
            reduced = Terms(quantity=less, bids=k, units=less, paid=price, received=price)
        return Terms.best(k, price, price).where(fits, reduced)
