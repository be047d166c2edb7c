"""McAfee's double auction."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.books.margin import Margin, Terms
from markets.mechanisms.base import MECHANISMS, Properties
from markets.mechanisms.double_auctions.call_market import ONE_UNIT_EACH, MarginRule


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class McAfee(MarginRule):
    """A call market whose price is set by the first pair left out; if that fails, the last pair gives way.

    Rule: with bids falling, b_1 >= b_2 >= ..., asks rising, s_1 <= s_2 <= ..., and K the largest k with b_k
    >= s_k, let ``p0 = (b_{K+1} + s_{K+1}) / 2``. If ``s_K <= p0 <= b_K``, the K best bids and units trade at
    p0. Else the K - 1 best trade; buyers pay b_K, sellers get s_K, and the broker keeps ``(K - 1)(b_K -
    s_K)``.

    A missing b_{K+1} is `lowest` and a missing s_{K+1} is `highest`. Without that bound p0 does not exist and
    the market is reduced. The choice matters most where a market is smallest: one buyer and one seller never
    trade without bounds, and trade at the posted price ``(lowest + highest) / 2`` with them.

    Units, ties and pairs that cannot trade are as in `CallMarket`: b_K = s_K is a pair like others; ties go
    by lot. With K = 0, or K = 1 and no p0 that fits, nothing trades. Where s_K = s_{K+1}, as when the listing
    at the margin has copies left, p0 lies below s_K and the market is always reduced.

    Attributes
    ----------
    lowest, highest : float or None
        Bounds, in credits, that no report of either side lies outside; they stand in for missing neighbours.
        None for a bound reduces the market instead.

    Notes
    -----
    Nobody who trades sets its own price, so truth is dominant for both sides. At least 1 - 1/K of the first
    best is realised. The cost is that of `KDoubleAuction`.

    References
    ----------
    R. P. McAfee (1992), J. Economic Theory 56.

    Examples
    --------
    The buyer and the seller left out set the price 6; were they absent, nothing would trade:

    >>> import numpy as np
    >>> from markets.orders.orders import Orders
    >>> orders = Orders.of(
    ...     buyer=[2, 2, 3, 3], seller=[0, 1, 0, 1], listing=[0, 1, 0, 1],
    ...     bid=[9.0, 9.0, 4.0, 4.0], ask=[3.0, 8.0, 3.0, 8.0], capacity=[1, 1, 1, 1],
    ... )
    >>> McAfee().clear(orders, np.random.default_rng(0)).paid.tolist()
    [6.0]
    >>> pair = orders.select(np.array([0]))
    >>> McAfee().clear(pair, np.random.default_rng(0)).paid.tolist()
    []
    >>> McAfee(lowest=0.0, highest=10.0).clear(pair, np.random.default_rng(0)).paid.tolist()
    [5.0]
    """

    name: str = "mcafee"
    lowest: Annotated[float | None, Field(ge=0, le=1e6, allow_inf_nan=False)] = None
    highest: Annotated[float | None, Field(ge=0, le=1e6, allow_inf_nan=False)] = None
    money_fields: ClassVar[tuple[str, ...]] = ("lowest", "highest")

    @property
    def properties(self) -> Properties:
        """Truthful for both sides; bounds must hold for that."""
        bounded = self.lowest is not None or self.highest is not None
        bounds = "; no bid or ask outside [lowest, highest]" if bounded else ""
        return Properties(
            truthful_buyers="dominant",
            truthful_sellers="dominant",
            truthful_domain=ONE_UNIT_EACH + bounds,
            budget="weak",
            individually_rational=True,
            copy_means="Copies left over at the margin rule out one price for all: the last pair gives way.",
            exclusive_means="A listing supplies one unit; the first pair left out sets the price if it can.",
            reference="McAfee 1992, J. Economic Theory 56",
            max_demand=1,
        )

    def terms(self, margin: Margin) -> Terms:
        """Try the price of the first pair left out, else leave out the last pair too."""
        below, above = (
            np.where(np.isfinite(next_one), next_one, np.nan if bound is None else bound)
            for next_one, bound in ((margin.next_bid, self.lowest), (margin.next_ask, self.highest))
        )
        price = (below + above) / 2
        fits = (margin.quantity > 0) & (margin.last_ask <= price) & (price <= margin.last_bid)
        return Terms.best(margin.quantity, price, price).where(fits, Terms.reduced(margin))
