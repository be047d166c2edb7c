"""Settlement: money moves and copies are delivered, both or neither; levies are charged; later, royalties.

Core Objects: settle, merge_weights, pay_royalties
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agents.strategies import MergeView
from markets.money import MICRO, sums, to_micro, total
from markets.orders import Trades
from sim.deals import Charges, Deals
from sim.royalties import RoundGame, Royalties, Stability, pairwise_transfers, royalties, stability

if TYPE_CHECKING:
    from sim.broker import Quoted, Shortlist
    from sim.market import ParameterMarket
    from sim.requests import Tried
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


def merge_weights(world: "ParameterMarket", tries: "Shortlist", bought: Deals, tried: "Tried") -> Floats:
    """Return the weight with which each bought block is merged, as the buyers' strategies choose."""
    weight = tried.weight[bought.row]
    if world.config.learning.merge == "average":
        return np.full(len(weight), 0.5)
    if world.config.setting.cooperates:
        return weight
    chosen = weight.copy()
    for strategy, follows in world.strategies:
        own = follows[bought.buyer]
        view = MergeView(
            bought.buyer[own],
            tries.listing[bought.row[own]],
            weight[own],
            tried.gain[bought.row[own]],
            world.memories[strategy.name],
        )
        chosen[own] = strategy.merge(view)
    return chosen.clip(0.0, 1.0)


def pay_royalties(
    world: "ParameterMarket", before: Floats, profit: Ints, bought: Deals, welfare: Floats
) -> Royalties:
    """Let cooperating organisations share what the round changed, through the ledger.

    Royalties are paid out of the round's profits: who owes more than its profit [N] pays all of it, and the
    receivers get proportionally less.
    """
    setting, nothing = world.config.setting, np.zeros(world.organisations)
    if not setting.cooperates or len(bought.row) == 0:
        return Royalties(nothing.astype(np.int64), nothing, Stability(0.0, 0))
    game = RoundGame(world.downstream, before, world.quality, bought.buyer, bought.seller)
    samples = setting.royalty_permutations
    share = royalties(setting.royalties, game, welfare, samples, world.stream("royalties"))
    pays = np.minimum(to_micro((-share.due).clip(min=0), "down"), profit)
    claims = share.due.clip(min=0)
    gets = np.zeros_like(pays)
    owed = int(sums("royalties", np.zeros_like(pays), pays, 1)[0])
    if owed > 0:
        gets = np.floor(owed * (claims / claims.sum())).astype(np.int64)
        gets[np.argmax(claims)] += owed - total(gets)
    world.ledger.transfer(world.steps, *pairwise_transfers(gets - pays), "royalty")
    core = stability(game, (gets - pays) / MICRO, samples, world.stream("core"))
    return Royalties(gets - pays, share.error, core)
