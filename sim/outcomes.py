"""Outcomes: what organisations and everybody learn once a round has cleared.

Core Objects: begin, learn
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agents.strategies import Memory, OutcomeView, Strategy, Tape
from markets.money import MICRO
from markets.venues import Quotes, ask_quotes, bid_quotes
from sim.broker import own_rows

if TYPE_CHECKING:
    from sim.broker import Appraisal, Catalogue, Quoted, Shortlist
    from sim.deals import Charges, Deals
    from sim.world import TradingWorld

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = dict[str, NDArray]


def begin(world: "TradingWorld") -> dict[str, Memory]:
    """Return what each strategy that is followed remembers before its first round, by its name."""
    return {strategy.name: begin_one(world, strategy) for strategy, _ in world.strategies}


def begin_one(world: "TradingWorld", strategy: Strategy) -> Memory:
    """Return what a strategy remembers before its first round in a world."""
    return strategy.begin(
        world.organisations, len(world.laboratory.positions), world.stream("begin", strategy.name)
    )


def learn(
    world: "TradingWorld",
    catalogue: "Catalogue",
    tries: "Shortlist",
    worth: "Appraisal",
    quoted: "Quoted",
    deals: "Deals",
    levied: "Charges",
) -> dict[str, Memory]:
    """Return what each strategy remembers after the round, by its name.

    Where organisations cooperate their strategies were not asked and learn nothing.
    """
    if world.config.setting.cooperates:
        return world.memories
    buyers = bid_quotes(world.mechanism.venue, tries.buyer, tries.position)
    sellers = ask_quotes(world.mechanism.venue, tries.listing)
    value, cost = buyers.mean(worth.value), sellers.maximum(worth.cost)
    sides = [
        _side(buyers, tries, tries.buyer, value, quoted, quoted.bid, deals, deals.paid)
        | {"levy": _levy(buyers, quoted, levied, levied.paid)},
        _side(sellers, tries, tries.seller, cost, quoted, quoted.ask, deals, deals.received)
        | {"levy": _levy(sellers, quoted, levied, levied.received)},
    ]
    both = {name: np.concatenate([side[name] for side in sides]) for name in sides[0]}
    both["is_buyer"] = np.repeat([True, False], [len(buyers), len(sellers)])
    tape = public_tape(both, world.mechanism.open_outcry)
    return {
        strategy.name: strategy.learn(
            OutcomeView(
                **{name: column[own] for name, column in both.items()},
                tape=tape,
                organisations=world.organisations,
                listings=len(catalogue),
                positions=len(world.laboratory.positions),
                memory=world.memories[strategy.name],
                rng=world.stream("learn", strategy.name),
            )
        )
        for strategy, own in own_rows(world.strategies, both["organisation"])
    }


def public_tape(sides: Columns, open_outcry: bool) -> Tape:
    """Return what everybody saw of a round, bids first.

    Every quote that came to the market of an open mechanism; of a sealed one what each that traded paid or
    received.

    Parameters
    ----------
    sides : dict
        Columns of `OutcomeView` for everybody.
    """
    shown = ~np.isnan(sides["quote"]) if open_outcry else sides["units"] > 0
    position, is_bid, price = (sides[name][shown] for name in ("position", "is_buyer", "price"))
    return Tape(position, is_bid, sides["quote"][shown] if open_outcry else price, price)


def _side(
    quotes: Quotes,
    tries: "Shortlist",
    organisation: Ints,
    limit: Floats,
    quoted: "Quoted",
    said: Ints,
    deals: "Deals",
    money: Ints,
) -> Columns:
    """Return the outcome of one side's quotes, by the names of `OutcomeView`."""
    quote = np.full(len(quotes), np.nan)
    quote[quotes.quote[quoted.row]] = said / MICRO
    done = deals.settled
    traded = quotes.quote[deals.row[done]]
    units = np.bincount(traded, minlength=len(quotes))
    total = np.bincount(traded, money[done] / MICRO, len(quotes))
    return {
        "organisation": organisation[quotes.row],
        "listing": tries.listing[quotes.row],
        "position": tries.position[quotes.row],
        "limit": limit,
        "quote": quote,
        "units": units,
        "price": np.divide(total, units, out=np.full(len(quotes), np.nan), where=units > 0),
    }


def _levy(quotes: Quotes, quoted: "Quoted", levied: "Charges", money: Ints) -> Floats:
    """Return what the levies that settled took from, or gave to, each quote; credits."""
    quote = quotes.quote[quoted.row[levied.order[levied.settled]]]
    return np.bincount(quote, money[levied.settled] / MICRO, len(quotes)).astype(np.float64)
