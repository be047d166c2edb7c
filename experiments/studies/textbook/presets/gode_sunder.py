"""Zero intelligence with and without a budget constraint.

D. K. Gode and S. Sunder (1993), Allocative efficiency of markets with zero-intelligence traders, J. Political
Economy 101.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.figures.style import GREY, legend_above, new_figure, whole_numbers
from experiments.studies.textbook.base import RESULTS, TEXTBOOK, Preset, Tables
from experiments.studies.textbook.drawing import SERIES_STYLES
from experiments.studies.textbook.findings import Findings
from experiments.studies.textbook.sessions import hold_session, price_paths
from markets.theory.schedules import Schedules, smith_schedules
from sim.config.market import STRICT
from sim.streams import Streams
from sim.textbook.session_record import SessionRecord
from sim.textbook.trading_session import SessionConfig

EFFICIENCY = "efficiency"
UNITS = "units traded"
ALPHA = "Smith's alpha, %"
DISPERSION = "profit dispersion, credits"
RAISED = "efficiency less ZI-U's"

PRICES = "prices"
"""The table of prices by trade."""

HIGHEST = 200.0
TRADERS: dict[str, dict[str, Any]] = {
    "ZI-U": {"name": "zero_intelligence_unconstrained", "highest": HIGHEST},
    "ZI-C": {"name": "zero_intelligence", "highest": HIGHEST},
}


@TEXTBOOK.register
@dataclass(frozen=True, config=STRICT)
class GodeSunderPreset(Preset):
    """How much of a market's efficiency is due to its rules: traders that quote at random.

    A continuous double auction in which only quotes that improve on the best stand, and every trade wipes the
    book. ZI-U quotes uniformly on [0, 200] credits, ZI-C the same but never at a loss. Two schedules of
    eleven units a side: Smith's, with values 200, 190, ..., 100 and costs 50, 60, ..., 150, and one in which
    every value (150 to 200) lies above every cost (50 to 100). ZI-U traders end by trading every unit,
    whoever has it; where every value is above every cost, so do ZI-C, and that is efficient.

    Parameters
    ----------
    markets : int
        Independent markets for each schedule and kind of trader.
    steps : int
        Quotes in each market at most.
    """

    name: str = "gode_sunder"
    markets: Annotated[int, Field(ge=2, le=100_000)] = 400
    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 2000

    caption: ClassVar[str] = (
        "Prices by trade on Smith's schedule: one market (line), the middle four fifths of all markets "
        "(band) and the equilibrium prices (grey). Right: realised over first-best gains. The budget "
        "constraint alone narrows prices towards the end of trading and lifts efficiency."
    )

    @property
    def parts(self) -> tuple[str, ...]:
        """A schedule at a time."""
        return tuple(self.schedules())

    def schedules(self) -> dict[str, Schedules]:
        """Return the schedules by name."""
        apart = Schedules.of(np.linspace(200, 150, 11), np.linspace(50, 100, 11), self.markets)
        return {"Smith": smith_schedules(self.markets), "apart": apart}

    def run(self, name: str, streams: Streams) -> Tables:
        """Let both kinds trade on the same schedule."""
        findings, paths = Findings(), []
        config = SessionConfig(variant="gode_sunder", periods=1, steps=self.steps)
        schedules = self.schedules()[name]
        records: dict[str, SessionRecord] = {}
        for trader, strategy in TRADERS.items():
            records[trader] = hold_session(schedules, strategy, config, streams)
            paths.append(price_paths(records[trader], schedule=name, trader=trader))
        _report(findings, name, records)
        return {RESULTS: findings.table(), PRICES: pd.concat(paths, ignore_index=True)}

    def draw(self, tables: Tables) -> Figure:
        """Draw price paths and efficiency."""
        figure = new_figure(4.6)
        *panels, last = figure.subplots(1, 3, width_ratios=(1, 1, 0.8))
        prices = tables[PRICES]
        smith = smith_schedules().equilibrium()
        for style, (axes, trader) in enumerate(zip(panels, TRADERS, strict=True)):
            rows = prices[(prices["trader"] == trader) & (prices["schedule"] == "Smith")]
            axes.axhspan(smith.low[0], smith.high[0], color=GREY, alpha=0.5, linewidth=0, label="equilibrium")
            _draw_path(axes, rows, style)
            axes.set(xlabel="trade", title=trader, ylim=(0, HIGHEST))
            whole_numbers(axes)
        panels[0].set_ylabel("price, credits")
        _draw_efficiency(last, tables[RESULTS])
        legend_above(figure, panels[1], 3)
        return figure


def all_units_efficiency(schedules: Schedules) -> float:
    """Return the efficiency when every unit of equally many a side changes hands, whoever has it."""
    limit = schedules.limit[0]
    gains = np.nansum(limit[schedules.is_buyer]) - np.nansum(limit[~schedules.is_buyer])
    return float(gains / schedules.equilibrium().gains[0])


def _report(findings: Findings, name: str, records: dict[str, SessionRecord]) -> None:
    schedules = records["ZI-C"].schedules
    everything = all_units_efficiency(schedules)
    apart = everything == 1.0
    units = schedules.is_buyer.sum()
    for trader, record in records.items():
        case = f"{trader}, {name}"
        all_trade = trader == "ZI-U" or apart
        told = everything if all_trade else np.nan
        findings.add(EFFICIENCY, record.efficiency[0], told, case=case)
        sold = record.units[0].sum(axis=1) / 2
        findings.add(UNITS, sold, float(units) if all_trade else np.nan, case=case)
        findings.add(ALPHA, record.alpha[0], case=case)
        findings.add(DISPERSION, record.dispersion[0], case=case)
    if not apart:
        raised = records["ZI-C"].efficiency[0] - records["ZI-U"].efficiency[0]
        findings.add(RAISED, raised, 0.0, case=f"ZI-C, {name}", relation=">=")


def _draw_path(axes: Axes, rows: pd.DataFrame, style: int) -> None:
    colour, marker = SERIES_STYLES[style]
    axes.fill_between(
        rows["trade"],
        rows["low"],
        rows["high"],
        color=colour,
        alpha=0.22,
        linewidth=0,
        label="80% of markets",
    )
    axes.plot(rows["trade"], rows["first"], color=colour, marker=marker, markersize=5, label="one market")


def _draw_efficiency(axes: Axes, results: pd.DataFrame) -> None:
    rows = results[results["quantity"] == EFFICIENCY]
    for place, schedule in enumerate(("Smith", "apart")):
        for style, trader in enumerate(TRADERS):
            row = rows[rows["case"] == f"{trader}, {schedule}"].iloc[0]
            colour, marker = SERIES_STYLES[style]
            lengths = np.nan_to_num([[row.measured - row.low], [row.high - row.measured]])
            at = place + 0.2 * (style - 0.5)
            axes.errorbar([at], [row.measured], lengths, color=colour, marker=marker, capsize=4)
            if np.isfinite(row.theory):
                axes.hlines(
                    row.theory, at - 0.12, at + 0.12, color=GREY, linewidth=1.5, linestyle=(0, (2, 1))
                )
    axes.set_xticks([0, 1], ["Smith", "apart"])
    axes.set_xlim(-0.5, 1.5)
    axes.set_ylim(0.8, 1.01)
    axes.set_yticks([0.8, 0.85, 0.9, 0.95, 1.0])
    axes.set(xlabel="schedule", title="efficiency")
