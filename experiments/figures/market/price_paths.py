"""Price paths and their convergence."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.bands import by_arm, draw_band, from_zero
from experiments.figures.market.books import true
from experiments.figures.plan import Plan
from experiments.figures.style import (
    BLACK,
    GREY,
    ORANGE,
    legend_above,
    mark_arm,
    new_figure,
    plain_numbers,
    whole_numbers,
)
from experiments.findings.run_view import RunView
from markets.accounts.money import MICRO
from markets.checks.convergence import smith_alpha
from markets.goods.blocks import Licence

MARKET = ["arm", "replicate", "round", "position"]
WORLD = ["arm", "replicate", "round"]
TOLD_APART = 100
"""Most trades of a path with marks of full size."""
WIDE = 500.0
"""Percent from equilibrium beyond which alpha is drawn on a logarithmic scale."""


def price_paths(view: RunView) -> Figure | None:
    """Draw the price of every trade by round, and how near prices are to equilibrium.

    On books: Smith's alpha, about the prices at which values would meet costs. Where every pair trades alone
    each has clearing prices of its own, those between cost and value: there, how much of the difference the
    seller gets.

    Reads `trades` and `trials`.

    Returns
    -------
    Figure or None
        Above, one panel an arm with prices, of the first replicate; below, all of them. None where nothing
        was traded at a price.
    """
    arms = view.priced_arms
    trades = view.tables["trades"]
    trades = trades[trades["settled"].astype(bool) & trades["arm"].isin(arms)]
    arms = [arm for arm in arms if (trades["arm"] == arm).any()]
    if not arms:
        return None
    figure = new_figure(7.4)
    grid = figure.add_gridspec(2, len(arms), height_ratios=(1.15, 1))
    panels = [figure.add_subplot(grid[0, place]) for place in range(len(arms))]
    below = figure.add_subplot(grid[1, :])
    if view.config.market().mechanism.venue == "books":
        trials = view.tables["trials"][view.tables["trials"]["arm"].isin(arms)]
        centre = equilibria(trials, Licence.parse(view.config.broker.licence).capacity)
        measure, label = convergence(trades, centre), "Smith's alpha (%)"
    else:
        centre = None
        measure, label = sellers_share(trades), "seller's share of\nthe gains from trade"
    for axes, arm in zip(panels, arms, strict=True):
        first = trades[trades["replicate"] == 0]
        told = None if centre is None else centre[centre["replicate"] == 0]
        _draw_arm(axes, first[first["arm"] == arm], told if told is None else told[told["arm"] == arm])
        mark_arm(axes, arm)
        axes.set_xlim(0.4, view.config.rounds + 0.6)
    band = by_arm(measure, "round", "measure")
    for arm in band:
        draw_band(below, arm, band[arm])
    if not band:
        below.text(
            0.5, 0.5, "no equilibrium price of a micro-credit or more", transform=below.transAxes, ha="center"
        )
    from_zero(below)
    if measure["measure"].max() > WIDE:
        below.set_yscale("symlog", linthresh=1.0)
        below.set_ylim(bottom=0)
    plain_numbers(below.yaxis)
    below.set(xlabel="round", ylabel=label, xlim=(0.4, view.config.rounds + 0.6))
    whole_numbers(below)
    panels[0].set_ylabel("credits a block")
    legend_above(figure, panels[0], 3)
    return figure


def equilibria(trials: pd.DataFrame, capacity: int) -> pd.DataFrame:
    """Return the prices at which values meet costs in each market: columns `low`, `high` and `equilibrium`.

    Parameters
    ----------
    trials : DataFrame
        The table `trials`.
    capacity : int
        Buyers that a listing can have, from its licence.
    """
    rows = []
    for key, of_market in trials.groupby(MARKET, sort=False):
        curves = true(of_market, capacity)
        if curves.margin.quantity:
            rows.append((*key, float(curves.margin.low), float(curves.margin.high), curves.price))
    return pd.DataFrame(rows, columns=[*MARKET, "low", "high", "equilibrium"])


def convergence(trades: pd.DataFrame, equilibria: pd.DataFrame) -> pd.DataFrame:
    """Return Smith's alpha of each round: `arm`, `replicate`, `round`, `measure` (%).

    Every price is taken relative to the equilibrium of its own position, which for one position is Smith's
    formula. Where that is less than a micro-credit, which no price can be, alpha is not defined, and such
    trades do not count.

    Parameters
    ----------
    trades : DataFrame
        Settled rows of the table `trades`.
    equilibria : DataFrame
        As `equilibria` returns them.
    """
    known = trades.merge(equilibria[equilibria["equilibrium"] >= 1 / MICRO], on=MARKET)
    relative = (known["paid"] / known["equilibrium"]).groupby([known[column] for column in WORLD])
    return relative.agg(lambda prices: float(smith_alpha(prices, 1.0))).rename("measure").reset_index()


def sellers_share(trades: pd.DataFrame) -> pd.DataFrame:
    """Return what sellers got of the gains from trade in each round: `arm`, `replicate`, `round`, `measure`.

    The sum of prices received less costs, over the sum of values less costs, all as measured in trials.

    Parameters
    ----------
    trades : DataFrame
        Settled rows of the table `trades`.
    """
    parts = trades.assign(
        got=trades["received"] - trades["measured_cost"],
        gains=trades["measured_value"] - trades["measured_cost"],
    )
    sums = parts.groupby(WORLD)[["got", "gains"]].sum().reset_index()
    return sums.assign(measure=sums["got"] / sums["gains"].where(sums["gains"] > 0))


def draw_price_path(axes: Axes, period: pd.Series, price: pd.Series) -> None:
    """Draw prices as dots, those of one period side by side in the order of their rows.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    period : Series of int [T]
        The round or day of each trade.
    price : Series of float [T]
        In credits.
    """
    axes.plot(
        _side_by_side(period),
        price,
        linestyle="",
        marker="D",
        markersize=max(2.0, 5.0 * min(1.0, (TOLD_APART / max(1, len(price))) ** 0.5)),
        color=ORANGE,
        markeredgecolor=BLACK,
        markeredgewidth=0.5 if len(price) <= 2 * TOLD_APART else 0,
        rasterized=len(price) > TOLD_APART,
        label="price of a trade",
    )


def _draw_arm(axes: Axes, trades: pd.DataFrame, equilibria: pd.DataFrame | None) -> None:
    """Draw an arm's prices with the equilibria of the rounds, or else each between its cost and value."""
    if equilibria is None:
        axes.vlines(
            _side_by_side(trades["round"]),
            trades["measured_cost"],
            trades["measured_value"],
            color=GREY,
            linewidth=0.9,
            alpha=0.6,
            rasterized=len(trades) > TOLD_APART,
            label="from cost to value",
        )
    else:
        low, high, number = (equilibria[name].to_numpy() for name in ("low", "high", "round"))
        axes.bar(number, high - low, 0.84, low, color=GREY, alpha=0.35)
        axes.hlines(
            equilibria["equilibrium"],
            number - 0.42,
            number + 0.42,
            color=BLACK,
            linewidth=1.6,
            zorder=3,
            label="equilibrium price",
        )
    draw_price_path(axes, trades["round"], trades["paid"])
    axes.set_xlabel("round")
    whole_numbers(axes)
    from_zero(axes)
    plain_numbers(axes.yaxis)


def _side_by_side(period: pd.Series) -> np.ndarray:
    """Return where the trades of each period stand: spread evenly over most of its width."""
    place = period.groupby(period).cumcount()
    count = period.groupby(period).transform("size")
    return (period + 0.8 * ((place + 0.5) / count - 0.5)).to_numpy()


FIGURE = Plan(
    "price_paths",
    "Price paths",
    "Above: every trade of the first replicate, those of a round side by side, with the prices at which "
    "values would meet costs (their range and middle) or, where every pair trades alone, the cost and the "
    "value of each trade. Below: on books Smith's alpha, the root mean square distance of prices from "
    "equilibrium in percent of it (Smith 1962); else the share of the gains from trade that sellers get.",
    price_paths,
)
