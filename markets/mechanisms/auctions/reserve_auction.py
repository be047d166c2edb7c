"""The second-price auction with a reserve."""

import math
from typing import Any, ClassVar

import numpy as np
from pydantic import field_validator
from pydantic.dataclasses import dataclass

from markets.columns import Floats
from markets.matching.deferred_acceptance import stable_matching
from markets.mechanisms.base import MECHANISMS, Properties
from markets.mechanisms.prior_based import ONE_ROUND, PriorBased
from markets.orders.orders import Orders, Trades
from markets.priors import PRIOR, Prior
from markets.priors.past_bids import PastBids
from markets.refusals import InputError


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid", "validate_default": True})
class ReserveAuction(PriorBased):
    """A second-price auction that rather does not sell than sells below a reserve, over the sellers' asks.

    Rule: the floor of a row is its ask or the reserve, whichever is larger. Rows with ``bid >= floor`` are
    matched, largest ``bid - ask`` first. With z the largest surplus that the listing refused (0 if none), the
    winner of row r pays ``ask[r] + z``, or its floor if that is more, and the seller receives it. Where all
    asks of a listing are equal this is the textbook rule: the larger of reserve and highest losing bid.

    The reserve is a given amount, or Myerson's optimal one for a prior over values: the price p with the
    largest ``(p - ask)(1 - F(p))``, which does not depend on how many bid. The prior is a given distribution
    or the bids of earlier rounds (`markets.priors`).

    Ties go by a random order of the rows; the winner of a tie pays its bid. A single bidder pays its floor; a
    price of 0 is a sale. Unlimited copies refuse nobody and are sold at the floor.

    Attributes
    ----------
    reserve : float, str, mapping or Prior
        An amount in credits, or a prior: its name, a mapping of its fields, or itself.
    lazy : bool
        Whether the floor is only looked at once the winners are found: a winner that bids less than its floor
        gets nothing, and neither does anybody else. Eager by default: who bids less than its floor does not
        take part. They differ where floors of one listing do. A lazy floor is nobody's business but the
        winner's, so that driving up the reserves of others, later, is worth nothing.

    Notes
    -----
    With a regular prior and one listing of equal asks, no truthful rule earns the seller more. A reserve
    above the ask forgoes sales: for values uniform on [0, 1] and r = 1/2 a share r^(n+1) of the gains
    (`markets.theory.reserve_loss`), and one more bidder is worth more to the seller than the best reserve
    (`markets.theory.reserve_revenue`).

    A reserve that a buyer's own past bids set is truthful in each round but not over rounds. `PastBids`
    leaves them out; with others' bids alone and a lazy reserve, truth is best over all rounds together.

    References
    ----------
    R. Myerson (1981), Mathematics of Operations Research 6; J. Riley and W. Samuelson (1981), American
    Economic Review 71; J. Bulow and P. Klemperer (1996), American Economic Review 86; Y. Kanoria and H.
    Nazerzadeh (2021), Operations Research 69.

    Raises
    ------
    InputError
        If the reserve is no prior and not finite or negative.

    Examples
    --------
    >>> orders = Orders.of(
    ...     buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[0.9, 0.4], ask=[0.2, 0.2], capacity=[1, 1]
    ... )
    >>> ReserveAuction(reserve=0.3).clear(orders, np.random.default_rng(0)).paid.tolist()
    [0.4]
    >>> ReserveAuction(reserve="uniform").clear(orders, np.random.default_rng(0)).paid.tolist()
    [0.6]
    """

    name: str = "reserve_auction"
    reserve: Any = "past_bids"
    lazy: bool = False
    venue: ClassVar[str] = "listings"
    money_fields: ClassVar[tuple[str, ...]] = ("reserve",)
    prior_field: ClassVar[str] = "reserve"

    @field_validator("reserve", mode="before")
    @classmethod
    def _amount_or_prior(cls, value: Any) -> "float | Prior":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return PRIOR.build(value)
        if not (math.isfinite(value) and value >= 0):
            raise InputError(f"mechanism.reserve must be finite and not negative, or a prior; got {value}")
        return float(value)

    @property
    def properties(self) -> Properties:
        """Truthful for buyers where the second-price auction is."""
        domain = "one listing a position, or unlimited copies, or demand that does not bind"
        short_sighted = isinstance(self.reserve, PastBids) and (self.reserve.own or not self.lazy)
        return Properties(
            truthful_buyers="dominant",
            truthful_domain=f"{domain}; {ONE_ROUND}" if short_sighted else domain,
            budget="strong",
            individually_rational=True,
            copy_means="Everybody who bids the reserve is served at it: the reserve is a posted price.",
            exclusive_means="The largest surplus wins and pays for the second largest, at least the reserve.",
            reference="Myerson 1981, Mathematics of Operations Research 6",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Match by surplus above the floors; winners pay their floor or for the best refused surplus."""
        priority = self.draw_priority(orders, rng)
        floor = self._floor(orders)
        meets = orders.bid >= floor
        eligible = orders.surplus >= 0 if self.lazy else meets
        won, refused = stable_matching(orders, eligible, orders.bid - floor, orders.surplus, priority)
        best_refused = np.zeros(len(orders))
        np.maximum.at(best_refused, orders.lot[refused], orders.surplus[refused])
        row = np.flatnonzero(won & meets)
        # In exact numbers the bid is never exceeded; the minimum takes back the rounding of ask + (bid -
        # ask).
        price = np.minimum(orders.bid, np.maximum(floor, orders.ask + best_refused[orders.lot]))[row]
        return Trades.of(orders, row, price, price)

    def _floor(self, orders: Orders) -> Floats:
        reserve = self.reserve.price(orders) if isinstance(self.reserve, Prior) else self.reserve
        return np.maximum(orders.ask, reserve)
