"""The benchmark of clearing: the market's rules against plain Python and against sorting or solving alone.

Sorting is the floor of a call market and scipy's solver that of an assignment; auctions, which need the best
bids alone, can do with less than sorting. All ways take turns on the same orders, and what the plain way
finds must be what the market finds.

Core Objects: run_clearing_benchmark, ClearingTask, clearing_tasks
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.optimize import linear_sum_assignment

from experiments.benchmarks.order_flow import PlainOrderBook, order_book_stream
from experiments.benchmarks.plain_clearing import (
    plain_assignment,
    plain_auctions,
    plain_call,
    plain_validation,
)
from experiments.benchmarks.tables import number, print_table, save_table
from markets.books.book_events import BookEvents
from markets.books.margin import Margin
from markets.books.order_book import OrderBook
from markets.columns import Floats
from markets.matching.assignment import least_prices
from markets.mechanisms.assignments.assignment import Assignment
from markets.mechanisms.auctions.first_price import FirstPrice
from markets.mechanisms.auctions.second_price import SecondPrice
from markets.mechanisms.base import Mechanism
from markets.mechanisms.double_auctions.call_market import MarginRule
from markets.mechanisms.double_auctions.k_double_auction import KDoubleAuction
from markets.mechanisms.double_auctions.mcafee import McAfee
from markets.orders.orders import Orders
from markets.refusals import require_least

BIDDERS, RESERVE, SEED = 100, 0.5, 0
LARGEST_PLAIN_ASSIGNMENT, LARGEST_PLAIN_BOOK = 200, 2_000
"""Where plain Python still ends in seconds."""
ALLOWED_DIFFERENCE = 1e-9


@dataclass(frozen=True)
class ClearingTask:
    """One market cleared in up to three ways.

    `ours` and `plain` return the same numbers; `floor`, the yardstick, is not compared. None where plain
    Python would take minutes, or where there is no such yardstick. `orders` counts rows of the market
    (buyer and unit, or a bid and an ask of their own).
    """

    name: str
    orders: int
    ours: Callable[[], Floats]
    plain: Callable[[], Floats] | None = None
    floor: Callable[[], object] | None = None


def run_clearing_benchmark(orders: int, repeats: int, output: Path | None, markdown: bool = False) -> None:
    """Time all ways, print a table, and save ``clearing.csv`` and ``clearing.png`` if a folder is given.

    Parameters
    ----------
    orders : int
        Rows of each market, >= 100; assignments have as many buyers as the square root of four times that.
    repeats : int
        Timed turns of each task, after one that is not counted, >= 1.
    output : Path or None
        Folder for the table and the figure; made if need be.
    markdown : bool
        Whether to print Markdown.

    Raises
    ------
    InputError
        If an argument is not as described.
    RuntimeError
        If plain Python and the market give different results.
    """
    require_least(BIDDERS, orders=orders)
    require_least(1, repeats=repeats)
    table = pd.DataFrame([_measured(task, repeats) for task in clearing_tasks(orders)]).assign(
        repeats=repeats, numpy=np.__version__
    )
    _show(table, markdown)
    save_table(output, "clearing", table, _figure)


def clearing_tasks(orders: int) -> Iterator[ClearingTask]:
    """Yield the tasks for a number of orders, one made when the one before has been measured.

    Columns of bids and asks are what a rule prices; "pairs" starts from orders of (buyer, listing) pairs as a
    round makes them and includes the luck, the matching of winners and the trades. Making the orders
    and validating them (`Orders.of`) is a task of its own.
    """
    rng = np.random.default_rng(SEED)
    bids, asks = rng.random(orders // 2), rng.random(orders // 2)
    yield _call("call market, columns", KDoubleAuction(), bids, asks)
    yield _call("McAfee, columns", McAfee(), bids, asks)
    yield _one_book("call market, one book of pairs", math.isqrt(orders), rng)
    values = rng.random(orders // BIDDERS * BIDDERS)
    yield _validation(values)
    yield _auctions("first price, 100 bidders a listing", FirstPrice(), values)
    yield _auctions("second price, 100 bidders a listing", SecondPrice(), values)
    size = math.isqrt(4 * orders)
    for buyers in sorted({min(size, LARGEST_PLAIN_ASSIGNMENT), size}):
        yield from _assignments(rng.random((buyers, buyers)))
    for events in sorted({min(orders // 10, LARGEST_PLAIN_BOOK), orders // 10}):
        yield _book(order_book_stream(events, rng))


def _call(name: str, rule: MarginRule, bids: Floats, asks: Floats) -> ClearingTask:
    lists, k = (bids.tolist(), asks.tolist()), rule.k if isinstance(rule, KDoubleAuction) else None

    def ours() -> Floats:
        terms = rule.terms(Margin.of(np.sort(bids)[::-1], np.sort(asks)))
        return np.array([terms.quantity, terms.paid, terms.received], dtype=np.float64)

    return ClearingTask(
        name=name,
        orders=len(bids) + len(asks),
        ours=ours,
        plain=lambda: np.array(plain_call(*lists, k)),
        floor=lambda: (np.sort(bids), np.sort(asks)),
    )


def _one_book(name: str, traders: int, rng: np.random.Generator) -> ClearingTask:
    buyer, unit = (index.ravel() for index in np.indices((traders, traders)))
    bid, ask = rng.random(traders)[buyer], rng.random(traders)[unit]
    columns = {"buyer": buyer, "seller": traders + unit, "listing": unit, "bid": bid, "ask": ask}
    lists, market = [column.tolist() for column in (buyer, unit, bid, ask)], _orders(columns)

    def ours() -> Floats:
        trades = _cleared(KDoubleAuction(), market)
        return np.array([len(trades), *trades[:1, 1:].ravel()])

    def plain() -> Floats:
        buyers, units, bids, asks = lists
        bid_of, ask_of = dict(zip(buyers, bids, strict=True)), dict(zip(units, asks, strict=True))
        return np.array(plain_call(list(bid_of.values()), list(ask_of.values()), 0.5)[:2])

    return ClearingTask(name=name, orders=len(buyer), ours=ours, plain=plain, floor=lambda: np.sort(bid))


def _auction_columns(values: Floats) -> dict[str, Any]:
    return {
        "buyer": 1 + np.arange(len(values)),
        "seller": np.zeros(len(values), dtype=np.int64),
        "listing": np.repeat(np.arange(len(values) // BIDDERS), BIDDERS),
        "bid": values,
        "ask": np.full(len(values), RESERVE),
    }


def _validation(values: Floats) -> ClearingTask:
    columns = _auction_columns(values)
    lists = [column.tolist() for column in columns.values()]
    return ClearingTask(
        name="validation of orders, 100 bidders a listing",
        orders=len(values),
        ours=lambda: np.array([len(_orders(columns))]),
        plain=lambda: np.array([plain_validation(*lists)]),
        floor=lambda: np.sort(values),
    )


def _auctions(name: str, rule: Mechanism, values: Floats) -> ClearingTask:
    columns = _auction_columns(values)
    lists, second = (columns["listing"].tolist(), values.tolist()), isinstance(rule, SecondPrice)
    market = _orders(columns)
    return ClearingTask(
        name=name,
        orders=len(values),
        ours=lambda: _cleared(rule, market),
        plain=lambda: np.stack(plain_auctions(*lists, RESERVE, second), axis=1),
        floor=lambda: np.sort(values),
    )


def _assignments(worth: Floats) -> Iterator[ClearingTask]:
    size = len(worth)
    lists = worth.tolist()
    buyer, unit = (index.ravel() for index in np.indices(worth.shape))
    columns = {
        "buyer": buyer,
        "seller": size + unit,
        "listing": unit,
        "bid": worth.ravel(),
        "ask": np.zeros(worth.size),
    }
    market = _orders(columns)

    def matrix() -> Floats:
        i, j = linear_sum_assignment(worth, maximize=True)
        return np.concatenate([j, least_prices(worth, i, j)[j]])

    def pairs() -> Floats:
        trades = _cleared(Assignment(), market)
        return np.concatenate([unit[trades[:, 0].astype(np.int64)], trades[:, 1]])

    def plain() -> Floats:
        units, prices = (np.array(column) for column in plain_assignment(lists))
        return np.concatenate([units, prices[units]])

    for name, ours in (("columns", matrix), ("pairs", pairs)):
        yield ClearingTask(
            name=f"assignment {size} x {size}, {name}",
            orders=worth.size,
            ours=ours,
            plain=plain if size <= LARGEST_PLAIN_ASSIGNMENT else None,
            floor=lambda: linear_sum_assignment(worth, maximize=True),
        )


def _book(events: BookEvents) -> ClearingTask:
    def fills(book: OrderBook | PlainOrderBook) -> Floats:
        made = book.process(events)
        return np.stack([made.buyer, made.seller, made.price, made.quantity])

    return ClearingTask(
        name="order book",
        orders=len(events),
        ours=lambda: fills(OrderBook()),
        plain=(lambda: fills(PlainOrderBook())) if len(events) <= LARGEST_PLAIN_BOOK else None,
    )


def _orders(columns: dict[str, Any]) -> Orders:
    return Orders.of(**columns, capacity=np.ones(len(columns["buyer"]), dtype=np.int64))


def _cleared(rule: Mechanism, orders: Orders) -> Floats:
    """Return the row and what is paid of every trade; what orders remember from turn to turn is forgotten."""
    trades = rule.clear(replace(orders), np.random.default_rng(SEED))
    return np.stack([trades.row, trades.paid], axis=1)


def _measured(task: ClearingTask, repeats: int) -> dict[str, float | int | str]:
    """Return a row of the table: medians in milliseconds, and ratios of times taken in the same turn."""
    ways = [task.plain, task.ours, task.floor]
    seconds = np.full((repeats + 1, 3), np.nan)
    found: list[object] = [None] * 3
    for turn in range(repeats + 1):
        for way, work in enumerate(ways):
            if work is not None:
                start = time.perf_counter()
                found[way] = work()
                seconds[turn, way] = time.perf_counter() - start
    if task.plain is not None:
        one, other = (np.asarray(result) for result in found[:2])
        if one.shape != other.shape or not np.allclose(one, other, rtol=ALLOWED_DIFFERENCE, atol=1e-12):
            raise RuntimeError(f"{task.name} must give the same in plain Python and in the market")
    # The first turn pays for cold caches.
    plain, ours, floor = np.median(seconds[1:], axis=0)
    return {
        "task": task.name,
        "orders": task.orders,
        "plain_ms": plain * 1e3,
        "ours_ms": ours * 1e3,
        "floor_ms": floor * 1e3,
        "plain_over_ours": float(np.median(seconds[1:, 0] / seconds[1:, 1])),
        "ours_over_floor": float(np.median(seconds[1:, 1] / seconds[1:, 2])),
        "orders_a_second": task.orders / ours,
    }


def _show(table: pd.DataFrame, markdown: bool) -> None:
    rows = []
    for _, row in table.iterrows():
        times = [row.plain_ms, row.ours_ms, row.floor_ms, row.plain_over_ours, row.ours_over_floor]
        shown = [number(value, ".3g" if value < 100 else ",.0f") for value in times]
        rows.append([str(row.task), f"{row.orders:,}", *shown, f"{row.orders_a_second:,.0f}"])
    print_table(
        ("task", "orders", "plain ms", "ours ms", "floor ms", "plain / ours", "ours / floor", "orders / s"),
        rows,
        "" if markdown else f"Clearing, numpy {table.numpy[0]}, medians of {table.repeats[0]}",
        "" if markdown else "floor: np.sort of the same numbers, or scipy's linear_sum_assignment",
        markdown,
    )


def _figure(table: pd.DataFrame) -> Figure:
    """Return the nanoseconds an order of every way, one line a task."""
    figure = Figure(figsize=(7.2, 0.42 * len(table) + 1.2), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(table))[::-1]
    # Okabe and Ito (2008), told apart with any colour vision; shape says the same once more.
    styles = {"plain": ("#D55E00", "s"), "ours": ("#0072B2", "o"), "floor": ("#000000", "|")}
    for way, (colour, marker) in styles.items():
        nanoseconds = table[f"{way}_ms"] * 1e6 / table.orders
        axes.scatter(nanoseconds, places, c=colour, marker=marker, label=way, zorder=2)
    axes.set_xscale("log")
    axes.set_yticks(places, [f"{name} ({n:,})" for name, n in zip(table.task, table.orders, strict=True)])
    axes.grid(axis="y", linewidth=0.4)
    axes.set_xlabel("nanoseconds an order")
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure
