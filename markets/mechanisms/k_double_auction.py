"""The k-double auction, a call market with one price.

Core Objects: KDoubleAuction
"""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.optimize import linear_sum_assignment

from markets.columns import FloatArray, IntArray
from markets.goods import LICENCE_KINDS
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders import Orders, Trades
from markets.ranking import first_appearance


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class KDoubleAuction(Mechanism):
    """One call market a position: the best bids meet the best asks at one price.

    Rule: a buyer bids once for the grade and wants one unit; a listing offers ``min(capacity, its rows)``
    units at one ask: as many as it has copies and buyers to take them. With bids falling, b_1 >= b_2 >= ...,
    asks rising, s_1 <= s_2 <= ..., and K the largest k with b_k >= s_k, the K best bids and units win at ``p
    = (1 - k) L + k U``, where ``L = max(s_K, b_{K+1})`` and ``U = min(b_K, s_{K+1})`` (a missing b is minus,
    a missing s plus infinity). Buyers pay p, sellers receive it. Then winners are matched to units so that
    the sum of the trial gains is largest.

    b_K = s_K is a trade. Ties at the margin go by a permutation of the rows drawn once (a buyer and a listing
    take the smallest number of their rows); listings with equal asks take turns. With K = 0 there is no price
    and no trade; one buyer and one unit trade at ``(1 - k) s + k b``.

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
    >>> orders = Orders.of(
    ...     buyer=[2, 2, 3, 3],
    ...     seller=[0, 1, 0, 1],
    ...     listing=[0, 1, 0, 1],
    ...     bid=[9.0, 9.0, 8.0, 8.0],
    ...     ask=[3.0, 4.0, 3.0, 4.0],
    ...     capacity=[1, 1, 1, 1],
    ... )
    >>> KDoubleAuction(k=0.5).clear(orders, np.random.default_rng(0)).paid.tolist()
    [6.0, 6.0]
    """

    name: str = "k_double_auction"
    k: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    venue: ClassVar[str] = "books"

    @property
    def properties(self) -> Properties:
        """Truthful for the side that cannot set the price."""
        return Properties(
            truthful_buyers="dominant" if self.k == 0 else "no",
            truthful_sellers="dominant" if self.k == 1 else "no",
            truthful_domain="every buyer can trade with every listing of its book; a seller sells one unit",
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain="every buyer can trade with every listing of its book",
            licences=LICENCE_KINDS,
            copy_means="A listing supplies every buyer that may trade with it, so low asks cap the price.",
            exclusive_means="A listing supplies one unit; scarcity lifts the price to the marginal pair.",
            reference="Rustichini, Satterthwaite and Williams 1994, Econometrica 62",
            max_demand=1,
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Hold a call market for each position.

        Raises
        ------
        ValueError
            If a buyer's bids differ within a position or a listing's asks differ between buyers.
        """
        by_priority = np.argsort(self.draw_priority(orders, rng))
        _require_one("orders.bid", "buyer's rows of a position", orders.seat, orders.bid)
        _require_one("orders.ask", "listing's rows", orders.lot, orders.ask)
        rows, prices = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for book in orders.books(by_priority):
            row, price = self._call(orders, book)
            rows.append(row)
            prices.append(np.full(len(row), price))
        price_paid = np.concatenate(prices)
        return Trades.of(orders, np.concatenate(rows), price_paid, price_paid)

    def _call(self, orders: Orders, book: IntArray) -> tuple[IntArray, float]:
        """Return the trading rows of one book and its price; `book` is sorted by priority."""
        who, first_of_buyer = first_appearance(orders.buyer[book])
        what, first_of_listing = first_appearance(orders.listing[book])
        bid, ask = orders.bid[book[first_of_buyer]], orders.ask[book[first_of_listing]]
        supply = np.minimum(orders.capacity[book[first_of_listing]], np.bincount(what))
        unit = np.repeat(np.arange(len(ask)), supply)
        turn = np.arange(len(unit)) - np.repeat(np.cumsum(supply) - supply, supply)
        buyers = np.argsort(-bid, kind="stable")
        units = unit[np.lexsort((unit, turn, ask[unit]))]

        quantity, price = self.call_price(bid[buyers], ask[units])
        pair = np.full((len(bid), len(ask)), -1)
        pair[who, what] = book
        row = _match(orders.gain, pair[np.ix_(buyers[:quantity], units[:quantity])])
        return row, price

    def call_price(self, bids: FloatArray, asks: FloatArray) -> tuple[int, float]:
        """Return the number of trades K and the price of a book.

        Parameters
        ----------
        bids : float64[m]
            Falling, in credits.
        asks : float64[n]
            Rising, in credits.

        Returns
        -------
        quantity : int
            K.
        price : float
            In credits; NaN if K is 0.
        """
        short = min(len(bids), len(asks))
        quantity = int(np.sum(bids[:short] >= asks[:short]))
        if quantity == 0:
            return 0, float("nan")
        low = max([asks[quantity - 1], *bids[quantity : quantity + 1]])
        high = min([bids[quantity - 1], *asks[quantity : quantity + 1]])
        # The clip takes back the rounding of (1 - k) L + k U.
        return quantity, float(np.clip((1 - self.k) * low + self.k * high, low, high))


def _require_one(field: str, group_name: str, group: IntArray, values: FloatArray) -> None:
    """Raise a ValueError unless `values` is constant within each group."""
    if not len(values):
        return
    _, first = np.unique(group, return_index=True)
    same = values == values[first[group]]
    if not same.all():
        row = int(np.argmin(same))
        raise ValueError(
            f"{field} must be the same in all of a {group_name} on the venue books; "
            f"got {values[row]} in row {row} and {values[first[group[row]]]} in row {first[group[row]]}"
        )


def _match(gain: FloatArray, pair: IntArray) -> IntArray:
    """Return the rows that pair off the winners: as many as exist, then with the largest sum of gains.

    Parameters
    ----------
    gain : float64[R]
        Gain of each row.
    pair : int64[K, K]
        The row of each (winning buyer, winning unit), -1 where there is none.
    """
    scaled = np.where(pair >= 0, gain[pair], 0.0)
    scaled = scaled / max(scaled.max(initial=0.0), np.finfo(np.float64).tiny)
    # One pair more outweighs any sum of scaled gains, which is at most K.
    i, j = linear_sum_assignment(np.where(pair >= 0, scaled + len(pair) + 1, 0.0), maximize=True)
    row = pair[i, j]
    return row[row >= 0]
