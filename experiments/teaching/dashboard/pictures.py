"""The figures of the dashboard, each of one world, drawn from its chronicle."""

import io
import threading
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from experiments.figures.bands import from_zero, stack_bars
from experiments.figures.market.books import quoted
from experiments.figures.market.books import true as true_curves
from experiments.figures.market.order_book_depth import draw_depth, resting
from experiments.figures.market.price_paths import draw_price_path
from experiments.figures.market.supply_and_demand import draw_pairs, draw_supply_and_demand
from experiments.figures.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    in_style,
    legend_above,
    new_figure,
    plain_numbers,
    whole_numbers,
)
from experiments.teaching.dashboard.chronicle import Chronicle, Tables
from markets.columns import Ints
from markets.goods.blocks import Licence

DPI = 120
PAGE_WIDTH = 6.2
"""Inches: narrower than in reports, so that text stays large beside a second world and on a telephone."""
ANNOTATED = 100
"""Most cells of a heat map that have their number written in."""
ALONE: dict[str, Any] = {"color": BLACK, "linestyle": (0, (1, 1.2)), "linewidth": 2.2}
"""How what would be without a market is drawn."""
LINES = ("-", (0, (5, 1.6)), (0, (7, 1.6, 1.2, 1.6)))
NAMED = 8
"""Most organisations whose lines are told apart."""

_drawing = threading.Lock()


def as_png(draw: Callable[[], Figure]) -> bytes:
    """Return a figure in the project's style as PNG.

    Sessions, each in a thread of its own, take turns: matplotlib's settings are those of the process.
    """
    with _drawing, in_style():
        page = io.BytesIO()
        figure = draw()
        figure.set_figwidth(PAGE_WIDTH)
        figure.savefig(page, format="png", dpi=DPI, pil_kwargs={"compress_level": 1})
        return page.getvalue()


def draw_endowments(owned: Ints) -> Figure:
    """Draw how many examples each organisation owns of each class [N, K]."""
    figure = new_figure(1.6 + 0.26 * min(len(owned), 24))
    axes = figure.subplots()
    _heat_map(axes, owned, "{:.0f}", vmax=max(1, owned.max()))
    figure.colorbar(axes.images[0], ax=axes, label="examples")
    return figure


def draw_clearing(chronicle: Chronicle, number: int) -> Figure:
    """Draw the busiest market of a round: its curves, or its pairs where each trades alone."""
    market = chronicle.market
    orders, settled, trials = _busiest(chronicle.at(number))
    figure = new_figure(4.4)
    axes = figure.subplots()
    if market.mechanism.venue == "books" and not market.setting.cooperates:
        capacity = Licence.parse(market.broker.licence).capacity
        said, truth = quoted(orders, capacity), true_curves(trials, capacity)
        draw_supply_and_demand(axes, said.bids, said.asks, settled["paid"], settled["received"], truth)
    else:
        came = orders[orders["outcome"] != "refused"]
        priced = came.merge(settled[["buyer", "listing", "paid"]], on=["buyer", "listing"], how="left")
        draw_pairs(axes, priced["bid"], priced["ask"], priced["paid"])
    axes.set_ylabel("credits a block")
    legend_above(figure, axes, 3)
    return figure


def draw_book(chronicle: Chronicle, number: int) -> Figure:
    """Draw what stands in the order book at the end of a round, by price."""
    orders, _, _ = _busiest(chronicle.at(number))
    capacity = Licence.parse(chronicle.market.broker.licence).capacity
    figure = new_figure(4.4)
    axes = figure.subplots()
    draw_depth(axes, resting(orders, capacity), resting(orders, capacity, before=True))
    axes.set_ylabel("units at this price or better")
    legend_above(figure, axes, 3)
    return figure


def draw_prices(chronicle: Chronicle, number: int) -> Figure:
    """Draw the price of every trade and their mean by round, and the share of the gains that was realised."""
    trades, rounds = chronicle.until(number, "trades"), chronicle.until(number, "rounds")
    trades = trades[trades["settled"].to_numpy(dtype=bool)]
    figure = new_figure(5.4)
    price, efficiency = figure.subplots(2, 1, sharex=True)
    draw_price_path(price, trades["round"], trades["paid"])
    mean = trades.groupby("round")["paid"].mean()
    price.plot(mean.index, mean, color=BLACK, label="mean of the round")
    share = rounds["allocative_efficiency"]
    efficiency.plot(rounds["round"], share, color=BLUE, marker="s")
    price.set_ylabel("price (credits)")
    from_zero(price)
    plain_numbers(price.yaxis)
    efficiency.set(
        ylabel="gains from trade,\nshare realised", xlabel="round", ylim=(min(0.0, share.min()), 1.08)
    )
    efficiency.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _rounds(efficiency, number)
    legend_above(figure, price)
    return figure


def draw_accuracy(chronicle: Chronicle, number: int) -> Figure:
    """Draw each organisation's accuracy on test data by round, and what they would have on average alone."""
    organisations = chronicle.until(number, "organisations")
    by_round = organisations.pivot_table(index="round", columns="organisation", values="test_accuracy")
    figure = new_figure(4.6)
    axes = figure.subplots()
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, by_round.shape[1]))
    for place, organisation in enumerate(by_round):
        axes.plot(
            by_round.index,
            by_round[organisation],
            color=colours[place],
            linestyle=LINES[place % len(LINES)],
            label=f"organisation {organisation}" if by_round.shape[1] <= NAMED else None,
        )
    if "accuracy_alone" in organisations:
        alone = organisations.groupby("round")["accuracy_alone"].mean()
        axes.plot(alone.index, alone, label="mean without a market", **ALONE)
    axes.set(ylabel="accuracy on test data", xlabel="round")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    _rounds(axes, number)
    if axes.get_legend_handles_labels()[0]:
        legend_above(figure, axes, 2)
    return figure


def draw_classes(classes: pd.DataFrame) -> Figure:
    """Draw the accuracy of each organisation on the test examples of each class, of the table `classes`."""
    accuracy = classes.pivot_table(index="organisation", columns="class", values="accuracy").to_numpy()
    figure = new_figure(1.6 + 0.26 * min(len(accuracy), 24))
    axes = figure.subplots()
    _heat_map(axes, 100 * accuracy, "{:.0f}", vmax=100)
    figure.colorbar(axes.images[0], ax=axes, label="right, % of test\nexamples")
    return figure


def draw_welfare(chronicle: Chronicle, number: int) -> Figure:
    """Draw the parts of welfare by round, and welfare without a market."""
    rounds = chronicle.until(number, "rounds")
    figure = new_figure(4.6)
    axes = figure.subplots()
    looks = {
        "consumer_surplus": ("consumers", SKY, ""),
        "profits": ("organisations", ORANGE, "//"),
        "broker_surplus": ("broker", PURPLE, "xx"),
    }
    parts = [(rounds[column].to_numpy(), *look) for column, look in looks.items()]
    stack_bars(axes, rounds["round"], [part for part in parts if part[0].any()], 0.8)
    if "welfare_alone" in rounds:
        axes.plot(rounds["round"], rounds["welfare_alone"], marker="o", label="without a market", **ALONE)
    axes.set(ylabel="welfare (credits a round)", xlabel="round")
    _rounds(axes, number)
    legend_above(figure, axes)
    return figure


def draw_gains(chronicle: Chronicle, number: int) -> Figure:
    """Draw each organisation's net profit so far less what it would have had without a market."""
    organisations = chronicle.until(number, "organisations")
    gain = (organisations["net"] - organisations["net_alone"]).groupby(organisations["organisation"]).sum()
    figure = new_figure(3.8)
    axes = figure.subplots()
    for sign, colour, hatch, label in ((1, BLUE, "", "gains"), (-1, VERMILLION, "//", "loses")):
        chosen = gain[np.sign(gain) == sign]
        if len(chosen):
            axes.bar(chosen.index, chosen, color=colour, hatch=hatch, edgecolor="#333333", label=label)
    axes.axhline(0, color=BLACK, linewidth=1)
    plain_numbers(axes.yaxis)
    axes.set(
        ylabel="gain over no market\n(credits so far)", xlabel="organisation", xlim=(-0.6, len(gain) - 0.4)
    )
    whole_numbers(axes)
    if axes.get_legend_handles_labels()[0]:
        legend_above(figure, axes)
    return figure


def draw_network(chronicle: Chronicle, number: int) -> Figure:
    """Draw who bought from whom so far, organisations of one region beside each other in one colour."""
    region = chronicle.at(number)["organisations"]["region"].to_numpy()
    trades = chronicle.until(number, "trades")
    trades = trades[trades["settled"].to_numpy(dtype=bool)]
    pairs = trades.groupby(["seller", "buyer"])["round"].agg(["size", "max"]).reset_index()
    angle = np.pi / 2 - 2 * np.pi * np.arange(len(region)) / len(region)
    across, up = np.cos(angle), np.sin(angle)
    figure = new_figure(6.6)
    axes = figure.subplots()
    for seller, buyer, count, last in pairs.to_numpy():
        fresh = last == number
        axes.annotate(
            "",
            (across[buyer], up[buyer]),
            (across[seller], up[seller]),
            arrowprops={
                "arrowstyle": "-|>",
                "color": VERMILLION if fresh else GREY,
                "alpha": 0.9 if fresh else 0.45,
                "linewidth": 0.8 + 4 * count / pairs["size"].max(),
                "shrinkA": 16,
                "shrinkB": 18,
                "connectionstyle": "arc3,rad=0.12",
            },
            zorder=2 if fresh else 1,
        )
    colours = mpl.colormaps["viridis"](np.linspace(0.5, 1, int(region.max()) + 1))
    axes.scatter(across, up, s=720, color=colours[region], edgecolor=BLACK, zorder=3)
    for organisation in range(len(region)):
        place = (across[organisation], up[organisation])
        axes.text(*place, str(organisation), ha="center", va="center", weight="bold", zorder=4)
    axes.plot([], [], color=VERMILLION, linewidth=3, label="bought this round")
    axes.plot([], [], color=GREY, linewidth=3, label="in an earlier round")
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.2, 1.2), aspect="equal")
    axes.set_axis_off()
    legend_above(figure, axes)
    return figure


def _busiest(tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the orders, the settled trades and the trials of the position in which most was traded."""
    settled = tables["trades"][tables["trades"]["settled"].to_numpy(dtype=bool)]
    position = (tables["orders"] if settled.empty else settled)["position"].mode()[0]
    found = (table[table["position"] == position] for table in (tables["orders"], settled, tables["trials"]))
    orders, traded, trials = found
    return orders, traded, trials


def _heat_map(axes: Axes, cells: npt.NDArray[np.generic], form: str, vmax: float) -> None:
    """Draw a number for each organisation and class."""
    axes.imshow(cells, cmap="viridis", vmin=0, vmax=vmax, aspect="auto", interpolation="none")
    if cells.size <= ANNOTATED:
        for (row, column), value in np.ndenumerate(cells):
            colour = "white" if value < 0.6 * vmax else "black"
            axes.text(column, row, form.format(value), ha="center", va="center", color=colour, fontsize=11)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="class", ylabel="organisation")
    axes.set_xticks(range(cells.shape[1]))
    axes.yaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))


def _rounds(axes: Axes, number: int) -> None:
    axes.set_xlim(0.4, max(number, 5) + 0.6)
    whole_numbers(axes)
