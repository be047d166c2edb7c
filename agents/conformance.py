"""Hold a strategy to the rules of the game: legal quotes, own information only, no hidden luck."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.strategies import AskView, BidView, ClaimView, Memory, MergeView, OutcomeView, Strategy, Tape
from markets.columns import Bools, Floats

ORGANISATIONS, POSITIONS, CLASSES = 7, 2, 6
"""The world of the check; no other axis of a memory should have as many places as there are organisations."""

TYPES = ("float64", "float32", "int64", "bool")
"""What a memory may hold: what a checkpoint can."""


def check_strategy(strategy: Strategy, seed: int = 0, rounds: int = 3) -> None:
    """Play a strategy through a few rounds of random markets and check every answer.

    Quotes are NaN or finite and not negative, merge weights in [0, 1], claims and labels possible ones;
    inputs stay as they were; the same generator gives the same answer; the answer for one organisation's rows
    stays the same when all other rows are left out, and when other organisations' values and private memories
    change (those of a strategy that says `conspires` may depend on its fellows); what it remembers keeps its
    names, shapes and types.

    Parameters
    ----------
    strategy : Strategy
        The strategy under test.
    seed : int
        Of the markets.
    rounds : int
        How many are played.

    Raises
    ------
    AssertionError
        With a sentence that says what is broken.
    """
    memory = _begun(strategy, seed)
    for number in range(rounds):
        rng = np.random.default_rng([seed, number])
        ask_view, bid_view = _views(rng, memory)
        asks = _check_quotes(strategy.ask, ask_view, "ask", "seller", strategy, seed)
        bids = _check_quotes(strategy.bid, bid_view, "bid", "buyer", strategy, seed)
        _check_merge(strategy, bid_view, rng)
        _check_claim(strategy, rng)
        memory = _check_learn(strategy, _outcome(ask_view, bid_view, asks, bids, rng), seed)


def _claim(holds: bool | np.bool_, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _begun(strategy: Strategy, seed: int) -> Memory:
    first, again = (strategy.begin(ORGANISATIONS, POSITIONS, np.random.default_rng(seed)) for _ in range(2))
    _claim(_same(first, again), "begin must return the same for the same generator; it did not")
    for name, array in first.items():
        _claim(
            array.dtype.name in TYPES and "." not in name,
            f"a memory must hold arrays of {', '.join(TYPES)} under names without a dot; "
            f"{name!r} is of {array.dtype.name}",
        )
    return first


def _views(rng: np.random.Generator, memory: Memory) -> tuple[AskView, BidView]:
    """Return what both sides see of a market in which everybody lists a block of each position."""
    seller_of = np.repeat(np.arange(ORGANISATIONS), POSITIONS)
    buyer, listing = np.nonzero(np.arange(ORGANISATIONS)[:, None] != seller_of[None, :])
    kept = rng.random(len(buyer)) < 0.9
    buyer, listing = buyer[kept], listing[kept]
    seller, position, rows = seller_of[listing], listing % POSITIONS, len(listing)
    standing = [np.where(rng.random(rows) < 0.5, np.nan, level * rng.random(rows)) for level in (0.1, 0.3)]
    shared: dict[str, Any] = {
        "buyer": buyer,
        "listing": listing,
        "position": position,
        "standing_bid": standing[0],
        "standing_ask": standing[0] + standing[1],
        "opportunities": rng.integers(1, 5, rows),
        "organisations": ORGANISATIONS,
        "listings": len(seller_of),
        "positions": POSITIONS,
        "memory": memory,
        "rng": np.random.default_rng(0),
    }
    value = np.where(rng.random(rows) < 0.2, 0.0, 0.3 * rng.random(rows))
    ask = AskView(seller=seller, cost=0.1 * rng.random(rows), delivery=np.full(rows, 0.001), **shared)
    bid = BidView(value=value, gain=value, balance=np.ones(rows), **shared)
    return ask, bid


def _check_quotes(
    question: Callable[[Any], Floats],
    view: Any,
    name: str,
    who: str,
    strategy: Strategy,
    seed: int,
) -> Floats:
    quotes = _answer(question, view, name, seed)
    _claim(
        isinstance(quotes, np.ndarray) and quotes.shape == view.listing.shape,
        f"{name} must return a quote a row ({len(view.listing)}); got the shape {np.shape(quotes)}",
    )
    nobody = _rows(view, np.zeros(len(view.listing), dtype=bool))
    asked_nothing = np.shape(_answer(question, nobody, name, seed))
    _claim(asked_nothing == (0,), f"{name} must return no quote for no rows; got the shape {asked_nothing}")
    legal = np.isnan(quotes) | (np.isfinite(quotes) & (quotes >= 0))
    _claim(legal.all(), f"{name} must return quotes that are NaN or finite and not negative; got {quotes}")
    if not strategy.conspires:
        private = "value" if name == "bid" else "cost"
        for organisation in range(ORGANISATIONS):
            own = getattr(view, who) == organisation
            alone = _answer(question, _rows(view, own), name, seed)
            _claim(
                np.array_equal(alone, quotes[own], equal_nan=True),
                f"{name} must depend on own rows alone; without the others' rows it changed",
            )
            other = dataclasses.replace(
                view,
                memory=_others_changed(view.memory, organisation),
                **{private: np.where(own, getattr(view, private), 0.5 * getattr(view, private) + 0.01)},
            )
            changed = _answer(question, other, name, seed)[own]
            _claim(
                np.array_equal(changed, quotes[own], equal_nan=True),
                f"{name} must not depend on what others know; it changed with their {private}s and memories",
            )
    return quotes


def _check_merge(strategy: Strategy, view: BidView, rng: np.random.Generator) -> None:
    bought = np.flatnonzero(rng.random(len(view.buyer)) < 0.3)
    gain = view.gain[bought]
    weights = strategy.merge(
        MergeView(
            buyer=view.buyer[bought],
            listing=view.listing[bought],
            weight=rng.random(len(bought)),
            gain=gain,
            memory=view.memory,
        )
    )
    _claim(
        weights.shape == bought.shape and bool(((weights >= 0) & (weights <= 1)).all()),
        f"merge must return a weight in [0, 1] a row; got {weights}",
    )


def _check_claim(strategy: Strategy, rng: np.random.Generator) -> None:
    loss = 2 * rng.random(ORGANISATIONS)
    every = np.arange(ORGANISATIONS)
    claims = strategy.claim(ClaimView(seller=every, listing=every, loss=loss, best=float(loss.min())))
    _claim(
        claims.shape == loss.shape and bool((np.isnan(claims) | (claims >= 0)).all()),
        f"claim must return a loss a row that is NaN or not negative; got {claims}",
    )
    taught = strategy.teach(CLASSES)
    _claim(
        taught.shape == (CLASSES,) and set(taught.tolist()) <= set(range(CLASSES)),
        f"teach must return one of the {CLASSES} classes for each of them; got {taught}",
    )


def _check_learn(strategy: Strategy, view: OutcomeView, seed: int) -> Memory:
    learnt = _answer(strategy.learn, view, "learn", seed)
    told = {name: (array.shape, array.dtype) for name, array in view.memory.items()}
    found = {name: (array.shape, array.dtype) for name, array in learnt.items()}
    _claim(found == told, f"learn must keep names, shapes and types {told}; it returned {found}")
    if not strategy.conspires:
        for organisation in range(ORGANISATIONS):
            own = view.organisation == organisation
            other = dataclasses.replace(
                view,
                memory=_others_changed(view.memory, organisation),
                limit=np.where(own, view.limit, view.limit + 0.01),
            )
            changed = _answer(strategy.learn, other, "learn", seed)
            for name, array in learnt.items():
                _claim(
                    not _private(array) or np.array_equal(changed[name][organisation], array[organisation]),
                    f"what an organisation remembers as {name!r} must not depend on what others know; it did",
                )
    return learnt


def _outcome(
    ask_view: AskView, bid_view: BidView, asks: Floats, bids: Floats, rng: np.random.Generator
) -> OutcomeView:
    """Let some pairs whose bid covers the ask trade half way."""
    possible = np.nan_to_num(bids, nan=-1.0) >= np.nan_to_num(asks, nan=np.inf)
    traded = possible & (rng.random(len(bids)) < 0.5)
    price = np.where(traded, (bids + asks) / 2, np.nan)
    shown = rng.permutation(np.flatnonzero(~np.isnan(bids)))
    tape = Tape(
        position=bid_view.position[shown],
        is_bid=rng.random(len(shown)) < 0.5,
        quote=bids[shown],
        price=price[shown],
    )
    return OutcomeView(
        organisation=np.concatenate([bid_view.buyer, ask_view.seller]),
        listing=np.tile(bid_view.listing, 2),
        position=np.tile(bid_view.position, 2),
        is_buyer=np.repeat([True, False], len(bids)),
        limit=np.concatenate([bid_view.value, ask_view.cost]),
        quote=np.concatenate([bids, asks]),
        units=np.tile(traded, 2).astype(np.int64),
        price=np.tile(price, 2),
        levy=np.where(np.tile(traded, 2), 0.0, 0.01 * rng.random(2 * len(bids))),
        tape=tape,
        organisations=ORGANISATIONS,
        listings=bid_view.listings,
        positions=POSITIONS,
        memory=bid_view.memory,
        rng=np.random.default_rng(0),
    )


def _answer(question: Callable[[Any], Any], view: Any, name: str, seed: int) -> Any:
    """Ask twice with the same generator, and check that the answers agree and the view stayed as it was."""
    before = copy.deepcopy(
        {f.name: getattr(view, f.name) for f in dataclasses.fields(view) if f.name != "rng"}
    )
    first, again = (
        question(dataclasses.replace(view, rng=np.random.default_rng([seed, 1]))) for _ in range(2)
    )
    _claim(_same(first, again), f"{name} must return the same for the same generator; it did not")
    after = {f.name: getattr(view, f.name) for f in dataclasses.fields(view) if f.name != "rng"}
    _claim(_same(before, after), f"{name} must leave what it is shown alone; it changed it")
    return first


def _rows(view: Any, own: Bools) -> Any:
    """Return the view with some of its rows."""
    columns = {f.name: getattr(view, f.name) for f in dataclasses.fields(view)}
    return dataclasses.replace(view, **{k: v[own] for k, v in columns.items() if isinstance(v, np.ndarray)})


def _private(array: NDArray[Any]) -> bool:
    return array.ndim > 0 and array.shape[0] == ORGANISATIONS


def _others_changed(memory: Memory, organisation: int) -> Memory:
    """Return a memory in which the others have each other's private rows."""
    others = np.delete(np.arange(ORGANISATIONS), organisation)
    changed = {name: array.copy() for name, array in memory.items()}
    for name, array in memory.items():
        if _private(array):
            changed[name][others] = array[np.roll(others, 1)]
    return changed


def _same(first: Any, second: Any) -> bool:
    """Return whether two answers are equal to the last bit."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same(first[key], second[key]) for key in first)
    if isinstance(first, np.ndarray):
        return (
            first.dtype == second.dtype
            and first.shape == second.shape
            and first.tobytes() == second.tobytes()
        )
    if dataclasses.is_dataclass(first):
        return all(_same(getattr(first, f.name), getattr(second, f.name)) for f in dataclasses.fields(first))
    return bool(first == second)
