"""Nash bargaining between pairs that know their own number, and of the other's what the broker tells."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from markets.accounts.money import Money
from markets.matching.bargaining import pair_off
from markets.matching.private_information import (
    Midpoint,
    agree,
    buyer_reading,
    common_price,
    disclosed_cell,
    seller_reading,
)
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades
from markets.refusals import InputError


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class PrivateBargaining(Mechanism):
    """Pairs trade at the mean of what each side takes for the Nash price, unless one of them refuses it.

    Rule: values and costs are believed uniform on [l, h], and the broker tells each side in which of `cells`
    equal parts of it the other's number lies. Each reads the Nash price ``(1 - a) v + a c`` with its own
    number and, for the other's, the mean of what is possible and leaves something to gain (see
    `markets.matching.private_information`). The price is ``p = k p_b + (1 - k) p_s`` of the buyer's and the
    seller's reading. Of the rows where neither refuses, ``ask <= p <= bid``, pairs form, largest ``bid -
    ask`` first (see `markets.matching.bargaining.pair_off`).

    One cell is bargaining under the prior alone; as cells grow in number, prices go to those of
    `NashBargaining` without threats. Numbers outside [l, h] count as being in the cell next to them. Ties of
    the matching go by a random order of the rows.

    Attributes
    ----------
    buyer_power : float
        The buyer's weight a in [0, 1].
    k : float
        Weight of the buyer's reading in the price, in [0, 1].
    low, high : float
        l and h, in credits; `high` is above `low`.
    cells : int
        How finely the broker tells the other's number; 1 tells nothing.

    Notes
    -----
    Bids and asks are taken for the truth, and nobody is made to tell it. With value and cost uniform on [l,
    h] and one cell a deal in five is lost, which costs 1/25 of the gains (`markets.theory.reading_trade`).

    References
    ----------
    J. Nash (1950), Econometrica 18, under full information; for what no rule can avoid to lose where the
    sides answer strategically, R. Myerson and M. Satterthwaite (1983), J. Economic Theory 29.

    Raises
    ------
    InputError
        If `high` is not above `low`.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[0.8, 0.5], ask=[0.4, 0.4])
    >>> PrivateBargaining().clear(orders, np.random.default_rng(0)).paid.round(9).tolist()  # 3(v + c)/8 + 1/8
    [0.575, 0.4625]
    >>> PrivateBargaining(cells=1000).clear(orders, np.random.default_rng(0)).paid.round(2).tolist()
    [0.6, 0.45]
    """

    name: str = "private_bargaining"
    buyer_power: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    k: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    low: Money = 0.0
    high: Money = 1.0
    cells: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    venue: ClassVar[str] = "bilateral"
    money_fields: ClassVar[tuple[str, ...]] = ("low", "high")

    @model_validator(mode="after")
    def _is_a_range(self) -> "PrivateBargaining":
        if not self.high > self.low:
            raise InputError(f"mechanism.high must be above low ({self.low}); got {self.high}")
        return self

    @property
    def properties(self) -> Properties:
        """Truthful nowhere, and deals are lost where the two sides read too different prices."""
        return Properties(
            budget="strong",
            individually_rational=True,
            copy_means="Every pair trades whose price neither side refuses.",
            exclusive_means="Of the pairs whose price neither refuses, that of the largest surplus trades.",
            reference="Nash 1950, Econometrica 18",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Price every row; pair off those that agree, by surplus."""
        priority, price = self.draw_priority(orders, rng), self._price(orders)
        agreed = np.flatnonzero(agree(price, orders.bid, orders.ask))
        among = priority[agreed].argsort().argsort()
        row = agreed[pair_off(orders.select(agreed), among).row]
        # Agreement holds up to rounding; the clip takes it back.
        paid = np.clip(price[row], orders.ask[row], orders.bid[row])
        return Trades.of(orders, row, paid, paid)

    def _price(self, orders: Orders) -> np.ndarray:
        """Return the price of each row, float64[R]."""
        belief = Midpoint()
        value = disclosed_cell(orders.bid, self.low, self.high, self.cells)
        cost = disclosed_cell(orders.ask, self.low, self.high, self.cells)
        return common_price(
            buyer_reading(orders.bid, cost, self.buyer_power, belief),
            seller_reading(orders.ask, value, self.buyer_power, belief),
            self.k,
        )
