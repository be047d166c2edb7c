"""MUDA: two halves that set each other's price."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.books.call_books import CallBooks, Winners
from markets.books.margin import Terms
from markets.columns import Bools
from markets.mechanisms.base import MECHANISMS, Properties
from markets.mechanisms.double_auctions.call_market import ONE_UNIT_EACH, CallMarket
from markets.orders.luck import fresh, heads


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class MUDA(CallMarket):
    """A book is split by coins into two halves, and each trades at the other's competitive price.

    Rule: a fair coin sends every buyer and every listing (with all of its units) to the left or to the right.
    The price of a half is the middle ``(L + U) / 2`` of its competitive prices
    (`markets.books.margin.Margin`; where nobody in a half would trade, the middle of its best bid and its
    best ask). In the left half, at the price p of the right one, bids >= p and units with asks <= p take
    part; with q the number of the shorter side,

    - ``lottery``: all of the shorter side trade with q of the longer side drawn by lot, at p;
    - ``vickrey``: the q best of the longer side trade. If buyers are more, they pay the best bid left out and
      sellers get p; if units are more, sellers get the best ask left out and buyers pay p. The broker keeps
      the fees.

    The right half trades likewise at the price of the left. A half without buyers or without units has no
    price, and the other half does not trade; so one buyer and one unit never do.

    All coins are independent, of each other and of the lottery, in which listings take turns, one unit each.

    Units and pairs that cannot trade are as in `CallMarket`.

    Attributes
    ----------
    rationing : str
        ``lottery`` (the broker keeps nothing) or ``vickrey`` (the broker keeps the fees).

    Notes
    -----
    A report moves only the price of the other half. Large markets are needed: the share of the first best
    goes to 1 as the market grows, but trade within halves and at another's price costs much in small ones.
    Cost as that of `KDoubleAuction`.

    References
    ----------
    E. Segal-Halevi, A. Hassidim and Y. Aumann (2018), MUDA: a truthful multi-unit double-auction mechanism,
    AAAI.

    Examples
    --------
    One pair never trades. Of equal pairs each half trades at 8 if the other one has more buyers than units,
    at 2 if it has fewer, and else at 5:

    >>> from markets.orders.orders import Orders
    >>> buyer, unit = (index.ravel() for index in np.indices((4, 4)))
    >>> orders = Orders.of(
    ...     buyer=buyer, seller=4 + unit, listing=unit, bid=[8.0] * 16, ask=[2.0] * 16, capacity=[1] * 16
    ... )
    >>> pair = orders.select(np.array([0]))
    >>> {len(MUDA().clear(pair, np.random.default_rng(seed))) for seed in range(20)}
    {0}
    >>> prices = [MUDA().clear(orders, np.random.default_rng(seed)).paid for seed in range(20)]
    >>> np.unique(np.concatenate(prices)).tolist()
    [2.0, 5.0, 8.0]
    """

    name: str = "muda"
    rationing: Annotated[str, Field(pattern="^(lottery|vickrey)$")] = "lottery"

    @property
    def properties(self) -> Properties:
        """Truthful for both sides; the rationing decides who has the money that is left."""
        return Properties(
            truthful_buyers="dominant",
            truthful_sellers="dominant",
            truthful_domain=ONE_UNIT_EACH,
            budget="strong" if self.rationing == "lottery" else "weak",
            individually_rational=True,
            copy_means="A listing supplies the buyers of its half at the price of the other half.",
            exclusive_means="A listing supplies one unit; the longer side of a half is rationed.",
            reference="Segal-Halevi, Hassidim and Aumann 2018, AAAI",
            max_demand=1,
        )

    def call(self, books: CallBooks) -> Winners:
        """Toss the coins, price the halves and let each trade at the other's price."""
        halves = books.split(*toss_coins(books))
        margin, other = halves.margin(), np.arange(len(halves)) ^ 1
        priced = (np.diff(halves.bid_start) > 0) & (np.diff(halves.unit_start) > 0)
        middle = np.full(len(halves), np.nan)
        middle[priced] = (margin.low[priced] + margin.high[priced]) / 2
        price = middle[other]
        # Bids fall and asks rise, so the willing come first; nobody is willing without a price.
        bids, units = halves.willing(price)
        quantity = np.minimum(bids, units)
        if self.rationing == "lottery":
            return halves.winners(
                Terms(quantity=quantity, bids=bids, units=units, paid=price, received=price)
            )
        paid = np.where(bids > quantity, halves.bid_at(quantity), price)
        received = np.where(units > quantity, halves.ask_at(quantity), price)
        return halves.winners(Terms.best(quantity, paid, received))


def toss_coins(books: CallBooks) -> tuple[Bools, Bools]:
    """Return a coin for each place among the bids, bool[B], and for each listing's number, bool[L]."""
    return heads(fresh("coins", books.bid_luck)), heads(fresh("coins", books.listing_luck))
