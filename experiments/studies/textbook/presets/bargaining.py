"""One buyer and one seller: what private information costs, and what each way to bargain makes of it.

R. Myerson and M. Satterthwaite (1983), J. Economic Theory 29; K. Chatterjee and W. Samuelson (1983),
Operations Research 31; K. Hagerty and W. Rogerson (1987), J. Economic Theory 42.
"""

from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.figures.style import BLACK, BLUE, GREY, VERMILLION, new_figure
from experiments.studies.textbook.base import RESULTS, TEXTBOOK, Preset, Tables
from experiments.studies.textbook.drawing import of
from experiments.studies.textbook.findings import Findings
from markets import theory
from sim.config.market import STRICT
from sim.streams import Streams
from sim.textbook.induced_market import play
from sim.textbook.induced_report import InducedReport

SHARE = "gains, share of first best"
TRADED = "pairs that trade"
BUYER = "buyer's profit, credits"

REGIONS = "regions"
"""The table with the share of pairs that traded, by value and cost."""

TITLES = {
    "Nash bargaining": "Nash",
    "sealed bids, k = 0.5": "sealed, k = 1/2",
    "seller makes the offer": "seller offers",
    "posted price 1/2": "posted, 1/2",
}
"""Names of the cases that are pictured, short enough for a small panel."""

CELLS = 25
FIRST_BEST = 1 / 6


@plain_dataclass(frozen=True)
class _Case:
    """A way to bargain, and what theory says of it: chance of a trade, gains, the buyer's part of them."""

    label: str
    mechanism: dict[str, Any]
    probability: float
    gains: float
    buyer: float
    equilibrium_k: float | None = None
    pictured: bool = field(default=False, kw_only=True)


def _cases() -> list[_Case]:
    """Return every way to bargain."""
    second_best = theory.chatterjee_samuelson_trade(0.5)
    share_of_first = 1 / (1 + 0.9)
    informed: list[tuple[str, dict[str, Any], float]] = [
        ("Nash bargaining", {"name": "nash_bargaining"}, 1 / 2),
        ("Kalai-Smorodinsky", {"name": "kalai_smorodinsky"}, 1 / 2),
        (
            "Rubinstein, seller first",
            {"name": "rubinstein", "buyer_discount": 0.9, "seller_discount": 0.9, "first_mover": "seller"},
            1 - share_of_first,
        ),
    ]
    sealed = [
        _Case(
            f"sealed bids, k = {k:g}",
            {"name": "chatterjee_samuelson", "k": k},
            *theory.chatterjee_samuelson_trade(k),
            k,
            pictured=k == 0.5,
        )
        for k in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    offers = [
        _Case(
            f"{who} makes the offer",
            {"name": "take_it_or_leave_it", "proposer": who},
            1 / 4,
            1 / 8,
            1 / 24 if who == "seller" else 1 / 12,
            0.0 if who == "seller" else 1.0,
            pictured=who == "seller",
        )
        for who in ("seller", "buyer")
    ]
    posted = theory.posted_price_gains(0.5)
    return [
        *(
            _Case(label, rule, 1 / 2, FIRST_BEST, FIRST_BEST * part, pictured=label == "Nash bargaining")
            for label, rule, part in informed
        ),
        _Case("second best", {"name": "myerson_satterthwaite"}, *second_best),
        *sealed,
        *offers,
        _Case(
            "posted price 1/2",
            {"name": "posted_price", "price": 0.5},
            1 / 4,
            posted,
            posted / 2,
            pictured=True,
        ),
    ]


@TEXTBOOK.register
@dataclass(frozen=True, config=STRICT)
class BargainingPreset(Preset):
    """What a buyer and a seller who do not know each other's value realise of the gains of trade.

    Value and cost independent and uniform on [0, 1] credits; a trade would gain 1/6 on average. Nash,
    Kalai-Smorodinsky and Rubinstein bargain under full information. Sealed bids are those of the linear
    equilibrium; an offer is the best for its maker, and the other side answers truthfully. The second best
    and the posted price are played truthfully, which is an equilibrium.

    Parameters
    ----------
    pairs : int
        Independent pairs under each rule; all rules see the same pairs.
    """

    name: str = "bargaining"
    pairs: Annotated[int, Field(ge=2, le=10_000_000)] = 40_000

    caption: ClassVar[str] = (
        "Left: realised gains as a share of the first best, measured with 95% intervals (dots) and in theory "
        "(ticks); no rule without a subsidy goes beyond 27/32 under private information. Right: who trades. "
        "Darker cells trade more often; lines are theory's borders."
    )

    @property
    def parts(self) -> tuple[str, ...]:
        """A way to bargain at a time."""
        return tuple(case.label for case in _cases())

    def run(self, label: str, streams: Streams) -> Tables:
        """Let the same pairs bargain in a way."""
        findings = Findings()
        [case] = (case for case in _cases() if case.label == label)
        report = self._bargain(case, streams)
        gains = report.gains / FIRST_BEST
        findings.add(SHARE, gains, case.gains / FIRST_BEST, case=label)
        findings.add(TRADED, report.trades, case.probability, case=label)
        findings.add(BUYER, report.buyers_profit[:, 0], case.buyer, case=label)
        regions = {REGIONS: _region(report).assign(case=label)} if case.pictured else {}
        return {RESULTS: findings.table(), **regions}

    def _bargain(self, case: _Case, streams: Streams) -> InducedReport:
        strategy, knows = "truthful", {}
        if case.equilibrium_k is not None:
            strategy = "equilibrium_chatterjee_samuelson"
            knows = {strategy: {"k": case.equilibrium_k}}
        return play(
            streams,
            buyers=1,
            sellers=1,
            markets=self.pairs,
            mechanism=case.mechanism,
            population={"mix": {strategy: 2}, "parameters": knows, "cash": 10.0},
        )

    def draw(self, tables: Tables) -> Figure:
        """Draw the share of the gains by rule, and where trade takes place."""
        figure = new_figure(5.6)
        halves: Any = figure.subfigures(1, 2, width_ratios=(1.25, 1))
        left, right = halves
        _draw_shares(left.subplots(), of(tables[RESULTS], SHARE))
        regions = tables[REGIONS]
        pictures = right.subplots(2, 2, sharex=True, sharey=True).ravel()
        for axes, label in zip(pictures, regions["case"].unique(), strict=True):
            _draw_region(axes, regions[regions["case"] == label], label)
        right.supxlabel("seller's cost, credits", fontsize=12)
        right.supylabel("buyer's value, credits", fontsize=12)
        return figure


def _region(report: InducedReport) -> pd.DataFrame:
    """Return how often pairs trade in each cell of value and cost."""
    edges = np.linspace(0, 1, CELLS + 1)
    place = (report.value[:, 0], report.cost[:, 0])
    pairs = np.histogram2d(*place, bins=(edges, edges))[0]
    trades = np.histogram2d(*place, bins=(edges, edges), weights=report.trades.astype(float))[0]
    value, cost = (a.ravel() for a in np.indices(pairs.shape))
    middle = (edges[:-1] + edges[1:]) / 2
    share = np.divide(trades, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)
    return pd.DataFrame({"value": middle[value], "cost": middle[cost], "traded": share.ravel()})


def _draw_shares(axes: Axes, rows: pd.DataFrame) -> None:
    place = np.arange(len(rows))[::-1]
    axes.scatter(rows["theory"], place, 420, color=BLUE, marker="|", linewidths=3.5, label="theory")
    lengths = np.nan_to_num([rows["measured"] - rows["low"], rows["high"] - rows["measured"]])
    axes.errorbar(rows["measured"], place, xerr=lengths, fmt="o", color=BLACK, capsize=4, label="measured")
    axes.axvline(27 / 32, color=VERMILLION, linestyle=(0, (4, 2)), linewidth=1.5, label="27/32")
    axes.set_yticks(place, list(rows["case"]))
    axes.set_xlim(0.7, 1.05)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlabel("gains / first best")
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)


def _draw_region(axes: Axes, rows: pd.DataFrame, label: str) -> None:
    grid = rows.pivot_table(index="value", columns="cost", values="traded")
    axes.imshow(grid, origin="lower", extent=(0, 1, 0, 1), cmap="Greys", vmin=0, vmax=1.6, aspect="auto")
    cost = np.linspace(0, 1, 101)
    border = {
        "Nash bargaining": cost,
        "sealed bids, k = 0.5": cost + 0.25,
        "seller makes the offer": (1 + cost) / 2,
        "posted price 1/2": np.where(cost <= 0.5, 0.5, np.nan),
    }[label]
    axes.plot(cost[border <= 1], border[border <= 1], color=VERMILLION, linewidth=1.8)
    if label == "posted price 1/2":
        axes.plot([0.5, 0.5], [0.5, 1], color=VERMILLION, linewidth=1.8)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (1, 1.5)))
    axes.set_title(TITLES[label], fontsize=10.5)
    axes.grid(visible=False)
    axes.set_xticks([0, 1])
    axes.set_yticks([0, 1])
