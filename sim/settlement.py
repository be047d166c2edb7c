"""Settlement: money moves and copies are delivered, both or neither; later, royalties.

Core Objects: Deals, settle, merge_weights, pay_royalties
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agents.strategies import MergeView
from markets.money import to_micro
from markets.orders import Trades
from sim.measurement import Deals
from sim.royalties import pairwise_transfers, royalties

if TYPE_CHECKING:
    from sim.broker import Quoted, Shortlist
    from sim.laboratory import Tried
    from sim.market import ParameterMarket

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def settle(world: "ParameterMarket", tries: "Shortlist", quoted: "Quoted", trades: Trades) -> Deals:
    """Move the money of every trade through the ledger and return the deals, settled or refused.

    Prices are rounded to whole micro-credits; bids and asks are whole already, so a rounded price never
    leaves the interval between them. A trade that would overdraw an account is refused whole.
    """
    order = np.flatnonzero(quoted.admitted)[trades.row]
    row = quoted.row[order]
    bid, ask = quoted.bid[order], quoted.ask[order]
    paid = np.clip(to_micro(trades.paid, "nearest"), ask, bid)
    received = np.clip(to_micro(trades.received, "nearest"), ask, bid)
    buyer, seller = tries.buyer[row], tries.seller[row]
    delivery = np.full(len(row), int(to_micro(world.config.setting.delivery, "nearest")))
    settled = world.ledger.settle(world.steps, buyer, seller, paid, received, delivery)
    return Deals(row, order, buyer, seller, bid, ask, paid, received, delivery, settled)


def merge_weights(world: "ParameterMarket", bought: Deals, tried: "Tried") -> Floats:
    """Return the weight with which each bought block is merged, as the buyers' strategies choose."""
    weight = tried.weight[bought.row]
    if world.config.learning.merge == "average":
        return np.full(len(weight), 0.5)
    if world.config.setting.cooperates:
        return weight
    chosen = weight.copy()
    for strategy, follows in world.strategies:
        own = follows[bought.buyer]
        view = MergeView(bought.buyer[own], bought.row[own], weight[own], tried.gain[bought.row[own]])
        chosen[own] = strategy.merge(view)
    return chosen.clip(0.0, 1.0)


def pay_royalties(
    world: "ParameterMarket", before: Floats, profit: Ints, bought: Deals, welfare: Floats
) -> Ints:
    """Let cooperating organisations share what the round changed; return what each got, micro-credits [N].

    Royalties are paid out of the round's profits: who owes more than its profit [N] pays all of it, and the
    receivers get proportionally less.
    """
    setting = world.config.setting
    if not setting.cooperates:
        return np.zeros(world.organisations, dtype=np.int64)
    due = royalties(
        setting.royalties, world.downstream, before, world.quality, bought.buyer, bought.seller, welfare
    )
    pays = np.minimum(to_micro((-due).clip(min=0), "down"), profit)
    claims = due.clip(min=0)
    gets = np.zeros_like(pays)
    if pays.sum() > 0:
        gets = np.floor(pays.sum() * (claims / claims.sum())).astype(np.int64)
        gets[np.argmax(claims)] += pays.sum() - gets.sum()
    world.ledger.transfer(world.steps, *pairwise_transfers(gets - pays), "royalty")
    return gets - pays
