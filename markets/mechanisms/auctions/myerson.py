"""Myerson's optimal auction."""

from dataclasses import field
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from markets.columns import Floats
from markets.matching.deferred_acceptance import stable_matching
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades
from markets.priors import PRIOR, Distribution, Prior
from markets.refusals import InputError


def _with_density(prior: Prior) -> Prior:
    if not isinstance(prior, Distribution):
        raise InputError(f"mechanism.prior must be a distribution with a density; got {prior!r}")
    return prior


Density = Annotated[Any, PRIOR, AfterValidator(_with_density)]


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid", "validate_default": True})
class Myerson(Mechanism):
    """Every listing goes to the largest virtual surpluses: what the seller expects most from.

    Rule: with phi_i the virtual value of buyer i's distribution, ``phi_i(v) = v - (1 - F_i(v))/f_i(v)``, the
    virtual surplus of a row is ``phi_i(bid) - ask``. Rows where it is not negative are matched, largest
    virtual surplus first. With z the largest virtual surplus that the listing refused (0 if none), the winner
    of row r pays the smallest bid that would still have won, ``phi_i^-1(ask[r] + z)``, and the seller
    receives it.

    Where all buyers have the same distribution and a listing's asks are equal, this is a second-price auction
    with the optimal reserve (`ReserveAuction`). Where they differ it is not: the buyer who is expected to
    value the good less is favoured, so that the other has to fear it.

    Ties go by a random order of the rows; the winner of a tie pays its bid. A single bidder pays
    ``phi_i^-1(ask)``. Unlimited copies refuse nobody: every buyer is offered a price of its own. Bids below a
    distribution's support never win; from its upper end on the virtual value is the bid.

    Attributes
    ----------
    prior : str, mapping or Distribution
        The distribution of every buyer that is not in `priors`: a name, a mapping of its fields with the
        name, or itself. Its virtual value must rise, so that `markets.priors` that are no distributions with
        a density are refused.
    priors : dict
        The distributions of particular buyers, by number.

    Notes
    -----
    No truthful, individually rational rule earns one seller more on average if the priors are right; the
    revenue is the expected largest virtual surplus (`markets.theory.optimal_revenue`). Wrong priors
    misallocate and misprice, yet leave truth dominant.

    References
    ----------
    R. Myerson (1981), Mathematics of Operations Research 6.

    Raises
    ------
    InputError
        If a prior is none, or has no density.

    Examples
    --------
    A value of 0.7 out of [0, 1] beats one of 1.1 out of [0, 2], and pays as much as makes them equal:

    >>> orders = Orders.of(
    ...     buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[0.7, 1.1], ask=[0.0, 0.0], capacity=[1, 1]
    ... )
    >>> rule = Myerson(prior="uniform", priors={2: {"name": "uniform", "high": 2.0}})
    >>> trades = rule.clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.round(9).tolist()
    ([1], [0.6])
    """

    name: str = "myerson"
    prior: Density = "uniform"
    priors: dict[int, Density] = field(default_factory=dict)
    venue: ClassVar[str] = "listings"
    money_fields: ClassVar[tuple[str, ...]] = ("prior", "priors")

    @property
    def properties(self) -> Properties:
        """Truthful for buyers where listings do not compete for a buyer's last place."""
        return Properties(
            truthful_buyers="dominant",
            truthful_domain="one listing a position, or unlimited copies, or demand that does not bind",
            budget="strong",
            individually_rational=True,
            copy_means="Every buyer is offered the monopoly price against its own distribution.",
            exclusive_means="The largest virtual surplus wins and pays the smallest bid that still would.",
            reference="Myerson 1981, Mathematics of Operations Research 6",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Match by virtual surplus; winners pay the smallest bid that still wins."""
        priority = self.draw_priority(orders, rng)
        least = self._by_buyer("monopoly_price", orders, orders.ask)
        surplus = self._by_buyer("virtual_value", orders, orders.bid) - orders.ask
        won, refused = stable_matching(orders, surplus >= 0, orders.bid - least, surplus, priority)
        best_refused = np.zeros(len(orders))
        np.maximum.at(best_refused, orders.lot[refused], surplus[refused])
        row = np.flatnonzero(won)
        price = self._by_buyer("monopoly_price", orders, orders.ask + best_refused[orders.lot])[row]
        # In exact numbers the price lies between ask and bid; the clip takes back rounding.
        price = np.clip(price, orders.ask[row], orders.bid[row])
        return Trades.of(orders, row, price, price)

    def _by_buyer(self, function: str, orders: Orders, amount: Floats) -> Floats:
        """Apply a function of each row's distribution to an amount [R]."""
        result: Floats = getattr(self.prior, function)(amount)
        for buyer, prior in self.priors.items():
            rows = np.flatnonzero(orders.buyer == buyer)
            result[rows] = getattr(prior, function)(amount[rows])
        return result
