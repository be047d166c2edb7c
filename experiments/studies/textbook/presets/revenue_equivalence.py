"""Revenue equivalence: first price, second price and all-pay, in equilibrium.

W. Vickrey (1961), J. Finance 16; R. Myerson (1981), Mathematics of Operations Research 6; V. Krishna (2009),
Auction Theory, ch. 2 and 3.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.figures.style import GREY, legend_above, new_figure
from experiments.studies.textbook.base import RESULTS, TEXTBOOK, Preset, Tables
from experiments.studies.textbook.drawing import draw_series, of, size_axis, theory_key
from experiments.studies.textbook.findings import Findings
from markets import theory
from sim.config.market import STRICT
from sim.streams import Streams
from sim.textbook.induced_market import play
from sim.textbook.induced_report import InducedReport

REVENUE = "revenue, credits"
VARIANCE = "variance of revenue, credits²"
SURPLUS = "bidders' joint profit, credits"
DIFFERENCE = "revenue less second price's, credits"
RESERVED = "revenue with reserve, credits"

BIDDERS = {
    "first_price": "equilibrium_first_price",
    "second_price": "truthful",
    "all_pay": "equilibrium_all_pay",
}
"""Who bids in each auction: in second price, truth is a dominant strategy."""

VARIANCES = {
    "first_price": theory.first_price_revenue_variance,
    "second_price": theory.second_price_revenue_variance,
    "all_pay": theory.all_pay_revenue_variance,
}


@TEXTBOOK.register
@dataclass(frozen=True, config=STRICT)
class RevenueEquivalencePreset(Preset):
    """Auctions that sell to the highest value earn the same; and which reserve earns most.

    One good at no cost, n bidders with independent values uniform on [0, 1] credits, in the symmetric
    equilibrium of each auction. All auctions see the same draws. For the reserve, the seller of a
    second-price auction asks r instead.

    Parameters
    ----------
    bidders : tuple of int
        Numbers of bidders.
    auctions : int
        Independent auctions of each kind and number.
    reserves : tuple of float
        Reserve prices, credits.
    reserve_bidders : int
        Bidders of the auctions with a reserve.
    """

    name: str = "revenue_equivalence"
    bidders: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = (2, 3, 5, 10)
    auctions: Annotated[int, Field(ge=2, le=10_000_000)] = 20_000
    reserves: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (
        0.0,
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
    )
    reserve_bidders: Annotated[int, Field(ge=1, le=10_000)] = 2

    size_means: ClassVar[str] = "bidders / r"
    caption: ClassVar[str] = (
        "Top: mean and standard deviation of revenue by the number of bidders; the three auctions earn the "
        "same on average and differ in risk. Bottom: revenue of a second-price auction by its reserve; "
        "the best reserve is 1/2 whatever the number of bidders. Dashed: theory."
    )

    @property
    def parts(self) -> tuple[tuple[str, float], ...]:
        """A number of bidders or a reserve at a time."""
        return (*(("n", n) for n in self.bidders), *(("r", r) for r in self.reserves))

    def run(self, part: tuple[str, float], streams: Streams) -> Tables:
        """Hold all auctions on the same draws."""
        findings, (what, size) = Findings(), part
        if what == "n":
            reports = {rule: self._hold(rule, int(size), 0.0, streams) for rule in BIDDERS}
            _compare(findings, int(size), reports)
        else:
            revenue = self._hold("second_price", self.reserve_bidders, size, streams).revenue
            told = theory.auction_revenue(self.reserve_bidders, size)
            findings.add(RESERVED, revenue, told, case=f"n = {self.reserve_bidders}", size=size)
        return {RESULTS: findings.table()}

    def _hold(self, rule: str, bidders: int, reserve: float, streams: Streams) -> InducedReport:
        strategy = BIDDERS[rule]
        knows: dict[str, Any] = {} if strategy == "truthful" else {strategy: {"bidders": bidders}}
        return play(
            streams,
            buyers=bidders,
            sellers=1,
            markets=self.auctions,
            costs={"name": "schedule", "amounts": (reserve,)},
            mechanism=rule,
            population={"mix": {strategy: bidders + 1}, "parameters": knows, "cash": 10.0},
        )

    def draw(self, tables: Tables) -> Figure:
        """Draw mean and spread of revenue by bidders, and revenue by reserve."""
        results = tables[RESULTS]
        figure = new_figure(7.6)
        grid = figure.add_gridspec(2, 2)
        top = [figure.add_subplot(grid[0, column]) for column in (0, 1)]
        for axes, quantity, title in zip(
            top, (REVENUE, VARIANCE), ("mean revenue", "standard deviation of revenue"), strict=True
        ):
            for style, rule in enumerate(BIDDERS):
                rows = _rooted(of(results, quantity, rule))
                draw_series(axes, rows, style, rule, shift=(0.95, 1.0, 1.05)[style])
            size_axis(axes, self.bidders, "bidders")
            axes.set(ylabel="credits", title=title)
        _draw_reserves(figure.add_subplot(grid[1, :]), results, self.reserve_bidders)
        legend_above(figure, top[0], 4, last=theory_key(top[0], "theory"))
        return figure


def _compare(findings: Findings, bidders: int, reports: dict[str, InducedReport]) -> None:
    expected = theory.auction_revenue(bidders)
    baseline = reports["second_price"].revenue
    for rule, report in reports.items():
        findings.add(REVENUE, report.revenue, expected, case=rule, size=bidders)
        squares = (report.revenue - expected) ** 2
        findings.add(VARIANCE, squares, VARIANCES[rule](bidders), case=rule, size=bidders)
        surplus = report.buyers_profit.sum(axis=1)
        findings.add(SURPLUS, surplus, theory.auction_bidders_surplus(bidders), case=rule, size=bidders)
        if rule != "second_price":
            findings.add(DIFFERENCE, report.revenue - baseline, 0.0, case=rule, size=bidders)


def _rooted(rows: Any) -> Any:
    """Return variances as standard deviations, and other rows as they are."""
    if (rows["quantity"] != VARIANCE).all():
        return rows
    return rows.assign(
        **{name: np.sqrt(rows[name].clip(lower=0)) for name in ("measured", "low", "high", "theory")}
    )


def _draw_reserves(axes: Axes, results: Any, bidders: int) -> None:
    reserve = np.linspace(0, 1, 201)
    told = [theory.auction_revenue(bidders, r) for r in reserve]
    axes.plot(reserve, told, color=GREY, linestyle=(0, (4, 2)), linewidth=1.3)
    draw_series(axes, of(results, RESERVED), 3, "", theory=False)
    best = theory.auction_revenue(bidders, 0.5)
    axes.annotate(
        f"r* = 1/2: {best:.3f}", (0.5, best), (0, -26), textcoords="offset points", ha="center", fontsize=11
    )
    axes.set(
        xlabel="reserve, credits",
        ylabel="revenue, credits",
        title=f"second price with a reserve, {bidders} bidders",
    )
