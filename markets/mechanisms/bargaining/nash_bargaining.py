"""Nash bargaining between pairs."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.matching.bargaining import pair_off, split_trades
from markets.matching.splits import nash_split
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class NashBargaining(Mechanism):
    """Pairs form largest surplus first and split it by the Nash solution.

    Rule: rows with ``bid >= ask`` are matched, largest ``bid - ask`` first. A pair with value v, cost c and
    buyer's power a trades at ``p = (1 - a)(v - d_b) + a(c + d_s)``, where d_b and d_s are what the two have
    without this deal:

    - ``d_b = a * next_best``, of the buyer, and ``d_s = (1 - a) * best_refused``, of the listing (see
      `markets.matching.bargaining.Pairing`, also for why a deal always pays, S = v - c >= d_b + d_s);
    - both 0 if `disagreement` is ``none``.

    Ties of the matching go by a random order of the rows.

    Attributes
    ----------
    buyer_power : float
        The buyer's weight a in [0, 1]; 1 gives it all that its partner can be held to.
    disagreement : str
        ``next_best`` or ``none``.

    Notes
    -----
    Bids and asks are taken for the parties' true values: bargaining under full information. Nobody is made to
    tell the truth.

    References
    ----------
    J. Nash (1950), Econometrica 18; with outside options as disagreement points, K. Binmore, A. Rubinstein
    and A. Wolinsky (1986), RAND J. Economics 17.

    Examples
    --------
    >>> orders = Orders.of(
    ...     buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 1.0], capacity=[1, 1]
    ... )
    >>> trades = NashBargaining(buyer_power=0.5).clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()  # d_s = 1, so (5 + 1 + 1) / 2
    ([1], [3.5])
    """

    name: str = "nash_bargaining"
    buyer_power: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
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
            exclusive_means="The seller's best refused buyer is its threat.",
            reference="Nash 1950, Econometrica 18",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Pair off by surplus; each pair trades at its Nash price."""
        pairs = pair_off(orders, self.draw_priority(orders, rng))
        threats = pairs.threats(self.buyer_power, self.disagreement)
        buyer_gain, _ = nash_split(pairs.surplus, *threats, power=self.buyer_power)
        return split_trades(orders, pairs, buyer_gain)
