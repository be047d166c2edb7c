"""Trade reduction."""

from pydantic.dataclasses import dataclass

from markets.books.margin import Margin, Terms
from markets.mechanisms.base import MECHANISMS, Properties
from markets.mechanisms.double_auctions.call_market import ONE_UNIT_EACH, MarginRule


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class TradeReduction(MarginRule):
    """A call market in which the last pair that should trade sets the prices instead.

    Rule: with bids falling, b_1 >= b_2 >= ..., asks rising, s_1 <= s_2 <= ..., and K the largest k with b_k
    >= s_k, the K - 1 best bids and units trade; buyers pay b_K, sellers get s_K, and the broker keeps ``(K -
    1)(b_K - s_K)``.

    Units, ties and pairs that cannot trade are as in `CallMarket`: b_K = s_K is a pair like others; ties go
    by lot. With K <= 1, so always with one buyer or one unit, nothing trades.

    Notes
    -----
    The last branch of `McAfee` without the first: simpler, and never better. With K pairs worth G, exactly
    b_K - s_K <= G/K is lost; `markets.theory.trade_reduction_loss` is its mean in uniform markets. The cost
    is that of `KDoubleAuction`.

    References
    ----------
    R. P. McAfee (1992), J. Economic Theory 56.

    Examples
    --------
    >>> import numpy as np
    >>> from markets.orders.orders import Orders
    >>> orders = Orders.of(
    ...     buyer=[2, 2, 3, 3], seller=[0, 1, 0, 1], listing=[0, 1, 0, 1],
    ...     bid=[9.0, 9.0, 8.0, 8.0], ask=[3.0, 4.0, 3.0, 4.0], capacity=[1, 1, 1, 1],
    ... )
    >>> trades = TradeReduction().clear(orders, np.random.default_rng(0))
    >>> trades.paid.tolist(), trades.received.tolist()
    ([8.0], [4.0])
    """

    name: str = "trade_reduction"

    @property
    def properties(self) -> Properties:
        """Truthful for both sides, for the price of a pair."""
        return Properties(
            truthful_buyers="dominant",
            truthful_sellers="dominant",
            truthful_domain=ONE_UNIT_EACH,
            budget="weak",
            individually_rational=True,
            copy_means="One copy less is sold than could be; sellers get the ask at the margin.",
            exclusive_means="One unit less is sold than could be; its bid and ask are the prices.",
            reference="McAfee 1992, J. Economic Theory 56",
            max_demand=1,
        )

    def terms(self, margin: Margin) -> Terms:
        """Leave out the last pair."""
        return Terms.reduced(margin)
