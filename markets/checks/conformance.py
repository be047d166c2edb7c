"""Hold a mechanism to its declaration.

Core Objects: check_mechanism, check_truthful
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from markets.accounts.money import rescaled
from markets.columns import Bools, Floats, Ints
from markets.goods.bundles import claims, separate_parts
from markets.mechanisms.base import Mechanism
from markets.orders.levies import Levies
from markets.orders.luck import GivenLuck, KeyArray, Luck
from markets.orders.orders import Orders, Trades, first_best
from markets.orders.variations import vary
from markets.refusals import InputError

_RELATIVE = 1e-9


def check_mechanism(mechanism: Mechanism, orders: Orders, seed: int = 0) -> None:
    """Check one clearing, and clearings of markets derived from it, against what the mechanism declares.

    Accounting identity, individual rationality, budget, efficiency (where declared without a condition),
    demand and capacity (of every item of a bundle), all luck from `Mechanism.draw`, same seed same bytes,
    each position, and each part of bundles, cleared alone as beside the others, inputs left alone,
    equivariance under renaming and under a change of the unit of money, and that what it learns is in the
    rule that `after` returns and in its `memory`; the same with nobody, with one buyer alone and with all
    bids and all asks tied; and that a larger demand than served, and bundles if none are, are refused.

    Parameters
    ----------
    mechanism : Mechanism
        The rule under test.
    orders : Orders
        Bids and asks taken for true values and costs. On the venue ``books`` a buyer's bids in a position and
        a listing's asks must be equal.
    seed : int
        Of the luck and of the renaming.

    Raises
    ------
    AssertionError
        With a sentence that says what is broken.

    Notes
    -----
    Some ten clearings, twenty of a mechanism that learns, and one for each position and part.
    """
    for market in _variants(orders):
        trades = _check_luck_and_inputs(mechanism, market, seed)
        _check_outcome(mechanism, trades)
        _check_company(mechanism, trades, seed)
        _check_renaming(mechanism, trades, seed)
        _check_unit(mechanism, trades, seed)
        _check_memory(mechanism, trades, seed)
    _check_refusals(mechanism, orders)


def check_truthful(
    mechanism: Mechanism, orders: Orders, side: str, grid: npt.ArrayLike, seed: int = 0
) -> float:
    """Return the largest gain of a unilateral misreport on a grid, in credits; 0 if the truth is best.

    Everybody reports the truth, the given bids and asks, but one buyer (or seller), which reports a value of
    the grid instead in all of its rows or, except on books, in one of them. The luck is the same in all
    clearings.

    Parameters
    ----------
    mechanism : Mechanism
        The rule under test.
    orders : Orders
        True values and costs.
    side : str
        ``buyers`` or ``sellers``. An organisation's utility on the other side is held aside.
    grid : array_like[G]
        Misreports, in credits.
    seed : int
        Of the luck.

    Raises
    ------
    InputError
        If the side is unknown.

    Notes
    -----
    One market for each row or organisation and value of the grid; they are cleared together
    (`markets.orders.variations`).
    """
    if side not in ("buyers", "sellers"):
        raise InputError(f"side must be 'buyers' or 'sellers'; got {side!r}")
    if not len(orders):
        return 0.0
    buying, values = side == "buyers", np.asarray(grid, dtype=np.float64)
    who, true = (orders.buyer, orders.bid) if buying else (orders.seller, orders.ask)
    lies = np.stack([*_liars(who, alone=mechanism.venue != "books")])
    told = np.where(lies[:, None], values[:, None], true).reshape(-1, len(orders))
    told = np.concatenate([true[None], told])
    bid, ask = (told, orders.ask) if buying else (orders.bid, told)
    found = vary(mechanism, orders, bid, ask, seed)
    gain = found.won * true - found.paid if buying else found.received - found.won * true
    liar = (who == who[np.argmax(lies, axis=1)][:, None])[:, None]
    honest, lied = gain[0] * liar, gain[1:].reshape(len(lies), len(values), -1) * liar
    return float((lied.sum(axis=2) - honest.sum(axis=2)).max(initial=0.0))


def _clear(mechanism: Mechanism, orders: Orders, seed: int) -> Trades:
    return mechanism.clear(orders, np.random.default_rng(seed))


def _claim(holds: bool | np.bool_, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _variants(orders: Orders) -> Iterator[Orders]:
    """Yield the market itself, nobody, one buyer alone, and everybody tied."""
    yield orders
    yield orders.select(np.zeros(0, dtype=np.int64))
    if len(orders):
        yield orders.select(orders.buyer == orders.buyer[0])
        yield orders.reporting(np.full(len(orders), orders.bid.max()), np.full(len(orders), orders.ask.min()))


def _liars(who: Ints, alone: bool) -> Iterator[Bools]:
    """Yield masks of the rows that are misreported together."""
    for organisation in np.unique(who):
        yield who == organisation
    if alone:
        yield from np.eye(len(who), dtype=bool)


def _utilities(trades: Trades, truth: Orders, side: str) -> Floats:
    """Return each organisation's utility on one side, by the true values and costs."""
    levies = trades.levies
    if side == "buyers":
        who, gain, levied = truth.buyer, truth.bid[trades.row] - trades.paid, -levies.paid
    else:
        who, gain, levied = truth.seller, trades.received - truth.ask[trades.row], levies.received
    total = np.zeros(int(who.max(initial=0)) + 1)
    np.add.at(total, who[trades.row], gain)
    np.add.at(total, who[levies.row], levied)
    return total


def _bytes(values: object) -> list[bytes]:
    """Return the bytes of every array of a value object, and of the levies of trades."""
    columns = [getattr(values, field.name) for field in dataclasses.fields(values)]  # type: ignore[arg-type]
    own = [column.tobytes() for column in columns if isinstance(column, np.ndarray)]
    return own + (_bytes(values.levies) if isinstance(values, Trades) else [])


def _check_luck_and_inputs(mechanism: Mechanism, orders: Orders, seed: int) -> Trades:
    before, trades = _bytes(orders), _clear(mechanism, orders, seed)
    _claim(_bytes(orders) == before, "a mechanism must leave its orders alone; it changed them")
    again = _clear(mechanism, orders, seed)
    _claim(
        _bytes(again) == _bytes(trades), "the same orders and seed must give the same trades; they did not"
    )
    given = mechanism.clear(orders, GivenLuck(_keys(orders, seed)))
    _claim(
        _bytes(given) == _bytes(trades), "a mechanism must take all its luck from `draw`; it drew otherwise"
    )
    return trades


def _keys(orders: Orders, seed: int) -> KeyArray:
    return Luck.draw(orders, np.random.default_rng(seed)).key


def _check_company(mechanism: Mechanism, trades: Trades, seed: int) -> None:
    """Clear each position alone, and of listings that overlap, wherever they are, each separate part."""
    orders = trades.orders
    part = separate_parts(orders.buyer, orders.seller, orders.contents)
    market = np.where(orders.contents > 0, -1 - part, orders.position)
    for each in np.unique(market) if len(orders) else []:
        rows = np.flatnonzero(market == each)
        if len(rows) == len(orders):
            return
        alone = _clear(mechanism, orders.select(rows), seed)
        for ours, all_, what in _parts(alone, trades):
            there = np.isin(all_.row, rows)
            same = np.array_equal(rows[ours.row], all_.row[there])
            _claim(same, f"what else is cleared must not change who {what}; it did")
            for field in ("paid", "received"):
                same = np.array_equal(getattr(ours, field), getattr(all_, field)[there])
                _claim(same, f"what else is cleared must not change what is {field}; it did")


def _check_outcome(mechanism: Mechanism, trades: Trades) -> None:
    orders, declared = trades.orders, mechanism.properties
    realised = float(orders.surplus[trades.row].sum())
    slack = _RELATIVE * max(1e-300, float(np.abs(orders.bid).sum() + np.abs(orders.ask).sum()))
    shared = sum(float(_utilities(trades, orders, side).sum()) for side in ("buyers", "sellers"))
    _claim(
        abs(shared + trades.broker - realised) <= slack,
        f"utilities and the broker must share the gains {realised}; they share {shared + trades.broker}",
    )
    if declared.individually_rational:
        _claim(
            (trades.paid <= orders.bid[trades.row]).all(), "a buyer must pay its bid at most; one paid more"
        )
        over = trades.received - orders.ask[trades.row]
        if declared.pooled:
            over = np.bincount(orders.lot[trades.row], over).astype(np.float64) + slack
        _claim((over >= 0).all(), "a seller must receive its ask at least; one got less")
        _claim(not trades.levies.paid.any(), "nobody must pay without a trade; somebody did")
    if declared.budget != "deficit":
        _claim(trades.broker >= -slack, f"the broker must pay nothing; it paid {-trades.broker}")
    if declared.budget == "strong":
        _claim(trades.broker <= slack, f"the broker must keep nothing; it kept {trades.broker}")
    if declared.efficient and not declared.efficient_domain:
        best = float(first_best(orders)[1].sum())
        _claim(abs(realised - best) <= slack, f"gains must be the first best {best}; they are {realised}")
    taken = np.bincount(orders.seat[trades.row], minlength=1).max()
    _claim(
        taken <= orders.demand, f"a buyer must win {orders.demand} rows of a position at most; won {taken}"
    )
    sold = np.bincount(orders.lot[trades.row], minlength=len(orders))[orders.lot]
    _claim(
        (sold <= orders.capacity).all(), "a listing must have as many winners as copies at most; one had more"
    )
    row, item = claims(orders.seller, orders.contents)
    winners = np.bincount(item, np.isin(row, trades.row))[item]
    _claim(
        (winners <= orders.capacity[row]).all(),
        "an item must be in as many winners' bundles as it has copies at most; one was in more",
    )


def _renamed(rng: np.random.Generator, *columns: Ints) -> list[Ints]:
    """Return the columns under new names, drawn once for all of them."""
    old, code = np.unique(np.concatenate(columns), return_inverse=True)
    return np.split(rng.permutation(len(old))[code], np.cumsum([len(column) for column in columns])[:-1])


def _check_renaming(mechanism: Mechanism, trades: Trades, seed: int) -> None:
    orders, rng = trades.orders, np.random.default_rng([seed, 1])
    shuffle = rng.permutation(len(orders))
    shuffled = orders.select(shuffle)
    buyer, seller = _renamed(rng, shuffled.buyer, shuffled.seller)
    (listing,), (position,) = _renamed(rng, shuffled.listing), _renamed(rng, shuffled.position)
    renamed = dataclasses.replace(shuffled, buyer=buyer, seller=seller, listing=listing, position=position)
    other = mechanism.clear(renamed, GivenLuck(_keys(orders, seed)[shuffle]))
    for theirs, ours, what in _parts(other, trades):
        back = np.argsort(shuffle[theirs.row])
        same = np.array_equal(shuffle[theirs.row][back], ours.row)
        _claim(same, f"renaming and reordering must not change who {what}; it did")
        for field in ("paid", "received"):
            close = np.allclose(getattr(theirs, field)[back], getattr(ours, field), rtol=_RELATIVE, atol=0)
            _claim(close, f"renaming and reordering must not change what is {field}; it did")


def _parts(other: Trades, trades: Trades) -> Iterator[tuple[Trades | Levies, Trades | Levies, str]]:
    """Yield the trades of two clearings, then their levies, and what happens to their parties."""
    yield other, trades, "trades"
    yield other.levies, trades.levies, "is levied"


def _check_unit(mechanism: Mechanism, trades: Trades, seed: int) -> None:
    """Compare with the market in a unit of half the worth: a power of two, so that floats scale exactly."""
    orders = trades.orders
    other = _clear(rescaled(mechanism, 2), orders.reporting(orders.bid * 2, orders.ask * 2), seed)
    for theirs, ours, what in _parts(other, trades):
        same = np.array_equal(theirs.row, ours.row)
        _claim(same, f"a change of unit must not change who {what}; it did")
        for field in ("paid", "received"):
            scaled = np.array_equal(getattr(theirs, field), getattr(ours, field) * 2)
            _claim(scaled, f"a change of unit must scale what is {field}; it did not")


def _check_memory(mechanism: Mechanism, trades: Trades, seed: int) -> None:
    """Let the mechanism learn, if it does, and store and restore what it learned."""
    orders = trades.orders
    learned = mechanism.after(orders, trades)
    if learned is mechanism:
        return
    again = _clear(mechanism, orders, seed)
    _claim(_bytes(again) == _bytes(trades), "a mechanism must not change by learning; its trades did")
    restored = mechanism.with_memory(learned.memory())
    same = _bytes(_clear(restored, orders, seed)) == _bytes(_clear(learned, orders, seed))
    _claim(same, "a mechanism must clear alike after its memory is stored and restored; it did not")


def _check_refusals(mechanism: Mechanism, orders: Orders) -> None:
    most = mechanism.properties.max_demand
    if most is not None:
        greedy = dataclasses.replace(orders, demand=most + 1)
        _check_refused(mechanism, greedy, f"a demand above the declared {most}")
    if len(orders) and not mechanism.properties.bundles:
        overlapping = dataclasses.replace(orders, contents=np.ones(len(orders), dtype=np.int64))
        _check_refused(mechanism, overlapping, "bundles, which the mechanism does not declare,")


def _check_refused(mechanism: Mechanism, orders: Orders, what: str) -> None:
    try:
        mechanism.clear(orders, np.random.default_rng(0))
    except ValueError:
        return
    raise AssertionError(f"{what} must be refused; it was served")
