"""Hold a setting to what a round takes for granted.

Core Objects: check_setting
"""

import copy
import dataclasses
from collections.abc import Callable

import numpy as np

from markets.columns import Floats
from markets.goods.blocks import UNLIMITED
from markets.mechanisms import MECHANISMS
from markets.orders.orders import Orders, Trades
from sim.consumers.payoffs import Change, DownstreamMarket
from sim.settings.base import Setting

PAIRS = 6
_RELATIVE = 1e-9


def check_setting(setting: Setting, seed: int = 0) -> None:
    """Ask a setting for random improvements and orders, and check what it answers.

    Every organisation has a region, its own where groups say one, or the setting's; values and costs are
    finite, a number a row; a row's answer is the same, to the last bit, whatever else is asked, and asking
    changes nothing; what changes nobody's profit is worth nothing and costs its delivery; costs are never
    less than delivery, of which each credit costs one credit; no row trades against its bid or ask, a listing
    or a buyer no more often than it can, and money that is paid is received or kept, never made; the same
    orders and seed give the same trades.

    Parameters
    ----------
    setting : Setting
        The setting under test.
    seed : int
        Of the improvements and orders.

    Raises
    ------
    AssertionError
        With a sentence that says what is broken.
    """
    _check_regions(setting)
    rng = np.random.default_rng(seed)
    _check_answers(setting.value, "value", rng)
    _check_answers(setting.cost, "cost", rng)
    _check_scale(setting, rng)
    if setting.trades:
        _check_trades(setting, rng, seed)


def _claim(holds: bool | np.bool_, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _check_regions(setting: Setting) -> None:
    for organisations in (setting.regions, 2 * setting.regions, 2 * setting.regions + 3):
        for given in (None, np.arange(organisations) % setting.regions):
            market = setting.downstream(organisations, given)
            _claim(
                isinstance(market, DownstreamMarket),
                f"downstream must return a DownstreamMarket; got {type(market).__name__}",
            )
            region = market.region
            _claim(
                region.shape == (organisations,) and region.dtype == np.int64 and bool((region >= 0).all()),
                f"downstream must place all {organisations} organisations in regions 0, 1, ...; got {region}",
            )
            again = setting.downstream(organisations, given).region
            _claim(np.array_equal(region, again), "downstream must place organisations alike each time")


def _change(rng: np.random.Generator) -> Change:
    """Return improvements, some of which harm somebody and some nobody."""
    buyer, seller = rng.normal(scale=0.1, size=(2, PAIRS))
    return Change(buyer, seller, buyer + seller + rng.normal(scale=0.05, size=PAIRS))


def _rows(change: Change, rows: list[int]) -> Change:
    return Change(**{f.name: getattr(change, f.name)[rows] for f in dataclasses.fields(change)})


def _check_answers(question: Callable[[Change], Floats], name: str, rng: np.random.Generator) -> None:
    change = _change(rng)
    before = copy.deepcopy(change)
    answer = question(change)
    _claim(
        isinstance(answer, np.ndarray) and answer.shape == (PAIRS,) and bool(np.isfinite(answer).all()),
        f"{name} must return a finite number a row ({PAIRS}); got {answer}",
    )
    kept = all(
        np.array_equal(a, b) for a, b in zip(vars(before).values(), vars(change).values(), strict=True)
    )
    _claim(kept, f"{name} must leave what it is shown alone; it changed it")
    _claim(np.array_equal(question(change), answer), f"{name} must return the same for the same rows")
    for row in range(PAIRS):
        alone = question(_rows(change, [row]))
        _claim(np.array_equal(alone, answer[[row]]), f"{name} must depend on own rows alone; it does not")
    _claim(np.shape(question(_rows(change, []))) == (0,), f"{name} must return nothing for no rows")


def _check_scale(setting: Setting, rng: np.random.Generator) -> None:
    change, nothing = _change(rng), Change(*np.zeros((3, PAIRS)))
    dear = dataclasses.replace(setting, delivery=setting.delivery + 1)
    _claim(not setting.value(nothing).any(), "value must be 0 where nothing changes; it is not")
    _claim(
        np.allclose(setting.cost(nothing), setting.delivery, _RELATIVE, _RELATIVE),
        "cost must be delivery where nothing changes; it is not",
    )
    cost = setting.cost(change)
    _claim((cost >= setting.delivery).all(), f"cost must be no less than delivery; got {cost.min()}")
    _claim(
        np.allclose(dear.cost(change), cost + 1, _RELATIVE, _RELATIVE),
        "cost must rise by a credit with each credit of delivery; it does not",
    )
    _claim(
        np.array_equal(dear.value(change), setting.value(change)),
        "value must not depend on what delivery costs; it does",
    )


def _check_trades(setting: Setting, rng: np.random.Generator, seed: int) -> None:
    mechanism = MECHANISMS.build("first_price")
    buyer, seller = (side.ravel() for side in np.indices((8, 3)))
    bid, ask = rng.random((2, len(buyer)))
    for capacity in (1, 2, UNLIMITED):
        orders = Orders.of(
            buyer=buyer,
            seller=seller + 8,
            listing=seller,
            bid=bid,
            ask=ask,
            capacity=np.full(len(buyer), capacity),
        )
        before = copy.deepcopy(orders)
        trades = setting.clear(mechanism, orders, np.random.default_rng(seed))
        kept = all(np.array_equal(getattr(before, k), getattr(orders, k)) for k in ("bid", "ask", "capacity"))
        _claim(kept, "clear must leave its orders alone; it changed them")
        again = setting.clear(mechanism, orders, np.random.default_rng(seed))
        _claim(
            all(np.array_equal(getattr(trades, k), getattr(again, k)) for k in ("row", "paid", "received")),
            "clear must return the same trades for the same orders and seed; it did not",
        )
        _check_lawful(orders, trades)


def _check_lawful(orders: Orders, trades: Trades) -> None:
    row = trades.row
    _claim((trades.paid <= orders.bid[row]).all(), "a buyer must pay its bid at most; one paid more")
    _claim((trades.received >= orders.ask[row]).all(), "a seller must receive its ask at least; one got less")
    _claim(
        trades.paid.sum() >= trades.received.sum() * (1 - _RELATIVE),
        f"buyers must pay what sellers receive, {trades.received.sum()}; they pay {trades.paid.sum()}",
    )
    for key, most in ((orders.seat, np.full(len(orders), orders.demand)), (orders.lot, orders.capacity)):
        taken = np.bincount(key[row], minlength=len(orders))[key]
        _claim(
            len(np.unique(row)) == len(row) and bool((taken <= most).all()),
            "no order may trade twice, no buyer win more than its demand, no listing sell more than it has",
        )
