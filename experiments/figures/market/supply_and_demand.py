"""Supply and demand."""

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.bands import from_zero
from experiments.figures.market.books import Curves, at, busiest, quoted, true
from experiments.figures.plan import Plan
from experiments.figures.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    fullest,
    legend_above,
    mark_arm,
    new_figure,
    plain_numbers,
    whole_numbers,
)
from experiments.findings.run_view import RunView
from markets.columns import Floats
from markets.goods.blocks import Licence

TOLD_APART = 60
"""Most units or pairs with markers of full size."""
SIZE = 6.0
"""Full size of a marker, points."""


def supply_and_demand(view: RunView) -> Figure | None:
    """Draw the busiest market of each arm with prices: its curves, or its pairs where each bargains alone.

    Reads `orders`, `trials` and `trades`.

    Returns
    -------
    Figure or None
        One panel an arm in which something was traded; None if there is none.
    """
    found = {arm: busiest(view.tables["trades"], arm) for arm in view.priced_arms}
    places = [place for place in found.values() if place is not None]
    if not places:
        return None
    books = view.config.market().mechanism.venue == "books"
    capacity = Licence.parse(view.config.broker.licence).capacity
    figure = new_figure(5.2)
    panels = figure.subplots(1, len(places), squeeze=False)[0]
    for axes, place in zip(panels, places, strict=True):
        orders = at(view.tables["orders"], place)
        settled = at(view.tables["trades"], place)
        settled = settled[settled["settled"].astype(bool)]
        if books:
            said, truth = quoted(orders, capacity), true(at(view.tables["trials"], place), capacity)
            draw_supply_and_demand(axes, said.bids, said.asks, settled["paid"], settled["received"], truth)
            told = f"traded {len(settled)}, in equilibrium {int(truth.margin.quantity)}"
        else:
            came = orders[orders["outcome"] != "refused"]
            traded = came.merge(settled[["buyer", "listing", "paid"]], on=["buyer", "listing"], how="left")
            draw_pairs(axes, traded["bid"], traded["ask"], traded["paid"])
            told = f"traded {len(settled)} of {len(came)}"
        mark_arm(axes, place.arm)
        position = f", position {place.position}" if view.tables["trades"]["position"].nunique() > 1 else ""
        axes.set_xlabel(
            f"{axes.get_xlabel()}\n{told}\nreplicate {place.replicate}, round {place.round}{position}"
        )
    panels[0].set_ylabel("credits a block")
    legend_above(figure, fullest(panels), 3)
    return figure


def draw_supply_and_demand(
    axes: Axes,
    bids: npt.ArrayLike,
    asks: npt.ArrayLike,
    paid: npt.ArrayLike = (),
    received: npt.ArrayLike | None = None,
    truth: Curves | None = None,
    colours: tuple[str, str] = (PURPLE, BLUE),
) -> None:
    """Draw demand and supply as steps, prices by unit, and the competitive equilibrium.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    bids, asks : array_like [B], [U]
        Of each unit, in credits, in any order.
    paid, received : array_like [K], optional
        Price of each unit that was traded, on the side of its buyer and of its seller; the latter by default
        the same.
    truth : Curves, optional
        Values and costs; drawn where they differ from what was quoted. The equilibrium is theirs, by default
        that of the quotes.
    colours : tuple of str
        Of demand and of supply.
    """
    said = Curves(-np.sort(-_column(bids)), np.sort(_column(asks)))
    curves = said if truth is None else truth
    thin: dict[str, Any] = {"linewidth": 1.4, "linestyle": (0, (2, 1.2))}
    if not _same(said.bids, curves.bids):
        _steps(axes, curves.bids, color=colours[0], label="values", **thin)
    if not _same(said.asks, curves.asks):
        _steps(axes, curves.asks, color=colours[1], label="costs", **thin)
    _steps(axes, said.bids, color=colours[0], linewidth=2.4, label="demand: bids")
    _steps(axes, said.asks, color=colours[1], linewidth=2.4, label="supply: asks")
    price, seller_price = _column(paid), None if received is None else _column(received)
    _draw_equilibrium(axes, curves)
    _draw_prices(axes, price, seller_price)
    short, long = sorted((len(said.bids), len(said.asks)))
    # A line at the last unit stays within the axes.
    axes.set_xlim(0, 1.02 * max(1.0, min(long, max(1.5 * short, 2.0 * int(curves.margin.quantity)))))
    axes.set_xlabel("units")
    whole_numbers(axes)
    from_zero(axes)
    plain_numbers(axes.yaxis)


def draw_pairs(axes: Axes, bid: npt.ArrayLike, ask: npt.ArrayLike, paid: npt.ArrayLike) -> None:
    """Draw the bid, the ask and the price of every pair that may trade, the highest bid first.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    bid, ask, paid : array_like [R]
        Of each pair, in credits; `paid` is NaN where it did not trade.
    """
    said, asked, price = _column(bid), _column(ask), _column(paid)
    order = np.argsort(-said, kind="stable")
    said, asked, price = said[order], asked[order], price[order]
    rank, traded = np.arange(1, len(said) + 1), ~np.isnan(price)
    axes.vlines(rank[traded], asked[traded], said[traded], color=GREY, linewidth=1, rasterized=True, zorder=1)
    _draw_dots(axes, rank, said, "bid", marker="s", color=PURPLE)
    _draw_dots(axes, rank, asked, "ask", marker="v", color=BLUE)
    _draw_dots(axes, rank[traded], price[traded], "paid", marker="D", color=ORANGE, markeredgecolor=BLACK)
    axes.set_xlabel("pairs, highest bid first")
    whole_numbers(axes)
    from_zero(axes)
    plain_numbers(axes.yaxis)


def _steps(axes: Axes, column: Floats, **look: Any) -> None:
    axes.stairs(column, np.arange(len(column) + 1), baseline=None, **look)


def _draw_equilibrium(axes: Axes, curves: Curves) -> None:
    """Draw the quantity at which demand meets supply, the prices at which it does, and their middle."""
    quantity = int(curves.margin.quantity)
    if quantity:
        low, high = float(curves.margin.low), float(curves.margin.high)
        axes.fill_between([0, quantity], low, high, color=GREY, alpha=0.35, linewidth=0)
        axes.plot(
            [0, quantity, quantity],
            [curves.price, curves.price, 0],
            color=GREY,
            linewidth=1.8,
            linestyle=(0, (4, 1.5)),
            label="equilibrium",
        )


def _draw_prices(axes: Axes, paid: Floats, received: Floats | None) -> None:
    """Draw what each unit cost its buyer and, where it differs, brought its seller, the dearest first."""
    sides = {"price": paid}
    if received is not None and not _same(paid, received):
        sides = {"paid": paid, "received": received}
    for (label, prices), marker in zip(sides.items(), ("D", "o"), strict=False):
        if len(prices):
            unit, look = np.arange(len(prices)) + 0.5, {"color": ORANGE, "markeredgecolor": BLACK}
            _draw_dots(axes, unit, -np.sort(-prices), label, marker=marker, **look)


def _draw_dots(axes: Axes, x: npt.NDArray[Any], y: Floats, label: str, **look: Any) -> None:
    """Draw markers, small ones as pixels where they are many; in the legend they have their full size."""
    many = len(x) > TOLD_APART
    full: dict[str, Any] = {"linestyle": "", "markersize": SIZE} | look
    fine = {"markersize": max(SIZE / 2, SIZE * TOLD_APART / len(x)), "markeredgewidth": 0} if many else {}
    axes.plot(x, y, rasterized=many, **(full | fine))
    axes.plot([], [], label=label, **full)


def _column(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _same(one: Floats, other: Floats) -> bool:
    """Return whether two columns are equal but for the rounding of money to micro-credits."""
    return len(one) == len(other) and bool(np.allclose(one, other, rtol=0, atol=2e-6))


FIGURE = Plan(
    "supply_and_demand",
    "Supply and demand",
    "The market in which most blocks were traded. Where blocks of a position are alike: the curves of bids "
    "and asks, the price of every unit, the dearest first, and in grey the prices and quantity at which "
    "values would meet costs (dashed where they are not what was quoted). Where every pair trades alone: its "
    "bid, its ask, and what was paid.",
    supply_and_demand,
    intervals=False,
)
