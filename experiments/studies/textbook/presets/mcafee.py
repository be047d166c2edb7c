"""McAfee's double auction and trade reduction against the call market, as markets grow.

R. P. McAfee (1992), A dominant strategy double auction, J. Economic Theory 56.
"""

from typing import Annotated, ClassVar

from matplotlib.figure import Figure
from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.figures.style import legend_above, new_figure
from experiments.studies.textbook.base import RESULTS, TEXTBOOK, Preset, Tables
from experiments.studies.textbook.drawing import draw_series, of, size_axis, theory_key
from experiments.studies.textbook.findings import Findings
from markets import theory
from sim.config.market import STRICT
from sim.streams import Streams
from sim.textbook.induced_market import play
from sim.textbook.induced_report import InducedReport

LOST = "gains lost, share of first best"
BROKER = "broker's revenue, credits"
SAVED = "gains saved, share of first best"
PRICE = "price, credits"

LABELS = {
    "k_double_auction": "call market, k = 1/2",
    "mcafee": "McAfee",
    "trade_reduction": "trade reduction",
}


@TEXTBOOK.register
@dataclass(frozen=True, config=STRICT)
class McAfeePreset(Preset):
    """What truthful double auctions cost, and how the cost vanishes as the market grows.

    As many buyers as sellers of one unit, values and costs uniform on [0, 1] credits, everybody truthful: a
    dominant strategy under `mcafee` and `trade_reduction`; in the call market, the yardstick of what could be
    gained, traders would shade. All three rules clear the same draws.

    Parameters
    ----------
    sizes : tuple of int
        Buyers, and as many sellers.
    markets : int
        Independent markets of each size, at most.
    orders : int
        Orders at most in a clearing; large markets are played fewer times. A gigabyte holds about a million.
    """

    name: str = "mcafee"
    sizes: tuple[Annotated[int, Field(ge=1, le=500)], ...] = (1, 2, 5, 10, 20, 50)
    markets: Annotated[int, Field(ge=2, le=1_000_000)] = 4000
    orders: Annotated[int, Field(ge=2, le=100_000_000)] = 600_000

    size_means: ClassVar[str] = "buyers"
    caption: ClassVar[str] = (
        "Left: gains lost as a share of the first best; the slopes show the square of the market's size. "
        "Right: what the broker keeps. Marks: measured, with 95% intervals; dashed: exact expectations."
    )

    def run(self, size: int, streams: Streams) -> Tables:
        """Clear the same markets by the three rules."""
        findings = Findings()
        markets = max(2, min(self.markets, self.orders // size**2))
        reports = {
            rule: play(streams, buyers=size, sellers=size, markets=markets, mechanism=rule) for rule in LABELS
        }
        self._compare(findings, size, reports)
        return {RESULTS: findings.table()}

    def _compare(self, findings: Findings, size: int, reports: dict[str, InducedReport]) -> None:
        expected = theory.call_market_gains(size, size)
        loss = {
            "k_double_auction": 0.0,
            "mcafee": theory.mcafee_loss(size, size),
            "trade_reduction": theory.trade_reduction_loss(size, size),
        }
        revenue = {
            "k_double_auction": 0.0,
            "mcafee": theory.mcafee_revenue(size, size),
            "trade_reduction": theory.trade_reduction_revenue(size, size),
        }
        for rule, report in reports.items():
            lost = (report.first_best - report.gains) / expected
            findings.add(LOST, lost, loss[rule] / expected, case=rule, size=size)
            findings.add(BROKER, report.broker, revenue[rule], case=rule, size=size)
        saved = (reports["mcafee"].gains - reports["trade_reduction"].gains) / expected
        less = (loss["trade_reduction"] - loss["mcafee"]) / expected
        findings.add(SAVED, saved, less, case="mcafee - trade_reduction", size=size)
        # Values and costs mirrored at 1/2 are as likely, so the mean price of markets that trade is 1/2.
        findings.add(PRICE, reports["k_double_auction"].price, 0.5, case="k_double_auction", size=size)

    def draw(self, tables: Tables) -> Figure:
        """Draw what is lost and what the broker keeps, against the size of the market."""
        results = tables[RESULTS]
        figure = new_figure(4.6)
        left, right = figure.subplots(1, 2)
        for style, (rule, label) in enumerate(LABELS.items()):
            if rule != "k_double_auction":
                draw_series(left, of(results, LOST, rule), style, label)
            draw_series(right, of(results, BROKER, rule), style, label)
        left.set_yscale("log")
        left.set(title="gains lost", ylabel="share of the first best")
        right.set(title="broker's revenue", ylabel="credits a market")
        for axes in (left, right):
            size_axis(axes, self.sizes, "buyers, and as many sellers")
        legend_above(figure, right, 2, last=theory_key(right))
        return figure
