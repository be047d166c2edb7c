"""Repeated auctions without models: markets side by side, a listing each, values drawn anew each round."""

from collections.abc import Callable

import numpy as np

from agents.strategies import AskView, BidView, Memory, OutcomeView, Strategy, Tape
from markets.mechanisms.base import Mechanism
from markets.orders.orders import Orders


def play(
    bidder: Strategy,
    seller: Strategy,
    mechanism: Mechanism,
    bidders: int,
    markets: int,
    rounds: int,
    seed: int = 0,
    watch: Callable[[int, BidView, np.ndarray], None] | None = None,
) -> tuple[Memory, Memory]:
    """Return what bidders and sellers remember after `rounds` auctions in each of `markets` markets.

    Values are uniform on [0, 1], costs 0. Organisation ``market * (bidders + 1)`` sells, the next ones bid.
    """
    rng = np.random.default_rng(seed)
    size = bidders + 1
    organisations = markets * size
    listing = np.repeat(np.arange(markets), bidders)
    sells, buys = listing * size, listing * size + np.tile(np.arange(1, size), markets)
    rows = len(listing)
    nothing, zeros = np.full(rows, np.nan), np.zeros(rows, dtype=np.int64)
    memories = [s.begin(organisations, 1, np.random.default_rng([seed, 1])) for s in (bidder, seller)]
    for number in range(rounds):
        value = rng.random(rows)
        world = {"organisations": organisations, "listings": markets, "positions": 1, "rng": rng}
        quoting = {
            "buyer": buys,
            "listing": listing,
            "position": zeros,
            "standing_bid": nothing,
            "standing_ask": nothing,
            "opportunities": zeros + 1,
        }
        bid_view = BidView(
            value=value, gain=value, balance=zeros + 1.0, memory=memories[0], **quoting, **world
        )
        ask_view = AskView(
            seller=sells, cost=zeros * 0.0, delivery=zeros * 0.0, memory=memories[1], **quoting, **world
        )
        bids, asks = np.nan_to_num(bidder.bid(bid_view)), seller.ask(ask_view)
        if watch is not None:
            watch(number, bid_view, bids)
        orders = Orders.of(buyer=buys, seller=sells, listing=listing, bid=bids, ask=asks, capacity=zeros + 1)
        trades = mechanism.clear(orders, rng)
        outcomes = [
            _outcome(buys, True, listing, value, bids, trades, trades.paid, memories[0], world),
            _outcome(sells, False, listing, 0 * value, asks, trades, trades.received, memories[1], world),
        ]
        memories = [s.learn(view) for s, view in zip((bidder, seller), outcomes, strict=True)]
    return memories[0], memories[1]


def _outcome(who, is_buyer, listing, limit, quote, trades, money, memory, world) -> OutcomeView:
    row, levies = trades.row, trades.levies
    units = np.bincount(row, minlength=len(listing))
    price = np.full(len(listing), np.nan)
    price[row] = money
    levy = np.zeros(len(listing))
    levy[levies.row] = levies.paid if is_buyer else levies.received
    tape = Tape(*(np.zeros(0, kind) for kind in (np.int64, bool, float, float)))
    return OutcomeView(
        organisation=who,
        listing=listing,
        position=np.zeros(len(listing), dtype=np.int64),
        is_buyer=np.full(len(listing), is_buyer),
        limit=limit,
        quote=quote,
        units=units,
        price=price,
        levy=levy,
        tape=tape,
        memory=memory,
        **world,
    )
