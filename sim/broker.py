"""The broker: lists blocks, picks who tries what, turns trials into values, and collects orders at the door.

Core Objects: Catalogue, Shortlist, Appraisal, Offers, Quoted, list_blocks, shortlist, appraise,
ask_strategies, at_the_door
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agents.strategies import AskView, BidView, Strategy
from markets.door import admit
from markets.goods import Licence, Listing, ParameterBlock
from markets.money import MICRO, to_micro
from markets.orders import Orders
from markets.venues import ask_quotes, bid_quotes

if TYPE_CHECKING:
    from sim.market import ParameterMarket
    from sim.requests import Tried
    from sim.world import TradingWorld

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Catalogue:
    """The blocks on offer: `seller`, `position` and `reserve` (micro-credits), one entry a listing."""

    seller: Ints
    position: Ints
    reserve: Ints

    def __len__(self) -> int:
        return len(self.seller)


@dataclass(frozen=True)
class Shortlist:
    """Who tries what: `buyer`, `listing`, and the listing's `seller` and `position`, one row a trial."""

    buyer: Ints
    listing: Ints
    seller: Ints
    position: Ints

    def __len__(self) -> int:
        return len(self.buyer)


@dataclass(frozen=True)
class Appraisal:
    """What each trial [P] is worth to its buyer, costs its seller, and adds to welfare; credits a round."""

    value: Floats
    cost: Floats
    welfare: Floats

    @property
    def withheld(self) -> Bools:
        """Trials that would raise welfare but whose seller would lose more than the buyer gains."""
        return (self.welfare > 0) & (self.value > 0) & (self.value < self.cost)


@dataclass(frozen=True)
class Offers:
    """What organisations would pay and take for each trial [P], credits: NaN is no bid, or not for sale."""

    bid: Floats
    ask: Floats


@dataclass(frozen=True)
class Quoted:
    """Orders as they came to the door.

    Attributes
    ----------
    row : int64 [R]
        The trial that each order is about.
    bid, ask : int64 [R]
        Micro-credits; the ask is never below the listing's reserve.
    refused : str [R]
        Why the door refused the bid; empty for those that were admitted.
    """

    row: Ints
    bid: Ints
    ask: Ints
    refused: NDArray[np.object_]

    @property
    def admitted(self) -> Bools:
        """Which orders go to the mechanism."""
        return self.refused == ""


def list_blocks(world: "ParameterMarket") -> Catalogue:
    """Return a listing for each position of each active trader; the reserve is the cost of delivery.

    A setting without a market, or a round without one by the broker's schedule, has no listings. Where resale
    is forbidden, who has put no training of its own into the model that it holds lists nothing.
    """
    held = world.config.setting.trades and world.config.broker.trades_in(world.steps)
    may_sell = world.active & world.members.following.trading & held
    if world.config.broker.resale == "forbidden":
        may_sell &= world.lineage.diagonal()
    sellers = np.flatnonzero(may_sell)
    positions = len(world.laboratory.positions)
    seller = np.repeat(sellers, positions)
    reserve = np.full(len(seller), int(to_micro(world.config.setting.delivery, "up")))
    return Catalogue(seller, np.tile(np.arange(positions), len(sellers)), reserve)


def describe(world: "ParameterMarket", catalogue: Catalogue) -> list[Listing]:
    """Return the listings of a catalogue as goods, for people to read; the round itself works on columns."""
    positions = world.laboratory.positions
    licence = Licence.parse(world.config.broker.licence)
    return [
        Listing(
            listing_id=number,
            seller=int(seller),
            block=ParameterBlock(
                block_id=f"{seller}/{positions[position]}@{world.steps}",
                kind="weights",
                position=positions[position],
                architecture=world.laboratory.architecture.signature,
                owner=int(seller),
                lineage=tuple(np.flatnonzero(world.lineage[seller]).tolist()),
                cost=float(world.training_flops[seller]),
            ),
            reserve=float(reserve) / MICRO,
            licence=licence,
        )
        for number, (seller, position, reserve) in enumerate(
            zip(catalogue.seller, catalogue.position, catalogue.reserve, strict=True)
        )
    ]


def shortlist(world: "ParameterMarket", catalogue: Catalogue) -> Shortlist:
    """Return at most `broker.shortlist` listings of others for each buyer, at random; all by default."""
    buyers = np.flatnonzero(world.active & world.members.following.trading)
    open_to = catalogue.seller[None, :] != buyers[:, None]
    most = world.config.broker.shortlist
    if most is not None and most < len(catalogue):
        shape = (world.organisations, world.organisations * len(world.laboratory.positions))
        identity = catalogue.seller * len(world.laboratory.positions) + catalogue.position
        keys = world.stream("shortlist").random(shape)[buyers][:, identity]
        keys = np.where(open_to, keys, np.inf)
        open_to &= keys.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") < most
    place, listing = (a.astype(np.int64) for a in np.nonzero(open_to))
    return Shortlist(buyers[place], listing, catalogue.seller[listing], catalogue.position[listing])


def appraise(world: "ParameterMarket", tries: Shortlist, tried: "Tried") -> Appraisal:
    """Return what the trials are worth under the payoffs of the world's setting."""
    setting = world.config.setting
    change = world.downstream.change(world.quality, tries.buyer, tries.seller, np.exp(-tried.loss_after))
    return Appraisal(setting.value(change), setting.cost(change), change.welfare - setting.delivery)


def ask_strategies(
    world: "TradingWorld", catalogue: Catalogue, tries: Shortlist, gain: Floats, worth: Appraisal
) -> Offers:
    """Return what the strategies bid and ask for each trial.

    Where organisations cooperate, bids are the gain of welfare and asks the cost of delivery, whatever the
    strategies.
    """
    if world.config.setting.cooperates:
        # What comes to no money is rounding: an order for it would come and go with the processor.
        return Offers(np.where(worth.value >= 1 / MICRO, worth.value, np.nan), worth.cost)
    return Offers(_bids(world, catalogue, tries, gain, worth), _asks(world, catalogue, tries, worth))


def at_the_door(world: "TradingWorld", catalogue: Catalogue, tries: Shortlist, offers: Offers) -> Quoted:
    """Return the orders that offers make, in whole micro-credits, with the door's refusals.

    Where organisations cooperate the price is the ask, and the door looks at that.
    """
    row = np.flatnonzero(~np.isnan(offers.bid) & ~np.isnan(offers.ask))
    bid = to_micro(offers.bid[row], "down")
    ask = np.maximum(to_micro(offers.ask[row], "up"), catalogue.reserve[tries.listing[row]])
    refused = admit(
        ask if world.config.setting.cooperates else bid,
        tries.buyer[row],
        world.ledger.balances[: world.organisations],
        world.ledger.credit_limit,
    )
    return Quoted(row, bid, ask, refused)


def to_orders(world: "TradingWorld", tries: Shortlist, gain: Floats, quoted: Quoted) -> Orders:
    """Return the admitted orders as the mechanism sees them, in credits."""
    at = quoted.row[quoted.admitted]
    return orders_at(
        world, tries, gain, at, quoted.bid[quoted.admitted] / MICRO, quoted.ask[quoted.admitted] / MICRO
    )


def orders_at(
    world: "TradingWorld", tries: Shortlist, gain: Floats, at: Ints, bid: Floats, ask: Floats
) -> Orders:
    """Return orders about the trials `at` [R] with the given bids and asks, in credits."""
    return Orders.of(
        buyer=tries.buyer[at],
        seller=tries.seller[at],
        listing=tries.listing[at],
        bid=bid,
        ask=ask,
        position=tries.position[at],
        gain=gain[at],
        capacity=np.full(len(at), Licence.parse(world.config.broker.licence).capacity),
        contents=world.laboratory.contents[tries.position[at]],
        demand=world.config.broker.demand,
    )


def _bids(
    world: "TradingWorld", catalogue: Catalogue, tries: Shortlist, gain: Floats, worth: Appraisal
) -> Floats:
    quotes = bid_quotes(world.mechanism.venue, tries.buyer, tries.position)
    value, mean_gain = quotes.mean(worth.value), quotes.mean(gain)
    buyer, listing = tries.buyer[quotes.row], tries.listing[quotes.row]
    balance = world.ledger.balances[buyer] / MICRO
    bids = np.full(len(quotes), np.nan)
    for strategy, own in own_rows(world.strategies, buyer):
        view = BidView(
            buyer[own],
            listing[own],
            value[own],
            mean_gain[own],
            balance[own],
            *_sealed(tries.position[quotes.row[own]]),
            world.organisations,
            len(catalogue),
            len(world.laboratory.positions),
            world.memories[strategy.name],
            world.stream("bid", strategy.name),
        )
        bids[own] = strategy.bid(view)
    return bids[quotes.quote]


def _asks(world: "TradingWorld", catalogue: Catalogue, tries: Shortlist, worth: Appraisal) -> Floats:
    quotes = ask_quotes(world.mechanism.venue, tries.listing)
    cost = quotes.maximum(worth.cost)
    seller, buyer, listing = (c[quotes.row] for c in (tries.seller, tries.buyer, tries.listing))
    asks = np.full(len(quotes), np.nan)
    for strategy, own in own_rows(world.strategies, seller):
        view = AskView(
            seller[own],
            buyer[own],
            listing[own],
            cost[own],
            np.full(len(own), world.config.setting.delivery),
            *_sealed(tries.position[quotes.row[own]]),
            world.organisations,
            len(catalogue),
            len(world.laboratory.positions),
            world.memories[strategy.name],
            world.stream("ask", strategy.name),
        )
        asks[own] = strategy.ask(view)
    return asks[quotes.quote]


def _sealed(position: Ints) -> tuple[Ints, Floats, Floats, Ints]:
    """Return the positions, no standing quotes, and one opportunity: a round asks for quotes once, sealed."""
    nothing = np.full(len(position), np.nan)
    return position, nothing, nothing, np.ones(len(position), dtype=np.int64)


def own_rows(strategies: list[tuple[Strategy, Bools]], organisation: Ints) -> list[tuple[Strategy, Ints]]:
    """Return each strategy with the rows of the organisations that follow it."""
    return [(strategy, np.flatnonzero(follows[organisation])) for strategy, follows in strategies]
