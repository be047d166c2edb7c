"""Smith's convergence: prices of a continuous double auction by trading day, with classical traders.

V. L. Smith (1962), An experimental study of competitive market behavior, J. Political Economy 70; D. Cliff
(1997), HPL-97-91; S. Gjerstad and J. Dickhaut (1998), Games and Economic Behavior 22; P. Vytelingum, D. Cliff
and N. Jennings (2008), Artificial Intelligence 172.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.figures.market.supply_and_demand import draw_supply_and_demand
from experiments.figures.style import BLACK, GREY, legend_above, new_figure, whole_numbers
from experiments.studies.textbook.base import RESULTS, TEXTBOOK, Preset, Tables
from experiments.studies.textbook.drawing import SERIES_STYLES, draw_series, of
from experiments.studies.textbook.findings import Findings
from experiments.studies.textbook.sessions import hold_session, price_paths
from markets.theory.schedules import smith_schedules
from sim.config.market import STRICT
from sim.streams import Streams
from sim.textbook.session_record import SessionRecord
from sim.textbook.trading_session import SessionConfig

ALPHA = "Smith's alpha, %"
EFFICIENCY = "efficiency"
PRICE = "mean price, credits"
BEYOND = "mean price from clearing prices, credits"
FALL = "alpha, last day less first, %"

PRICES = "prices"
"""The table of prices by day and trade."""

TRADERS: dict[str, dict[str, Any]] = {
    "ZI-C": {"name": "zero_intelligence", "highest": 200.0},
    "ZIP": {"name": "zip", "unit": 1.0},
    "GD": {"name": "gd", "highest": 200.0},
    "AA": {"name": "aa", "highest": 200.0},
}


@TEXTBOOK.register
@dataclass(frozen=True, config=STRICT)
class SmithPreset(Preset):
    """How prices converge to the equilibrium of demand and supply from day to day, and with whom.

    Eleven buyers with values 200, 190, ..., 100 and eleven sellers with costs 50, 60, ..., 150 credits, one
    unit each, trade anew every day; what they remember stays. The market clears at prices from 120 to 130.
    ZI-C remembers nothing, so that its days are alike; ZIP, GD and AA learn from what they hear.

    Parameters
    ----------
    markets : int
        Independent markets for each kind of trader.
    days : int
        Trading days.
    steps : int
        Quotes a day at most.
    """

    name: str = "smith"
    markets: Annotated[int, Field(ge=2, le=100_000)] = 100
    days: Annotated[int, Field(ge=2, le=10_000)] = 6
    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 250

    size_means: ClassVar[str] = "day"
    caption: ClassVar[str] = (
        "Top: Smith's coefficient of convergence and realised over first-best gains by trading day, with 95% "
        "intervals. Bottom: the values and costs that all traders have, with the clearing prices (grey), and "
        "prices of one market of each kind, trade by trade, on the same scale."
    )

    @property
    def parts(self) -> tuple[str, ...]:
        """A kind of trader at a time."""
        return tuple(TRADERS)

    def run(self, trader: str, streams: Streams) -> Tables:
        """Let a kind trade for some days."""
        findings = Findings()
        config = SessionConfig(variant="persistent", periods=self.days, steps=self.steps)
        record = hold_session(smith_schedules(self.markets), TRADERS[trader], config, streams)
        self._report(findings, trader, record)
        return {RESULTS: findings.table(), PRICES: price_paths(record, trader=trader)}

    def _report(self, findings: Findings, trader: str, record: SessionRecord) -> None:
        for day in range(self.days):
            findings.add(ALPHA, record.alpha[day], case=trader, size=day + 1)
            findings.add(EFFICIENCY, record.efficiency[day], case=trader, size=day + 1)
        fall = record.alpha[-1] - record.alpha[0]
        # Days of traders who remember nothing are alike; with the others prices close in.
        relation = "=" if trader == "ZI-C" else "<="
        findings.add(FALL, fall, 0.0, case=trader, size=self.days, relation=relation)
        last = record.shouts.price[-1].T
        traded = ~np.isnan(last)
        count = traded.sum(axis=1)
        total = np.where(traded, last, 0.0).sum(axis=1)
        mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        findings.add(PRICE, mean, case=trader, size=self.days)
        if trader != "ZI-C":
            clearing = record.equilibrium
            beyond = np.maximum(clearing.low - mean, mean - clearing.high).clip(min=0)
            findings.add(BEYOND, beyond, case=trader, size=self.days)

    def draw(self, tables: Tables) -> Figure:
        """Draw convergence and efficiency by day, and the paths of mean prices."""
        results, prices = tables[RESULTS], tables[PRICES]
        figure = new_figure(7.2)
        grid = figure.add_gridspec(2, 6)
        left, right = (figure.add_subplot(grid[0, columns]) for columns in (slice(3), slice(3, 6)))
        for axes, quantity, title in ((left, ALPHA, "Smith's alpha (%)"), (right, EFFICIENCY, "efficiency")):
            for style, trader in enumerate(TRADERS):
                draw_series(axes, of(results, quantity, trader), style, trader, theory=False)
            axes.set(xlabel="trading day", title=title)
            whole_numbers(axes)
        left.set_ylim(bottom=0)
        curves = figure.add_subplot(grid[1, :2])
        self._draw_curves(curves)
        self._draw_paths(figure.add_subplot(grid[1, 2:], sharey=curves), prices)
        legend_above(figure, left, 4)
        return figure

    def _draw_curves(self, axes: Axes) -> None:
        schedules = smith_schedules()
        limit = schedules.limit[0, :, 0]
        values, costs = limit[schedules.is_buyer], limit[~schedules.is_buyer]
        draw_supply_and_demand(axes, values, costs, colours=(BLACK, BLACK))
        axes.text(1.2, values[0], "demand", va="center")
        axes.text(1.2, costs[0], "supply", va="center")
        axes.set(ylabel="price, credits", title="values and costs", ylim=(40, 210))

    def _draw_paths(self, axes: Axes, prices: pd.DataFrame) -> None:
        clearing = smith_schedules().equilibrium()
        axes.axhspan(clearing.low[0], clearing.high[0], color=GREY, alpha=0.35, linewidth=0)
        for style, trader in enumerate(TRADERS):
            rows = prices[prices["trader"] == trader]
            for day in range(1, self.days + 1):
                of_day = rows[(rows["period"] == day) & rows["first"].notna()]
                at = day - 1 + (of_day["trade"] - 0.5) / max(1, len(of_day))
                axes.plot(at, of_day["first"], color=SERIES_STYLES[style][0], linewidth=1.8)
        for day in range(1, self.days):
            axes.axvline(day, color=GREY, linewidth=0.8, linestyle=(0, (1, 1.5)))
        axes.set_xticks(np.arange(self.days) + 0.5, [str(day + 1) for day in range(self.days)])
        axes.set_xlim(0, self.days)
        axes.set(xlabel="trading day", title="prices in one market of each kind")
