"""Kalai-Smorodinsky bargaining between pairs."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.matching.bargaining import pair_off, split_trades
from markets.matching.splits import kalai_smorodinsky_split
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades

Exponent = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class KalaiSmorodinsky(Mechanism):
    """Pairs form largest surplus first and both get the same part of the most each could hope for.

    Rule: rows with ``bid >= ask`` pair off, largest ``bid - ask`` first (see
    `markets.matching.bargaining.pair_off`). A pair shares S = ``bid - ask``: x to the buyer, S - x to the
    seller. x credits are worth x^r to the buyer and y credits y^q to the seller; d_b and d_s are what they
    have without the deal, in credits. The most the buyer could hope for is S - d_s, the seller S - d_b, and x
    solves

        (x^r - d_b^r) / ((S - d_s)^r - d_b^r) = ((S - x)^q - d_s^q) / ((S - d_b)^q - d_s^q).

    The buyer pays ``bid - x``. The disagreement points are those of `NashBargaining`, ``d_b = a * next_best``
    and ``d_s = (1 - a) * best_refused`` (`markets.matching.bargaining.Pairing`) with a the buyer's part of a
    deal without alternatives, a^r = (1 - a)^q; both are 0 if `disagreement` is ``none``.

    With r = q = 1 the frontier is a line, both excesses are equal and the rule is `NashBargaining` with equal
    power. Otherwise a risk-averse buyer (r < 1) gets less than half, but more than the r/(r + q) that Nash's
    solution gives it. A pair with d_b + d_s = S keeps that. Ties of the matching go by a random order of the
    rows.

    Attributes
    ----------
    buyer_exponent, seller_exponent : float
        r and q in (0, 1]; 1 is risk neutrality.
    disagreement : str
        ``next_best`` or ``none``.

    Notes
    -----
    Bids and asks are taken for the parties' true values: bargaining under full information. The equation is
    solved by bisection for all pairs at once, O(60 P).

    References
    ----------
    E. Kalai and M. Smorodinsky (1975), Econometrica 43.

    Examples
    --------
    >>> orders = Orders.of(
    ...     buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 1.0], capacity=[1, 1]
    ... )
    >>> trades = KalaiSmorodinsky().clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.round(9).tolist()  # d_s = 1, so (5 + 1 + 1) / 2
    ([1], [3.5])
    """

    name: str = "kalai_smorodinsky"
    buyer_exponent: Exponent = 1.0
    seller_exponent: Exponent = 1.0
    disagreement: Annotated[str, Field(pattern="^(next_best|none)$")] = "next_best"
    venue: ClassVar[str] = "bilateral"

    @property
    def properties(self) -> Properties:
        """Full information: efficient where largest surplus first is, truthful nowhere."""
        return Properties(
            budget="strong",
            individually_rational=True,
            efficient=True,
            efficient_domain="one listing a position, or no scarce listing, or demand that does not bind",
            copy_means="The seller deals with everybody and can threaten nobody with another buyer.",
            exclusive_means="The seller's best refused buyer lowers what its partner can hope for.",
            reference="Kalai and Smorodinsky 1975, Econometrica 43",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Pair off by surplus; each pair trades where the relative gains are equal."""
        pairs = pair_off(orders, self.draw_priority(orders, rng))
        alone, _ = kalai_smorodinsky_split(1.0, 0.0, 0.0, self.buyer_exponent, self.seller_exponent)
        d_buyer, d_seller = pairs.threats(float(alone), self.disagreement)
        buyer_gain, _ = kalai_smorodinsky_split(
            pairs.surplus, d_buyer, d_seller, self.buyer_exponent, self.seller_exponent
        )
        return split_trades(orders, pairs, buyer_gain)
