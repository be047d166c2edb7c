"""Take it or leave it."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.matching.bargaining import pair_off
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class TakeItOrLeaveIt(Mechanism):
    """One side makes an offer, its own quote; the other accepts it or nothing happens.

    Rule: rows with ``bid >= ask`` pair off, largest ``bid - ask`` first (see
    `markets.matching.bargaining.pair_off`); a pair trades at its ask if the seller is the proposer, at its
    bid if the buyer is. The other side's quote says which offers it accepts, and ``bid - ask``, what the
    offer leaves to it, which it likes best.

    An offer that leaves nothing is accepted. Ties go by a random order of the rows. These are the ends k = 0
    and k = 1 of `ChatterjeeSamuelson`.

    Attributes
    ----------
    proposer : str
        ``seller`` or ``buyer``.

    Notes
    -----
    The responder cannot do better than the truth where nobody competes for its partner; the proposer marks
    up. With value and cost uniform on [0, 1] the best offers are (1 + c)/2 of a seller and v/2 of a buyer
    (`markets.theory.best_offer`): the gains are 1/8 of 1/6, two thirds of them the proposer's.

    References
    ----------
    W. Samuelson (1984), Econometrica 52; R. Myerson (1981), Mathematics of Operations Research 6.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 2.0])
    >>> TakeItOrLeaveIt(proposer="seller").clear(orders, np.random.default_rng(0)).paid.tolist()
    [1.0, 2.0]
    >>> TakeItOrLeaveIt(proposer="buyer").clear(orders, np.random.default_rng(0)).paid.tolist()
    [5.0, 3.0]
    """

    name: str = "take_it_or_leave_it"
    proposer: Annotated[str, Field(pattern="^(seller|buyer)$")] = "seller"
    venue: ClassVar[str] = "bilateral"

    @property
    def properties(self) -> Properties:
        """Truthful for the side that answers, where nobody competes for its partner."""
        seller = self.proposer == "seller"
        return Properties(
            truthful_buyers="dominant" if seller else "no",
            truthful_sellers="no" if seller else "dominant",
            truthful_domain="no scarce listing" if seller else "demand that does not bind",
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain="one listing a position, or no scarce listing, or demand that does not bind",
            copy_means="Every pair with an acceptable offer trades at it.",
            exclusive_means="The pair of the largest surplus trades at the proposer's offer.",
            reference="Samuelson 1984, Econometrica 52",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Pair off by surplus; each pair trades at its proposer's quote."""
        pairs = pair_off(orders, self.draw_priority(orders, rng))
        price = (orders.ask if self.proposer == "seller" else orders.bid)[pairs.row]
        return Trades.of(orders, pairs.row, price, price)
