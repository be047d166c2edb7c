"""Posted prices."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.matching.deferred_acceptance import stable_matching
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class PostedPrice(Mechanism):
    """One price that nobody's report moves, or every seller's own ask; take it or leave it.

    Rule: with a fixed price p, row r may trade iff ``bid[r] >= p >= ask[r]``; without one, iff ``bid[r] >=
    ask[r]`` and p is ``ask[r]``. Buyers take the rows with the largest ``bid - p``, up to their demand. A
    listing with more takers than copies serves them by a uniform lottery, and who is turned away goes on to
    its next best. The buyer pays p, the seller receives it.

    A buyer that likes two listings best takes one of them by a lot of its own. With nobody on one side
    nothing trades.

    Attributes
    ----------
    price : float or None
        The fixed price in credits; None lets every seller post its ask.

    Notes
    -----
    The only rules for one buyer and one seller that are truthful in dominant strategies, individually
    rational and balanced are posted prices and lotteries over them; for one pair uniform on [0, 1] the best
    realises three quarters of the gains (`markets.theory.posted_price_gains`).

    References
    ----------
    K. Hagerty and W. Rogerson (1987), J. Economic Theory 42.

    Examples
    --------
    >>> orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[7, 7], bid=[5.0, 3.0], ask=[1.0, 1.0])
    >>> trades = PostedPrice(price=4.0).clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()
    ([1], [4.0])
    """

    name: str = "posted_price"
    price: Annotated[float | None, Field(ge=0, le=1e6, allow_inf_nan=False)] = None
    venue: ClassVar[str] = "listings"
    money_fields: ClassVar[tuple[str, ...]] = ("price",)

    @property
    def properties(self) -> Properties:
        """A fixed price is truthful for both sides; a seller that posts its own price marks it up."""
        own = self.price is None
        buyers = "buyers whose demand is one or does not bind"
        sellers = "sellers with one listing and one cost for all of its buyers"
        return Properties(
            truthful_buyers="dominant",
            truthful_sellers="no" if own else "dominant",
            truthful_domain=buyers if own else f"{buyers}; {sellers}",
            budget="strong",
            individually_rational=True,
            efficient=own,
            efficient_domain="no scarce listing" if own else "",
            copy_means="Everybody who accepts the price is served.",
            exclusive_means="One of those who accept the price is served, drawn by lot.",
            reference="Hagerty and Rogerson 1987, J. Economic Theory 42",
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Match buyers' favourites by lot at the posted prices."""
        luck = self.draw(orders, rng)
        price = orders.ask if self.price is None else np.full(len(orders), self.price)
        willing = (orders.bid >= price) & (price >= orders.ask)
        # A buyer's choice must not tell how it will fare in the lottery of what it chose.
        lottery = (luck.of("lottery") >> np.uint64(11)).astype(np.float64)
        won, _ = stable_matching(orders, willing, orders.bid - price, lottery, luck.priority)
        return Trades.of(orders, np.flatnonzero(won), price[won], price[won])
