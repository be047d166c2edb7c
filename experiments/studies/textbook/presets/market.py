"""Any rule and any strategy on induced values."""

from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from experiments.figures.bands import draw_means, over_replicates
from experiments.figures.style import BLUE, GREY, VERMILLION, legend_above, new_figure, whole_numbers
from experiments.studies.textbook.base import RESULTS, TEXTBOOK, Preset, Tables
from experiments.studies.textbook.findings import Findings
from markets import theory
from markets.refusals import InputError
from sim.config.market import STRICT
from sim.data.distributions import Schedule, Uniform
from sim.streams import Streams
from sim.textbook.induced_market import InducedConfig, InducedMarket
from sim.textbook.induced_report import InducedReport

MARKETS = "markets"
"""The table with one row a market and round."""

QUANTITIES = {
    "first_best": "first-best gains, credits",
    "gains": "realised gains, credits",
    "efficiency": "realised / first-best gains",
    "trades": "trades",
    "price": "price, credits",
    "revenue": "paid by buyers, credits",
    "broker": "left to the broker, credits",
    "buyers_profit": "profit a buyer, credits",
    "sellers_profit": "profit a seller, credits",
}


@TEXTBOOK.register
@dataclass(frozen=True, config=STRICT)
class MarketPreset(InducedConfig, Preset):
    """What a rule does, with traders who follow a strategy, in a market that is nothing but values.

    Parameters
    ----------
    organisations : int or None
        Traders in each market, for populations that name it; buyers and sellers together.
    rounds : int
        Rounds in each market, with new values each: for strategies that learn.
    """

    name: str = "market"
    organisations: Annotated[int | None, Field(ge=2, le=1_000_000)] = None
    markets: Annotated[int, Field(ge=2, le=10_000_000)] = 400
    rounds: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    size_means: ClassVar[str] = "round"
    caption: ClassVar[str] = (
        "Left: realised over first-best gains by round, mean over markets with its 95% interval. Right: "
        "prices of the last round's markets."
    )

    @model_validator(mode="after")
    def _organisations_are_traders(self) -> "MarketPreset":
        if self.organisations not in (None, self.traders):
            raise InputError(f"organisations must be all traders ({self.traders}); got {self.organisations}")
        return self

    @property
    def parts(self) -> tuple[str]:
        """All rounds together: traders remember the last one."""
        return ("rounds",)

    def run(self, _: str, streams: Streams) -> Tables:
        """Play the rounds; findings are about means over all rounds of each market."""
        market = InducedMarket(self, streams=streams)
        rounds = []
        for number in range(1, self.rounds + 1):
            market.step()
            assert market.report is not None
            rounds.append(_columns(market.report, number))
        played = pd.concat(rounds, ignore_index=True)
        of_market = played.groupby("market").mean()
        findings, known = Findings(), expectations(market.config)
        for column, quantity in QUANTITIES.items():
            if of_market[column].notna().any():
                findings.add(quantity, of_market[column], known.get(column, np.nan))
        return {RESULTS: findings.table(), MARKETS: played}

    def draw(self, tables: Tables) -> Figure:
        """Draw efficiency by round, and the prices of the last round."""
        played = tables[MARKETS]
        figure = new_figure(4.2)
        left, right = figure.subplots(1, 2)
        efficiency = over_replicates(played.dropna(subset="efficiency"), "round", "efficiency")
        draw_means(left, efficiency, color=BLUE, marker="o", capsize=4)
        left.set(xlabel="round", ylabel="realised / first-best gains", title="efficiency")
        whole_numbers(left)
        prices = played.loc[played["round"] == played["round"].max(), "price"].dropna()
        if len(prices):
            right.hist(prices, bins=30, color=BLUE, alpha=0.6, label="markets")
            right.axvline(prices.mean(), color=VERMILLION, label="mean")
            told = expectations(self).get("price")
            if told is not None:
                right.axvline(told, color=GREY, linestyle=(0, (4, 2)), label="theory")
            legend_above(figure, right, 3)
        right.set(xlabel="price, credits", ylabel="markets", title="prices of the last round")
        return figure


def expectations(config: InducedConfig) -> dict[str, float]:
    """Return what theory expects of a market, by the names of `QUANTITIES`; empty where it knows nothing.

    It knows markets of one unit a trader and truthful traders under the rules whose gains have a closed form
    (`markets.theory`): two sides uniform on one range, or one seller at no cost and buyers uniform from 0.
    """
    values, costs = config.values, config.costs  # noqa: PD011
    if config.broker.licence != "exclusive" or not isinstance(values, Uniform):
        return {}
    truthful = {s.name for s in config.population.strategies(config.traders)} == {"truthful"}
    if values == costs:
        return _of_two_sides(config, values, truthful)
    free = isinstance(costs, Schedule) and max(costs.amounts) == 0
    if config.sellers == 1 and free and values.low == 0:
        known = {"first_best": values.high * config.buyers / (config.buyers + 1)}
        sells_best = truthful and config.mechanism.name == "second_price"
        return known | (
            {"revenue": values.high * theory.auction_revenue(config.buyers)} if sells_best else {}
        )
    return {}


def _of_two_sides(config: InducedConfig, values: Uniform, truthful: bool) -> dict[str, float]:
    m, n, rule = config.buyers, config.sellers, config.mechanism
    width, best = values.high - values.low, theory.call_market_gains(m, n)
    known = {"first_best": width * best}
    lost, kept = {
        "k_double_auction": (0.0, 0.0),
        "trade_reduction": (theory.trade_reduction_loss(m, n), theory.trade_reduction_revenue(m, n)),
        "mcafee": (theory.mcafee_loss(m, n), theory.mcafee_revenue(m, n)),
        "two_sided_vcg": (0.0, -theory.vickrey_deficit(m, n)),
    }.get(rule.name, (np.nan, np.nan))
    bounded = rule.name == "mcafee" and (rule.lowest is not None or rule.highest is not None)
    if not truthful or np.isnan(lost) or bounded:
        return known
    known |= {"gains": width * (best - lost), "broker": width * kept}
    if lost == 0:
        known |= {"efficiency": 1.0, "trades": theory.call_market_quantity(m, n)}
    if rule.name == "k_double_auction" and rule.k == 0.5 and m == n:
        # Both sides mirrored at the middle of the range are as likely.
        known["price"] = values.low + width / 2
    return known


def _columns(report: InducedReport, number: int) -> pd.DataFrame:
    columns = {name: np.asarray(getattr(report, name), dtype=float) for name in QUANTITIES}
    means = {name: column if column.ndim == 1 else column.mean(axis=1) for name, column in columns.items()}
    return pd.DataFrame({"market": np.arange(len(report.first_best)), "round": number} | means)
