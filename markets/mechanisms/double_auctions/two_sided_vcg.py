"""The two-sided Vickrey auction."""

from pydantic.dataclasses import dataclass

from markets.books.margin import Margin, Terms
from markets.mechanisms.base import MECHANISMS, Properties
from markets.mechanisms.double_auctions.call_market import COMPLETE_BOOK, ONE_UNIT_EACH, MarginRule


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class TwoSidedVCG(MarginRule):
    """A call market that realises all gains: everybody gets what it adds, and the broker pays the difference.

    Rule: with bids falling, b_1 >= b_2 >= ..., asks rising, s_1 <= s_2 <= ..., and K the largest k with b_k
    >= s_k, the K best bids and units trade. Each buyer pays ``L = max(s_K, b_{K+1})``, each seller of a unit
    gets ``U = min(b_K, s_{K+1})`` (what is missing is left out), and the broker subsidises them with ``K (U -
    L)``: payments are what a winner's presence costs the others (Vickrey, Clarke and Groves).

    Units, ties and pairs that cannot trade are as in `CallMarket`: b_K = s_K is a trade; ties go by lot. With
    K = 0 nothing trades. One buyer and one unit trade whenever bid >= ask: the buyer pays the ask and the
    seller gets the bid. Copies left over at the margin make L = U = s_K: no subsidy.

    Notes
    -----
    No rule is truthful, efficient and individually rational without a subsidy (Myerson and Satterthwaite
    1983); here its mean in uniform markets of m buyers and n units is ``m n / ((m + n)(m + n + 1))``
    (`markets.theory.vickrey_deficit`). The broker's account goes below zero; see
    `markets.accounts.ledger.Ledger`. The cost is that of `KDoubleAuction`.

    References
    ----------
    W. Vickrey (1961), J. Finance 16; R. Myerson and M. Satterthwaite (1983), J. Economic Theory 29.

    Examples
    --------
    >>> import numpy as np
    >>> from markets.orders.orders import Orders
    >>> orders = Orders.of(buyer=[1], seller=[0], listing=[0], bid=[9.0], ask=[4.0], capacity=[1])
    >>> trades = TwoSidedVCG().clear(orders, np.random.default_rng(0))
    >>> trades.paid.tolist(), trades.received.tolist(), trades.broker
    ([4.0], [9.0], -5.0)
    """

    name: str = "two_sided_vcg"

    @property
    def properties(self) -> Properties:
        """Truthful and efficient, at the broker's expense."""
        return Properties(
            truthful_buyers="dominant",
            truthful_sellers="dominant",
            truthful_domain=ONE_UNIT_EACH,
            budget="deficit",
            individually_rational=True,
            efficient=True,
            efficient_domain=COMPLETE_BOOK,
            copy_means="Copies left over at the margin hold both prices at their ask: no subsidy.",
            exclusive_means="A listing supplies one unit; sellers get more than buyers pay, from the broker.",
            reference="Vickrey 1961, J. Finance 16",
            max_demand=1,
        )

    def terms(self, margin: Margin) -> Terms:
        """Let all trade who should; buyers pay the least, sellers get the largest competitive price."""
        return Terms.best(margin.quantity, margin.low, margin.high)
