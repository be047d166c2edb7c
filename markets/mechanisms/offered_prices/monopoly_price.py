"""The posted price of a monopolist, for copies."""

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.matching.ranking import Ranking
from markets.mechanisms.base import MECHANISMS, Properties
from markets.mechanisms.prior_based import ONE_ROUND, PriorBased
from markets.orders.orders import Orders, Trades
from markets.priors import PRIOR
from markets.priors.past_bids import PastBids


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid", "validate_default": True})
class MonopolyPrice(PriorBased):
    """Everybody may have a copy at the price that a monopolist who knows demand would post.

    Rule: the price of a row is the p with the largest ``(p - ask)(1 - F(p))``, never below the ask, where F
    is the prior over values: a given distribution or the bids of earlier rounds (`markets.priors`). A row
    with ``bid >= p`` may buy; its buyer pays p and the seller receives it.

    Nobody's own bid moves its price. A buyer takes its best offers of a position, largest ``bid - p`` first,
    up to its demand; ties go by a random order of the rows. With nobody on one side nothing trades.

    Attributes
    ----------
    prior : str, mapping or Prior
        A name, a mapping of its fields with the name, or itself.

    Notes
    -----
    The ask is what one copy more costs the seller, so that copies need no scarcity to have a price. For
    values uniform on [0, 1] and no cost the price is 1/2, revenue n/4 and welfare 3/8 a buyer of 1/2
    (`markets.theory.posted_price_revenue`). No truthful rule earns more from independent buyers with a
    regular prior. `DeterministicOptimalPrice` and `RandomSamplingOptimalPrice` do without a prior.

    A price that a buyer's own past bids set is truthful in each round but not over rounds; `PastBids` leaves
    them out.

    References
    ----------
    R. Myerson (1981), Mathematics of Operations Research 6; J. Bulow and J. Roberts (1989), J. Political
    Economy 97.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[0.9, 0.5], ask=[0.2, 0.2])
    >>> trades = MonopolyPrice(prior="uniform").clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()
    ([1], [0.6])
    """

    name: str = "monopoly_price"
    prior: Annotated[Any, PRIOR] = "past_bids"
    venue: ClassVar[str] = "listings"
    money_fields: ClassVar[tuple[str, ...]] = ("prior",)

    @property
    def properties(self) -> Properties:
        """Truthful for buyers, whose bids never reach their own price."""
        short_sighted = isinstance(self.prior, PastBids) and self.prior.own
        return Properties(
            truthful_buyers="dominant",
            truthful_domain=ONE_ROUND if short_sighted else "",
            budget="strong",
            individually_rational=True,
            licences=("copy",),
            copy_means="Everybody who accepts the monopoly price is served.",
            exclusive_means="Not served: the price supposes a copy for everybody.",
            reference="Myerson 1981, Mathematics of Operations Research 6",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Let buyers take their best rows at the monopoly prices."""
        priority = self.draw_priority(orders, rng)
        price = self.prior.price(orders)
        best = Ranking.of(orders.seat, orders.bid - price, priority, orders.demand)
        row = np.flatnonzero(best.first(orders.bid >= price))
        return Trades.of(orders, row, price[row], price[row])
