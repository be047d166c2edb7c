"""The second best for two with private values."""

from typing import ClassVar

import numpy as np
from pydantic import model_validator
from pydantic.dataclasses import dataclass

from markets.accounts.money import Money
from markets.matching.bargaining import pair_off
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades
from markets.refusals import InputError


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class MyersonSatterthwaite(Mechanism):
    """Pairs trade where the surplus is large enough that truth costs nobody anything: no rule gains more.

    Rule: values and costs are believed independent and uniform on [l, h]. With v and c the bid and the ask
    brought into [l, h], rows with ``v - c >= (h - l)/4`` pair off, largest ``v - c`` first (see
    `markets.matching.bargaining.pair_off`), and a pair trades at ``p = (v + c)/3 + (l + h)/6``.

    This is the direct form of the linear equilibrium of `ChatterjeeSamuelson` at k = 1/2: the mechanism
    shades for the parties, so that they need not. The price lies between c and v in every trade, and nobody
    outside [l, h] loses: a bid above h counts as h, one below l never trades. ``v - c`` at the threshold is a
    trade. Ties of the matching go by a random order of the rows.

    Attributes
    ----------
    low, high : float
        l and h, in credits; `high` is above `low`.

    Notes
    -----
    No rule is at once Bayesian incentive compatible, individually rational, balanced and efficient. Under the
    first three the most that can be gained from one pair is had by trading iff ``v - a(1 - F)/f >= c + a
    G/g``, where a = 1/3 for the uniform: a quarter of the range. 27/32 of the gains are realised
    (`markets.theory.threshold_trade`). Knowing the range is the price of this: with a wrong one it may never
    trade.

    References
    ----------
    R. Myerson and M. Satterthwaite (1983), J. Economic Theory 29.

    Raises
    ------
    InputError
        If `high` is not above `low`.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[0.9, 0.5], ask=[0.3, 0.3])
    >>> trades = MyersonSatterthwaite().clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.round(9).tolist()  # 0.5 - 0.3 < 1/4
    ([1], [0.566666667])
    """

    name: str = "myerson_satterthwaite"
    low: Money = 0.0
    high: Money = 1.0
    venue: ClassVar[str] = "bilateral"
    money_fields: ClassVar[tuple[str, ...]] = ("low", "high")

    @model_validator(mode="after")
    def _is_a_range(self) -> "MyersonSatterthwaite":
        if not self.high > self.low:
            raise InputError(f"mechanism.high must be above low ({self.low}); got {self.high}")
        return self

    @property
    def properties(self) -> Properties:
        """Truthful on average for a pair that meets nobody else."""
        return Properties(
            truthful_buyers="bayesian",
            truthful_sellers="bayesian",
            truthful_domain="independent uniform values and costs on [low, high], "
            "no scarce listing and demand that does not bind",
            budget="strong",
            individually_rational=True,
            copy_means="Every pair whose surplus reaches the threshold trades.",
            exclusive_means="The pair of the largest surplus trades if that reaches the threshold.",
            reference="Myerson and Satterthwaite 1983, J. Economic Theory 29",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Pair off by surplus above the threshold; each pair trades at the mean of its shaded reports."""
        priority = self.draw_priority(orders, rng)
        believed = orders.reporting(
            np.clip(orders.bid, self.low, self.high), np.clip(orders.ask, self.low, self.high)
        )
        row = pair_off(believed, priority, least=(self.high - self.low) / 4).row
        price = (believed.bid[row] + believed.ask[row]) / 3 + (self.low + self.high) / 6
        # In exact numbers the price lies between ask and bid; the clip takes back rounding.
        price = np.clip(price, orders.ask[row], orders.bid[row])
        return Trades.of(orders, row, price, price)
