"""Goods: what sellers list, and on which terms.

Core Objects: Goods, Provenance
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from markets.accounts.money import MICRO
from markets.columns import Bools, Floats, Ints
from markets.goods.blocks import Licence, Listing, ParameterBlock
from markets.orders.orders import Orders, first_best
from sim.config.broker import BrokerConfig
from sim.exchange.tables import Listings, Prospects


@dataclass(frozen=True)
class Provenance:
    """Where the blocks of N organisations come from.

    Attributes
    ----------
    architectures : sequence of str
        The signature of what each one's are cut from.
    lineage : bool [N, N]
        Whose parameters flowed into whose.
    cost : int64 [N]
        FLOPs spent on each.
    """

    architectures: Sequence[str]
    lineage: Bools
    cost: Ints


@dataclass(frozen=True, kw_only=True)
class Goods:
    """What may be listed.

    Attributes
    ----------
    positions : sequence of str or int
        Where a block fits: a part of a model, or the market of a card. Orders for one position are rivals.
    contents : int64 [positions]
        What each holds of what a seller has, as a bit mask, where listings overlap; 0 where they do not.
    licence : Licence
        How many can win a listing.
    demand : int
        Blocks of one position that an organisation buys at most in a round.
    own : int64 [N, 2] or None
        The first of each organisation's positions, and the one after its last, where models are cut
        differently; None where everybody has all.
    """

    positions: Sequence[str | int]
    contents: Ints
    licence: Licence
    demand: int
    own: Ints | None = None

    @classmethod
    def of(cls, rules: BrokerConfig, positions: Sequence[str | int], contents: Ints) -> "Goods":
        """Return the goods of some positions on the broker's terms."""
        return cls(
            positions=positions,
            contents=contents,
            licence=Licence.parse(rules.licence),
            demand=rules.demand,
        )

    def listed(self, sellers: Ints, reserve: int) -> Listings:
        """Return a listing for each position that a seller has, all with a reserve in micro-credits."""
        own = np.array([[0, len(self.positions)]]) if self.own is None else self.own[sellers]
        first, end = np.broadcast_to(own, (len(sellers), 2)).T
        seller = np.repeat(sellers, end - first)
        number = np.arange(len(seller)) - np.repeat(np.cumsum(end - first) - (end - first), end - first)
        return Listings(seller, np.repeat(first, end - first) + number, np.full(len(seller), reserve))

    def fit(self, buyers: Ints, sellers: Ints) -> Bools:
        """Return whether models of buyers [n, 1] and sellers [L] are cut from one architecture."""
        if self.own is None:
            return np.ones(np.broadcast_shapes(buyers.shape, sellers.shape), dtype=bool)
        return np.asarray(self.own[buyers, 0] == self.own[sellers, 0])

    def orders(self, prospects: Prospects, row: Ints, bid: Floats, ask: Floats) -> Orders:
        """Return orders about the pairs `row` [R] with the given bids and asks, in credits."""
        pairs = prospects.pairs.take(row)
        return Orders.of(
            buyer=pairs.buyer,
            seller=pairs.seller,
            listing=pairs.listing,
            bid=bid,
            ask=ask,
            position=pairs.position,
            gain=prospects.gain[row],
            capacity=np.full(len(row), self.licence.capacity),
            contents=self.contents[pairs.position],
            demand=self.demand,
        )

    def first_best(self, prospects: Prospects) -> Floats:
        """Return the gain of each trade of the best allocation that values and costs allow, credits."""
        value, cost = prospects.appraisal.value, prospects.appraisal.cost
        row = np.flatnonzero(value > 0)
        return first_best(self.orders(prospects, row, value[row], cost[row]))[1]

    def described(self, listings: Listings, provenance: Provenance, round_: int) -> list[Listing]:
        """Return listings as goods, for people to read; a round itself works on columns."""
        return [
            Listing(
                listing_id=number,
                seller=int(seller),
                block=ParameterBlock(
                    block_id=f"{seller}/{self.positions[position]}@{round_}",
                    kind="weights",
                    position=str(self.positions[position]),
                    architecture=provenance.architectures[seller],
                    owner=int(seller),
                    lineage=tuple(np.flatnonzero(provenance.lineage[seller]).tolist()),
                    cost=float(provenance.cost[seller]),
                ),
                reserve=float(reserve) / MICRO,
                licence=self.licence,
            )
            for number, (seller, position, reserve) in enumerate(
                zip(listings.seller, listings.position, listings.reserve, strict=True)
            )
        ]
