"""Random sampling against the best single price, for goods that can be copied.

A. Goldberg, J. Hartline, A. Karlin, M. Saks and A. Wright (2006), Competitive auctions, Games and Economic
Behavior 55; S. Alaei, A. Malekian and A. Srinivasan (2009), On random sampling auctions for digital goods,
EC.
"""

from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from matplotlib.figure import Figure
from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.figures.style import legend_above, new_figure
from experiments.studies.textbook.base import RESULTS, TEXTBOOK, Preset, Tables
from experiments.studies.textbook.drawing import draw_series, mark_bound, of, size_axis
from experiments.studies.textbook.findings import Findings, ratio_samples
from markets import theory
from sim.config.market import STRICT
from sim.streams import Streams
from sim.textbook.induced_market import play

RATIO = "mean revenue / mean F(2)"
BUYER = "revenue a buyer, credits"
COMPETITIVE = 1 / 4.68
MONOPOLY_PRICE = 0.5


@plain_dataclass(frozen=True)
class _Case:
    """A rule and a kind of bids."""

    rule: str
    bids: str

    @property
    def label(self) -> str:
        return f"{self.rule}, {self.bids}"

    def plays(self, buyers: int) -> bool:
        """Return whether so many buyers are played; equal bids of many hardly ever earn less than all."""
        return {"uniform": True, "equal": buyers <= 10, "tenth at 10": buyers % 10 == 0}[self.bids]

    def values(self, buyers: int) -> dict[str, Any]:
        """Return the distribution of values for so many buyers."""
        if self.bids == "uniform":
            return {"name": "uniform"}
        high = buyers // 10 if self.bids == "tenth at 10" else 0
        amounts, counts = ((10.0, 1.0), (high, buyers - high)) if high else ((1.0,), (buyers,))
        return {"name": "schedule", "amounts": amounts, "counts": counts}


CASES = (
    _Case("rsop", "uniform"),
    _Case("rsop", "equal"),
    _Case("rsop", "tenth at 10"),
    _Case("dop", "uniform"),
    _Case("dop", "tenth at 10"),
    _Case("posted_price", "uniform"),
)


@TEXTBOOK.register
@dataclass(frozen=True, config=STRICT)
class RsopPreset(Preset):
    """What a seller of copies who knows nothing of demand earns of what the best single price would.

    One seller, copies without limit at no cost, truthful buyers. F(2) is the most that one price could earn
    from two buyers or more. Bids are uniform on [0, 1], all equal to 1, or 10 for a tenth of the buyers and 1
    for the rest, the case in which the deterministic optimal price fails. The posted price is the monopoly
    price for uniform values, 1/2, for a seller that knows demand.

    Parameters
    ----------
    sizes : tuple of int
        Buyers of an auction.
    auctions : int
        Independent auctions of each size and kind, at most.
    orders : int
        Orders at most in a clearing; large auctions are held fewer times.
    """

    name: str = "rsop"
    sizes: tuple[Annotated[int, Field(ge=2, le=10_000)], ...] = (2, 3, 5, 10, 20, 50, 100, 200)
    auctions: Annotated[int, Field(ge=2, le=1_000_000)] = 5000
    orders: Annotated[int, Field(ge=2, le=100_000_000)] = 300_000

    size_means: ClassVar[str] = "buyers"
    caption: ClassVar[str] = (
        "Mean revenue over that of the best single price, with 95% intervals. The line at 1/4.68 is what "
        "random sampling earns at least, whatever the bids; the deterministic optimal price stays at a tenth "
        "where a tenth of the buyers bid ten times as much."
    )

    def run(self, size: int, streams: Streams) -> Tables:
        """Hold every auction for every kind of bids."""
        findings = Findings()
        for case in CASES:
            if case.plays(size):
                self._measure(findings, case, size, streams)
        return {RESULTS: findings.table()}

    def _measure(self, findings: Findings, case: _Case, size: int, streams: Streams) -> None:
        rule = {"name": case.rule} | ({"price": MONOPOLY_PRICE} if case.rule == "posted_price" else {})
        report = play(
            streams,
            buyers=size,
            sellers=1,
            markets=max(2, min(self.auctions, self.orders // size)),
            values=case.values(size),
            costs="schedule",
            mechanism=rule,
            broker={"licence": "copy"},
        )
        best = np.array([theory.single_price_revenue(values, least=2) for values in report.value])
        ratio = ratio_samples(report.revenue, best)
        expected, relation = _theory(case, size)
        findings.add(RATIO, ratio, expected, case=case.label, size=size, relation=relation)
        if case.rule == "posted_price":
            told = theory.posted_price_revenue(MONOPOLY_PRICE, size) / size
            findings.add(BUYER, report.revenue / size, told, case=case.label, size=size)

    def draw(self, tables: Tables) -> Figure:
        """Draw revenue as a share of F(2) against the number of buyers."""
        figure = new_figure(5.0)
        axes = figure.subplots()
        mark_bound(axes, COMPETITIVE, "1/4.68: random sampling earns no less")
        mark_bound(axes, 1.0, "F(2), the best single price")
        for style, case in enumerate(CASES):
            draw_series(axes, of(tables[RESULTS], RATIO, case.label), style, case.label, theory=False)
        axes.set(ylabel="mean revenue / mean F(2)")
        axes.set_ylim(0, 1.12)
        size_axis(axes, self.sizes, "buyers")
        legend_above(figure, axes, 3)
        return figure


def _theory(case: _Case, size: int) -> tuple[float, str]:
    """Return what theory says of revenue / F(2), and whether it is a value or a bound."""
    if case.rule == "rsop" and case.bids == "equal":
        return theory.random_sampling_revenue(size) / size, "="
    if case.rule == "rsop" and size == 2:
        # Two bids on different sides earn the lower one, half of F(2); that is half of the time.
        return 1 / 4, "="
    if case.rule == "rsop":
        return COMPETITIVE, ">="
    if case.rule == "dop" and case.bids == "tenth at 10":
        return 1 / 10, "="
    return float("nan"), "="
