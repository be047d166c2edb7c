"""Order book depth."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.market.books import Place, at
from experiments.figures.plan import Plan
from experiments.figures.style import (
    BLUE,
    GREY,
    PURPLE,
    fullest,
    legend_above,
    mark_arm,
    new_figure,
    plain_numbers,
    whole_numbers,
)
from experiments.findings.run_view import RunView
from markets.books.order_book import Depth
from markets.columns import Floats, Ints
from markets.goods.blocks import Licence
from markets.mechanisms.double_auctions.continuous_double_auction import ContinuousDoubleAuction

FILLED = ("traded", "not settled")
"""Outcomes of orders whose quotes are gone from the book."""


def order_book_depth(view: RunView) -> Figure | None:
    """Draw what stands in the book at the end of a round, by price, one panel an arm with prices.

    Reads `orders`.

    Returns
    -------
    Figure or None
        Units at each price or better, around the middle of the best quotes, in the round that left most bids.
        None without an order book whose quotes stand, or without orders.
    """
    mechanism = view.config.market().mechanism
    if not isinstance(mechanism, ContinuousDoubleAuction) or mechanism.variant != "persistent":
        return None
    capacity = Licence.parse(view.config.broker.licence).capacity
    found = [_deepest(view.tables["orders"], arm) for arm in view.priced_arms]
    places = [place for place in found if place is not None]
    if not places:
        return None
    figure = new_figure(4.8)
    panels = figure.subplots(1, len(places), squeeze=False)[0]
    for axes, place in zip(panels, places, strict=True):
        orders = at(view.tables["orders"], place)
        draw_depth(axes, resting(orders, capacity), resting(orders, capacity, before=True))
        mark_arm(axes, place.arm)
        axes.set_xlabel(f"price (credits a block)\nreplicate {place.replicate}, round {place.round}")
    panels[0].set_ylabel("units at this price or better")
    legend_above(figure, fullest(panels), 3)
    return figure


def resting(orders: pd.DataFrame, capacity: int, before: bool = False) -> Depth:
    """Return what is left in a book of one unit a bid when all have come.

    Parameters
    ----------
    orders : DataFrame
        Rows of one market of the table `orders`.
    capacity : int
        Buyers that a listing can have, from its licence.
    before : bool
        Return all that came instead, as if nothing had traded.
    """
    came = orders[orders["outcome"] != "refused"]
    came = came.assign(gone=came["outcome"].isin(FILLED) & (not before))
    bids = came.groupby("buyer").agg(price=("bid", "first"), gone=("gone", "any"))
    asks = came.groupby("listing").agg(price=("ask", "first"), rows=("gone", "size"), sold=("gone", "sum"))
    left = asks["rows"].clip(upper=capacity) - asks["sold"]
    bid_price, bid_quantity = _levels(bids["price"], ~bids["gone"])
    ask_price, ask_quantity = _levels(asks["price"], left)
    return Depth(bid_price[::-1], bid_quantity[::-1], ask_price, ask_quantity)


def draw_depth(axes: Axes, depth: Depth, came: Depth | None = None) -> None:
    """Draw how many units stand at each price or better, on both sides of the middle.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    depth : Depth
        What stands, as `markets.books.order_book.OrderBook.depth` returns it too.
    came : Depth, optional
        All that came to the market; drawn as thin lines.
    """
    right = 1.1 * (_highest(depth) or _highest(came or depth)) or 1.0
    if came is not None:
        for side, colour in (("bid", PURPLE), ("ask", BLUE)):
            axes.step(*_cumulated(came, side, right), color=colour, linewidth=1.2, linestyle=(0, (2, 1.2)))
        axes.plot([], [], color=GREY, linewidth=1.2, linestyle=(0, (2, 1.2)), label="all that came")
    for side, colour, hatch in (("bid", PURPLE, "//"), ("ask", BLUE, "")):
        price, units = _cumulated(depth, side, right)
        axes.fill_between(
            price, units, step="pre", color=colour, alpha=0.4, hatch=hatch, label=f"standing {side}s"
        )
        axes.step(price, units, color=colour, linewidth=2)
    best = [side[0] for side in (depth.bid_price, depth.ask_price) if len(side)]
    if len(best) == 2 and best[0] < best[1]:
        middle = (best[0] + best[1]) / 2
        axes.axvline(middle, color=GREY, linewidth=1.5, linestyle=(0, (4, 1.5)), label="middle")
    axes.set_xlim(0, right)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("price (credits)")
    plain_numbers(axes.xaxis)
    whole_numbers(axes, "y")


def _highest(depth: Depth) -> float:
    return float(np.concatenate([depth.bid_price, depth.ask_price]).max(initial=0.0))


def _deepest(orders: pd.DataFrame, arm: str) -> Place | None:
    """Return the market of an arm that left most bids, the latest of several; None where no order came."""
    came = orders[(orders["arm"] == arm) & (orders["outcome"] != "refused")]
    if came.empty:
        return None
    market = ["replicate", "round", "position"]
    filled = came["outcome"].isin(FILLED).groupby([came[column] for column in (*market, "buyer")]).any()
    left = (~filled).groupby(level=market).sum()
    return Place(arm, *(int(key) for key in left[left == left.max()].index[-1]))


def _levels(price: pd.Series, quantity: pd.Series) -> tuple[Floats, Ints]:
    """Return the prices, rising, at which anything stands, and how much."""
    stands = quantity.to_numpy(dtype=np.int64) > 0
    level, place = np.unique(price.to_numpy(dtype=np.float64)[stands], return_inverse=True)
    units = np.zeros(len(level), dtype=np.int64)
    np.add.at(units, place, quantity.to_numpy(dtype=np.int64)[stands])
    return level, units


def _cumulated(depth: Depth, side: str, right: float) -> tuple[Floats, Ints]:
    """Return the corners of a side's steps: at prices (rising), units from the corner before to this one."""
    if side == "bid":
        price, units = depth.bid_price[::-1], np.cumsum(depth.bid_quantity)[::-1]
        return np.concatenate([[0.0], price, price[-1:]]), np.concatenate([units[:1], units, [0]])
    price = np.append(depth.ask_price, max(right, _highest(depth)))
    return price, np.cumsum(np.append(0, depth.ask_quantity))


FIGURE = Plan(
    "order_book_depth",
    "What stands in the book",
    "The quotes that are left when all have come and whoever covers another has traded, in the round that "
    "left most bids. Units of bids are counted downwards and of asks upwards from the best. A bid stands "
    "beside an ask that it covers where both are of one organisation, or where the pair made no trial.",
    order_book_depth,
    intervals=False,
)
