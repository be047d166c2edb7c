"""What a market's quotes were and which of them were taken, as belief-based traders remember it.

A market's history is public: a ring of its last quotes [positions, quotes]. A quote that stood and is taken
later is marked then; the quote that took it is an acceptance and no quote of its own (Gjerstad and Dickhaut
1998). A quote still standing counts as rejected until it is taken. Where both sides of a trade are shown, as
after a sealed round, both count, at its price.

In a sealed market each organisation also remembers in private which of its own quotes were refused.

Core Objects: empty_history, record, record_refusals, recall
"""

import numpy as np

from agents.strategies.base import Memory, Tape
from agents.strategies.classical.beliefs import SeenQuotes
from agents.strategies.classical.shouts import BUYING, SELLING, Traders, waves
from markets.columns import Bools, Floats, Ints

PRIVATE = 32
"""How many refused quotes of its own an organisation remembers on each side."""


def empty_history(organisations: int, positions: int, quotes: int) -> Memory:
    """Return a history in which nothing has happened, with room for the last `quotes` of each market."""
    return {
        "quote": np.full((positions, quotes), np.nan),
        "is_bid": np.zeros((positions, quotes), dtype=bool),
        "taken": np.zeros((positions, quotes), dtype=bool),
        "trades_before": np.zeros((positions, quotes), dtype=np.int64),
        "written": np.zeros(positions, dtype=np.int64),
        "trades": np.zeros(positions, dtype=np.int64),
        "refused": np.zeros((organisations, 2, PRIVATE)),
        "refused_in": np.zeros((organisations, 2, PRIVATE), dtype=np.int64),
        "refused_at": np.full((organisations, 2, PRIVATE), -1),
        "refusals": np.zeros((organisations, 2), dtype=np.int64),
    }


def record(memory: Memory, tape: Tape) -> Memory:
    """Return the history with a tape added. Cost: as many steps as the busiest market has quotes."""
    names = ("quote", "is_bid", "taken", "trades_before", "written", "trades")
    after = {name: memory[name].copy() for name in names}
    for wave in waves(tape, after["quote"].shape[1]):
        _record_wave(after, tape, wave)
    return memory | after


def _record_wave(history: Memory, tape: Tape, wave: Ints) -> None:
    """Write one quote of each market into the history."""
    market, is_bid = tape.position[wave], tape.is_bid[wave]
    traded = ~np.isnan(tape.price[wave])
    price = np.where(traded, tape.price[wave], tape.quote[wave])
    room = history["quote"].shape[1]
    slot, found = _standing_counterpart(history, market, is_bid, price)
    found &= traded
    slot = np.where(found, slot, history["written"][market] % room)
    history["taken"][market, slot] = traded
    history["trades_before"][market, slot] = history["trades"][market]
    new = ~found
    history["quote"][market[new], slot[new]] = price[new]
    history["is_bid"][market[new], slot[new]] = is_bid[new]
    history["written"][market[new]] += 1
    history["trades"][market] += traded


def _standing_counterpart(history: Memory, market: Ints, is_bid: Bools, price: Floats) -> tuple[Ints, Bools]:
    """Return the slot of the other side's last quote at each price that was not taken, if there is one."""
    room = history["quote"].shape[1]
    match = (history["quote"][market] == price[:, None]) & ~history["taken"][market]
    match &= history["is_bid"][market] != is_bid[:, None]
    recency = (np.arange(room) - history["written"][market, None]) % room
    recency = np.where(match, recency, -1)
    slot = recency.argmax(axis=1)
    return slot, match[np.arange(len(market)), slot]


def record_refusals(memory: Memory, traders: Traders) -> Memory:
    """Return the memory with the quotes that traders of sealed markets alone know to have been refused."""
    refused = np.flatnonzero(~np.isnan(traders.refused))
    seat = traders.seat[refused]
    shape = memory["refusals"].shape
    refusals = memory["refusals"].ravel().copy()
    before_own = np.arange(len(seat)) - np.searchsorted(seat, seat)
    slot = (refusals[seat] + before_own) % PRIVATE
    np.add.at(refusals, seat, 1)
    news = {
        "refused": traders.refused[refused],
        "refused_in": traders.position[refused],
        "refused_at": memory["trades"][traders.position[refused]],
    }
    after = {}
    for name, column in news.items():
        rows = memory[name].reshape(-1, PRIVATE).copy()
        rows[seat, slot] = column
        after[name] = rows.reshape(memory[name].shape)
    return memory | after | {"refusals": refusals.reshape(shape)}


def recall(
    memory: Memory,
    organisation: Ints,
    position: Ints,
    is_bid: bool,
    standing: tuple[Floats, Floats],
    last: int,
) -> SeenQuotes:
    """Return what n organisations know of their markets; buyers as sellers at negated prices.

    Parameters
    ----------
    organisation, position : int64 [n]
        Who asks about which market.
    is_bid : bool
        Whether they buy.
    standing : pair of float64 [n]
        The best standing quotes of their own side and of the other, credits; NaN if there is none.
    last : int
        How many trades, the last ones, the quotes that count led up to.
    """
    sign, side = (-1.0, BUYING) if is_bid else (1.0, SELLING)
    since = np.maximum(memory["trades"][position, None] - last, 0)
    recent = memory["trades_before"][position] >= since
    recent &= ~np.isnan(memory["quote"][position])
    own_side = memory["is_bid"][position] == is_bid
    taken = memory["taken"][position]
    private = memory["refused_in"][organisation, side] == position[:, None]
    private &= memory["refused_at"][organisation, side] >= since
    never = np.zeros_like(private)
    return SeenQuotes(
        price=np.hstack([memory["quote"][position], memory["refused"][organisation, side]]) * sign,
        taken_ask=np.hstack([recent & own_side & taken, never]),
        rejected_ask=np.hstack([recent & own_side & ~taken, private]),
        bid=np.hstack([recent & ~own_side, never]),
        standing_ask=standing[0] * sign,
        standing_bid=standing[1] * sign,
    )
