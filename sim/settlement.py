"""Settlement: money moves and copies are delivered, both or neither; levies are charged; later, royalties.

Core Objects: settle, merge_weights, pay_royalties
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agents.strategies import MergeView
from markets.money import to_micro
from markets.orders import Trades
from sim.deals import Charges, Deals
from sim.royalties import pairwise_transfers, royalties

if TYPE_CHECKING:
    from sim.broker import Quoted, Shortlist
    from sim.laboratory import Tried
    from sim.market import ParameterMarket
    from sim.world import TradingWorld

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def settle(
    world: "TradingWorld", tries: "Shortlist", quoted: "Quoted", trades: Trades
) -> tuple[Deals, Charges]:
    """Move the money of trades and levies through the ledger; return them, settled or refused.

    They come in the order of their orders, and one that would overdraw an account is refused whole. Amounts
    are rounded to whole micro-credits, as bids and asks are already: where a rule lets nobody lose who tells
    the truth, no rounded price is above its bid or, unless the asks of a listing are paid together, below its
    ask.
    """
    admitted = np.flatnonzero(quoted.admitted)
    traded, charged = admitted[trades.row], admitted[trades.levies.row]
    order = np.concatenate([traded, charged])
    row, levy, turn = quoted.row[order], np.arange(len(order)) >= len(traded), np.argsort(order)
    buyer, seller = tries.buyer[row], tries.seller[row]
    paid, received = _amounts(world, trades, quoted.bid[traded], quoted.ask[traded])
    delivery = np.where(levy, 0, int(to_micro(world.config.setting.delivery, "nearest")))
    columns = (buyer, seller, paid, received, delivery, levy)
    settled = np.empty(len(order), dtype=bool)
    settled[turn] = world.ledger.settle(world.steps, *(column[turn] for column in columns))
    deals = Deals(
        row[~levy],
        traded,
        buyer[~levy],
        seller[~levy],
        quoted.bid[traded],
        quoted.ask[traded],
        paid[~levy],
        received[~levy],
        delivery[~levy],
        settled[~levy],
    )
    levied = Charges(charged, buyer[levy], seller[levy], paid[levy], received[levy], settled[levy])
    return deals, levied


def _amounts(world: "TradingWorld", trades: Trades, bid: Ints, ask: Ints) -> tuple[Ints, Ints]:
    """Return what is paid and received for trades and then for levies, micro-credits [T + D]."""
    paid, received = (to_micro(money, "nearest") for money in (trades.paid, trades.received))
    told = world.mechanism.properties
    if told.individually_rational:
        paid = np.minimum(paid, bid)
    if told.individually_rational and not told.pooled:
        received = np.maximum(received, ask)
    levies = trades.levies
    charged, passed_on = (to_micro(money, "nearest") for money in (levies.paid, levies.received))
    return np.concatenate([paid, charged]), np.concatenate([received, passed_on])


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
