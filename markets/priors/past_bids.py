"""What past bids tell.

Core Objects: PastBids, BidSample
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, InstanceOf
from pydantic.dataclasses import dataclass

from markets.columns import Floats, Ints, amounts, whole_numbers
from markets.matching.copies import LotTable
from markets.matching.ranking import Ranking
from markets.orders.orders import Orders
from markets.priors.base import PRIORS, Prior
from markets.priors.empirical import Guard, sample_price
from markets.refusals import InputError

_CELLS = 2**22
"""Cells of the tables that are worked on at once."""


@dataclasses.dataclass(frozen=True, eq=False)
class BidSample:
    """Bids that were made, the oldest first: who bid for whose listing of which position, and how much.

    Attributes
    ----------
    buyer, seller, position : int64[S]
        As in `Orders`.
    bid : float64[S]
        In credits.
    """

    buyer: Ints
    seller: Ints
    position: Ints
    bid: Floats
    money_fields: ClassVar[tuple[str, ...]] = ("bid",)

    @classmethod
    def of(cls, columns: Mapping[str, npt.ArrayLike]) -> "BidSample":
        """Copy, validate and freeze the columns, by name.

        Raises
        ------
        InputError
            If a column is missing or holds what an order could not, or columns differ in length.
        """
        missing = [name for name in SAMPLE_COLUMNS if name not in columns]
        if missing:
            raise InputError(
                f"past bids must have the columns {', '.join(SAMPLE_COLUMNS)}; got {list(columns)}"
            )
        buyer, seller, position = (
            whole_numbers(f"past_bids.{name}", columns[name]) for name in SAMPLE_COLUMNS[:-1]
        )
        bid = amounts("past_bids.bid", columns["bid"])
        if not len(buyer) == len(seller) == len(position) == len(bid):
            raise InputError(f"past_bids columns must be as long as bid ({len(bid)}); one is not")
        return cls(buyer, seller, position, bid)

    @classmethod
    def none(cls) -> "BidSample":
        """Return a sample of no bids."""
        return cls.of({name: [] for name in SAMPLE_COLUMNS})

    def __len__(self) -> int:
        return len(self.bid)


SAMPLE_COLUMNS = ("buyer", "seller", "position", "bid")


@PRIORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class PastBids(Prior):
    """The distribution of the bids of earlier rounds.

    The price offered to a row is the monopoly price at its ask of the sample of past bids in the row's pool
    (see `Empirical`): of the s_(k) that are no less than the ask the one with the largest ``k (s_(k) -
    ask)``. While the sample is smaller than `least` the price is the ask.

    By default a buyer's own bids are left out of the sample that its price comes from. Otherwise what it bids
    today would set what it pays tomorrow, and a buyer that thinks of tomorrow would bid less than its value
    although each round by itself is truthful.

    Attributes
    ----------
    pool : str
        ``market``: bids for all listings of the position; ``seller``: bids for those of the same seller.
    own : bool
        Whether a buyer's own past bids count.
    window : int
        Bids remembered in each pool, the latest.
    least : int
        Bids that a sample must have before it sets a price.
    guard : float
        As in `Empirical`.
    seen : BidSample
        The bids of earlier rounds; not for configuration.

    Notes
    -----
    The sample is of bids: where bids fall short of values, as in a first-price auction, so do the prices.
    O(R times the window) a price, O(S log S) to learn.

    References
    ----------
    M. Ostrovsky and M. Schwarz (2023), J. Political Economy 131; Y. Kanoria and H. Nazerzadeh (2021),
    Operations Research 69 (others' bids alone); R. Cole and T. Roughgarden (2014), STOC.

    Examples
    --------
    >>> seen = Orders.of(buyer=[1, 2, 3], seller=[0] * 3, listing=[0] * 3, bid=[9.0, 4.0, 3.0], ask=[1.0] * 3)
    >>> PastBids(least=2).after(seen).price(seen).tolist()  # from (4, 3), (9, 3) and (9, 4)
    [3.0, 9.0, 9.0]
    """

    name: str = "past_bids"
    pool: Annotated[str, Field(pattern="^(market|seller)$")] = "market"
    own: bool = False
    window: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    least: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    guard: Guard = 0.0
    seen: InstanceOf[BidSample] = field(default_factory=BidSample.none, repr=False)
    money_fields: ClassVar[tuple[str, ...]] = ("seen",)
    learns: ClassVar[bool] = True

    def price(self, orders: Orders) -> Floats:
        """Return the monopoly price at each ask of the row's sample, [R]."""
        pool = self._pools(
            np.concatenate([self.seen.seller, orders.seller]),
            np.concatenate([self.seen.position, orders.position]),
        )
        of_bid, of_row = np.split(pool, [len(self.seen)])
        table = LotTable.of(np.arange(len(self.seen)), of_bid, self.seen.bid, int(pool.max(initial=-1)) + 1)
        bidder = np.full(table.value.shape, -1)
        bidder[table.group, table.place] = self.seen.buyer[table.row]
        price = orders.ask.copy()
        at_once = max(1, _CELLS // max(1, table.value.shape[1]))
        for start in range(0, len(orders) if len(self.seen) else 0, at_once):
            rows = slice(start, start + at_once)
            value, who = table.value[of_row[rows]], bidder[of_row[rows]]
            counted = (who >= 0) & (self.own | (who != orders.buyer[rows, None]))
            price[rows] = sample_price(value, counted, orders.ask[rows], self.least, self.guard)
        return price

    def after(self, orders: Orders) -> "PastBids":
        """Return the prior that also knows the bids of `orders`, and no more than `window` of a pool."""
        merged = {
            name: np.concatenate([getattr(self.seen, name), getattr(orders, name)]) for name in SAMPLE_COLUMNS
        }
        age = np.arange(len(merged["bid"]))[::-1]
        pool = self._pools(merged["seller"], merged["position"])
        latest = Ranking.of(pool, np.zeros(len(pool)), age, self.window).first(np.ones(len(pool), dtype=bool))
        return self.with_memory({name: column[latest] for name, column in merged.items()})

    def memory(self) -> dict[str, npt.NDArray[Any]]:
        """Return the columns of `seen`."""
        return {name: getattr(self.seen, name) for name in SAMPLE_COLUMNS}

    def with_memory(self, memory: Mapping[str, npt.NDArray[Any]]) -> "PastBids":
        """Return the prior that has seen the bids of `memory`."""
        return dataclasses.replace(self, seen=BidSample.of(memory))

    def _pools(self, seller: Ints, position: Ints) -> Ints:
        """Return the pool of each bid as a number from 0 without gaps."""
        whose = seller if self.pool == "seller" else np.zeros_like(seller)
        pools = np.unique(np.stack([position, whose], axis=1), axis=0, return_inverse=True)[1]
        return pools.astype(np.int64).ravel()
