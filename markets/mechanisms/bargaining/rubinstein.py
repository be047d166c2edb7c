"""Alternating offers between pairs."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.matching.bargaining import pair_off, split_trades
from markets.matching.splits import rubinstein_share, rubinstein_split
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades

Discount = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Rubinstein(Mechanism):
    """Pairs form largest surplus first and split it as patient people who offer in turn would.

    Rule: rows with ``bid >= ask`` pair off, largest ``bid - ask`` first (see
    `markets.matching.bargaining.pair_off`). A pair shares S = ``bid - ask`` as in the equilibrium of
    alternating offers: it agrees at once, and the first mover gets ``x = (1 - d2)/(1 - d1 d2) S`` with the
    discount factors d1 of the first mover and d2 of the other. Whoever refuses an offer may walk away to an
    outside option instead, w1 or w2 credits; then

        x = min(max((1 - d2)/(1 - d1 d2) S, (1 - d2) S + d2 w1), S - w2).

    An option that is worse than what bargaining gives changes nothing (`NashBargaining` lets every option
    count). The options are the party's part, as it would be without options, of the buyer's ``next_best`` and
    of the listing's ``best_refused`` surplus (`markets.matching.bargaining.Pairing`); both 0 if `outside` is
    ``none``. The buyer pays ``bid`` less what it gets.

    Ties of the matching go by a random order of the rows.

    Attributes
    ----------
    buyer_discount, seller_discount : float
        What a credit a period later is worth, in [0, 1). At 0 one takes whatever is offered.
    first_mover : str
        ``buyer`` or ``seller``.
    outside : str
        ``next_best`` or ``none``.

    Notes
    -----
    Bids and asks are taken for the parties' true values: bargaining under full information. Without options
    this is `NashBargaining` without threats and with the power x/S; as periods shorten the power goes to
    ln d_s / (ln d_b + ln d_s) whoever begins.

    References
    ----------
    A. Rubinstein (1982), Econometrica 50; with outside options K. Binmore, A. Shaked and J. Sutton (1989),
    Quarterly J. Economics 104.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1], seller=[0], listing=[7], bid=[12.0], ask=[5.0])
    >>> rule = Rubinstein(buyer_discount=0.9, seller_discount=0.8, first_mover="buyer")
    >>> rule.clear(orders, np.random.default_rng(0)).paid.round(9).tolist()  # the buyer gets 5/7 of 7
    [7.0]
    """

    name: str = "rubinstein"
    buyer_discount: Discount = 0.9
    seller_discount: Discount = 0.9
    first_mover: Annotated[str, Field(pattern="^(buyer|seller)$")] = "seller"
    outside: Annotated[str, Field(pattern="^(next_best|none)$")] = "next_best"
    venue: ClassVar[str] = "bilateral"

    @property
    def properties(self) -> Properties:
        """Full information: efficient where largest surplus first is, truthful nowhere."""
        return Properties(
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain="one listing a position, or no scarce listing, or demand that does not bind",
            copy_means="The seller deals with everybody; patience alone splits the surplus.",
            exclusive_means="The best refused buyer is an option that counts once it beats bargaining.",
            reference="Rubinstein 1982, Econometrica 50",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Pair off by surplus; each pair splits as in the equilibrium of alternating offers."""
        pairs = pair_off(orders, self.draw_priority(orders, rng))
        d_b, d_s = self.buyer_discount, self.seller_discount
        if self.first_mover == "buyer":
            w_b, w_s = pairs.threats(rubinstein_share(d_b, d_s), self.outside)
            buyer_gain, _ = rubinstein_split(pairs.surplus, w_b, w_s, d_b, d_s)
        else:
            w_b, w_s = pairs.threats(1 - rubinstein_share(d_s, d_b), self.outside)
            _, buyer_gain = rubinstein_split(pairs.surplus, w_s, w_b, d_s, d_b)
        return split_trades(orders, pairs, buyer_gain)
