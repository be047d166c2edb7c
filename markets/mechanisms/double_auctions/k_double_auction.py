"""The k-double auction, a call market with one price."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.books.margin import Margin, Terms
from markets.mechanisms.base import MECHANISMS, Properties
from markets.mechanisms.double_auctions.call_market import COMPLETE_BOOK, MarginRule


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class KDoubleAuction(MarginRule):
    """One call market a position: the best bids meet the best asks at one price.

    Rule: a buyer bids once for the grade and wants one unit; a listing offers ``min(capacity, its rows)``
    units at one ask: as many as it has copies and buyers to take them. With bids falling, b_1 >= b_2 >= ...,
    asks rising, s_1 <= s_2 <= ..., and K the largest k with b_k >= s_k, the K best bids and units win at ``p
    = (1 - k) L + k U``, where ``L = max(s_K, b_{K+1})`` and ``U = min(b_K, s_{K+1})`` (a missing b is minus,
    a missing s plus infinity). Buyers pay p, sellers receive it. Then winners are matched to units so that
    the sum of the trial gains is largest.

    b_K = s_K is a trade. Ties at the margin go by lot; listings with equal asks take turns. With K = 0 there
    is no price and no trade; one buyer and one unit trade at ``(1 - k) s + k b``.

    A pair without a row never trades. If no matching of the winners avoids all such pairs, the largest number
    of pairs that exist trades, and the winners left over do not; the price stays. Short lists
    therefore cost trades on this venue: the cheapest units win, whoever can take them.

    Attributes
    ----------
    k : float
        Where in [L, U] the price lies, in [0, 1].

    Notes
    -----
    For k = 0 a buyer that trades never sets the price, for k = 1 no seller of one unit does; in between both
    sides shade, and the loss vanishes with the square of the market's size. With m buyers, n units and K
    trades in a book: O((m + n) log(m + n)) for the price and O(K^3) for the matching in the worst case.

    References
    ----------
    A. Rustichini, M. Satterthwaite and S. Williams (1994), Econometrica 62; M. Satterthwaite and S. Williams
    (1989), J. Economic Theory 48.

    Examples
    --------
    >>> from markets.orders.orders import Orders
    >>> orders = Orders.of(
    ...     buyer=[2, 2, 3, 3], seller=[0, 1, 0, 1], listing=[0, 1, 0, 1],
    ...     bid=[9.0, 9.0, 8.0, 8.0], ask=[3.0, 4.0, 3.0, 4.0], capacity=[1, 1, 1, 1],
    ... )
    >>> KDoubleAuction(k=0.5).clear(orders, np.random.default_rng(0)).paid.tolist()
    [6.0, 6.0]
    """

    name: str = "k_double_auction"
    k: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5

    @property
    def properties(self) -> Properties:
        """Truthful for the side that cannot set the price."""
        return Properties(
            truthful_buyers="dominant" if self.k == 0 else "no",
            truthful_sellers="dominant" if self.k == 1 else "no",
            truthful_domain=f"{COMPLETE_BOOK}; a seller sells one unit",
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain=COMPLETE_BOOK,
            copy_means="A listing supplies every buyer that may trade with it, so low asks cap the price.",
            exclusive_means="A listing supplies one unit; scarcity lifts the price to the marginal pair.",
            reference="Rustichini, Satterthwaite and Williams 1994, Econometrica 62",
            max_demand=1,
        )

    def terms(self, margin: Margin) -> Terms:
        """Let the K best of both sides trade at one price, NaN where K is 0."""
        low, high = (np.where(margin.quantity > 0, side, np.nan) for side in (margin.low, margin.high))
        # The clip takes back the rounding of (1 - k) L + k U.
        price = np.clip((1 - self.k) * low + self.k * high, low, high)
        return Terms.best(margin.quantity, price, price)
