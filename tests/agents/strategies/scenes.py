"""Views and tapes for tests of traders, in few words."""

import numpy as np

from agents.strategies import AskView, BidView, OutcomeView, Tape


def tape_of(*shouts):
    """Return a tape of (market, "bid" or "ask", quote, price or None)."""
    market, side, quote, price = zip(*shouts, strict=True) if shouts else ((), (), (), ())
    return Tape(
        np.array(market, np.int64),
        np.array([one == "bid" for one in side], bool),
        np.array(quote, float),
        np.array([np.nan if one is None else one for one in price], float),
    )


def bid_view(memory, organisation, value, organisations, **other):
    return BidView(
        buyer=np.array(organisation),
        value=np.array(value, float),
        gain=np.array(value, float),
        balance=np.full(len(value), np.inf),
        **_rows(memory, len(value), organisations, other),
    )


def ask_view(memory, organisation, cost, organisations, **other):
    return AskView(
        seller=np.array(organisation),
        buyer=np.zeros(len(cost), np.int64),
        cost=np.array(cost, float),
        delivery=np.zeros(len(cost)),
        **_rows(memory, len(cost), organisations, other),
    )


def outcome(memory, organisation, is_buyer, limit, tape, organisations, **other):
    rows = len(limit)
    given = {
        "listing": np.zeros(rows, np.int64),
        "position": np.zeros(rows, np.int64),
        "quote": np.full(rows, np.nan),
        "units": np.zeros(rows, np.int64),
        "price": np.full(rows, np.nan),
        "levy": np.zeros(rows),
        "listings": 1,
        "positions": 1,
        "rng": np.random.default_rng(0),
    } | other
    return OutcomeView(
        organisation=np.array(organisation, np.int64),
        is_buyer=np.array(is_buyer, bool),
        limit=np.array(limit, float),
        tape=tape,
        organisations=organisations,
        memory=memory,
        **{name: np.array(one) if isinstance(one, list) else one for name, one in given.items()},
    )


def _rows(memory, rows, organisations, other):
    given = {
        "listing": np.zeros(rows, np.int64),
        "position": np.zeros(rows, np.int64),
        "standing_bid": np.full(rows, np.nan),
        "standing_ask": np.full(rows, np.nan),
        "opportunities": np.full(rows, 10),
        "organisations": organisations,
        "listings": 1,
        "positions": 1,
        "memory": memory,
        "rng": np.random.default_rng(0),
    } | other
    return {name: np.array(one) if isinstance(one, list) else one for name, one in given.items()}
