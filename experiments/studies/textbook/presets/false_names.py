"""The price of false names.

M. Yokoo, Y. Sakurai and S. Matsubara (2004), The effect of false-name bids in combinatorial auctions, Games
and Economic Behavior 46.
"""

from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from matplotlib.figure import Figure
from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.figures.style import legend_above, new_figure, whole_numbers
from experiments.studies.textbook.base import RESULTS, TEXTBOOK, Preset, Tables
from experiments.studies.textbook.drawing import SERIES_STYLES, draw_series, of
from experiments.studies.textbook.findings import Findings, ratio_samples
from markets import theory
from markets.columns import Floats
from markets.mechanisms import MECHANISMS
from markets.orders.orders import Orders, Trades
from sim.config.market import STRICT
from sim.streams import Streams

GAIN = "bidder's gain from names, credits"
PROFIT = "bidder's profit, credits"
REVENUE = "revenue, credits"
EFFICIENCY = "gains, share of first best"

RULES: dict[str, dict[str, Any]] = {
    "vcg_bundles": {"name": "vcg_bundles"},
    "second_price": {"name": "second_price"},
    "posted_price": {"name": "posted_price", "price": 0.5},
}
"""One auction of all bundles, and two rules that sell good by good."""

BUYERS_A_MARKET = 100
"""Numbers set aside for the names of a market: the bidder's from 1 on, the rival's the last."""


@plain_dataclass(frozen=True)
class _Outcome:
    """What came of every market: money in credits, float64 [R]."""

    profit: Floats
    revenue: Floats
    gains: Floats


@TEXTBOOK.register
@dataclass(frozen=True, config=STRICT)
class FalseNamesPreset(Preset):
    """What a bidder gains by bidding under a name for each good, and which rules resist.

    One seller with M goods, one of each, at no cost. A bidder's values of the goods are independent and
    uniform on [0, 1] credits and add up; a rival wants all goods or none, its value uniform on [0, M]. In
    `vcg_bundles` both report the truth, the bidder under one name, for every bundle, or under M names, each
    for one good. `second_price` and `posted_price` (at 1/2) sell good by good: the rival bids the M-th part
    of its value for each, and a name more changes nothing, but the rival may be left with a part that is
    worth nothing to it.

    Parameters
    ----------
    goods : tuple of int
        Numbers of goods.
    markets : int
        Independent markets for each number of goods; all rules and numbers of names see the same values.
    """

    name: str = "false_names"
    goods: tuple[Annotated[int, Field(ge=1, le=6)], ...] = (1, 2, 3, 4)
    markets: Annotated[int, Field(ge=2, le=100_000)] = 300

    varied: ClassVar[str] = "goods"
    size_means: ClassVar[str] = "goods"
    caption: ClassVar[str] = (
        "Left: what a bidder gains by a name for each good. Middle: what that costs the seller. Right: the "
        "price of resisting: rules that sell good by good know no false names, and lose gains. "
        "Dashed: theory."
    )

    def run(self, goods: int, streams: Streams) -> Tables:
        """Hold the same auctions under one name and under several."""
        findings = Findings()
        rng = streams.stream("false names", goods)
        value, rival = rng.random((self.markets, goods)), goods * rng.random(self.markets)
        for rule in RULES:
            found = {
                names: _hold(rule, value, rival, names, streams.stream("clearing", goods))
                for names in (False, True)
            }
            _report(findings, rule, goods, found, np.maximum(value.sum(axis=1), rival))
        return {RESULTS: findings.table()}

    def draw(self, tables: Tables) -> Figure:
        """Draw the gain from names, revenue and realised gains against the number of goods."""
        results = tables[RESULTS]
        figure = new_figure(4.9)
        left, middle, right = figure.subplots(1, 3)
        for style, rule in enumerate(RULES):
            draw_series(left, of(results, GAIN, rule), style, rule, shift=(0.97, 1.0, 1.03)[style])
            honest = f"{rule}, one name" if rule == "vcg_bundles" else rule
            draw_series(right, of(results, EFFICIENCY, honest), style, rule, theory=False)
        draw_series(middle, of(results, REVENUE, "vcg_bundles, one name"), 0, "vcg_bundles")
        draw_series(middle, of(results, REVENUE, "vcg_bundles, many names"), 3, "vcg_bundles, many names")
        left.set(title="gain from names", ylabel="credits")
        middle.set(title="revenue", ylabel="credits")
        right.set(title="realised gains", ylabel="share of first best", ylim=(0, 1.05))
        for axes in (left, middle, right):
            axes.set_xlabel("goods")
            axes.margins(x=0.08)
            whole_numbers(axes)
        # One entry for the series that only the middle panel has.
        left.errorbar(
            [],
            [],
            [],
            color=SERIES_STYLES[3][0],
            marker=SERIES_STYLES[3][1],
            linestyle="none",
            label="vcg_bundles, many names",
        )
        legend_above(figure, left, 2)
        return figure


def _report(
    findings: Findings, rule: str, goods: int, found: dict[bool, _Outcome], first_best: Floats
) -> None:
    bundles = rule == "vcg_bundles"
    for names, outcome in found.items():
        if names and not bundles:
            continue
        case = f"{rule}, {'many names' if names else 'one name'}" if bundles else rule
        profit = theory.false_name_profit(goods, names) if bundles else np.nan
        revenue = theory.false_name_revenue(goods, names) if bundles else np.nan
        findings.add(PROFIT, outcome.profit, profit, case=case, size=goods)
        findings.add(REVENUE, outcome.revenue, revenue, case=case, size=goods)
        share = ratio_samples(outcome.gains, first_best)
        findings.add(EFFICIENCY, share, 1.0 if bundles else np.nan, case=case, size=goods)
    gain = found[True].profit - found[False].profit
    findings.add(GAIN, gain, (goods - 1) / 8 if bundles else 0.0, case=rule, size=goods)


def _hold(rule: str, value: Floats, rival: Floats, names: bool, rng: np.random.Generator) -> _Outcome:
    """Hold one auction in each market, all in one clearing."""
    orders = (
        _bundle_orders(value, rival, names) if rule == "vcg_bundles" else _single_orders(value, rival, names)
    )
    trades = MECHANISMS.build(RULES[rule]).clear(orders, rng)
    return _outcome(trades, value, rival)


def _bundle_orders(value: Floats, rival: Floats, names: bool) -> Orders:
    """Return bids for bundles: the bidder's for each, or a name's for its good; the rival's for all goods."""
    markets, goods = value.shape
    whole = 2**goods - 1
    masks = 1 << np.arange(goods) if names else np.arange(1, whole + 1)
    member = (masks[:, None] >> np.arange(goods)) & 1
    who = np.arange(1, goods + 1) if names else np.ones(whole, dtype=np.int64)
    bundle, bidder = np.append(masks, whole), np.append(who, BUYERS_A_MARKET - 1)
    market = np.repeat(np.arange(markets), len(bundle))
    bids = np.column_stack([value @ member.T, rival])
    return Orders.of(
        buyer=market * BUYERS_A_MARKET + np.tile(bidder, markets),
        seller=market * BUYERS_A_MARKET,
        listing=market * 2**goods + np.tile(bundle, markets),
        position=market,
        bid=bids.ravel(),
        ask=np.zeros(bids.size),
        contents=np.tile(bundle, markets),
        capacity=np.ones(bids.size, dtype=np.int64),
    )


def _single_orders(value: Floats, rival: Floats, names: bool) -> Orders:
    """Return bids good by good: each good of a market is a listing and a position of its own."""
    markets, goods = value.shape
    market, good, side = (a.ravel() for a in np.indices((markets, goods, 2)))
    own = 1 + good if names else 1
    bids = np.where(side == 0, value[market, good], rival[market] / goods)
    return Orders.of(
        buyer=market * BUYERS_A_MARKET + np.where(side == 0, own, BUYERS_A_MARKET - 1),
        seller=market * BUYERS_A_MARKET,
        listing=market * 2**goods + (1 << good),
        position=market * goods + good,
        bid=bids,
        ask=np.zeros(bids.size),
        capacity=np.ones(bids.size, dtype=np.int64),
    )


def _outcome(trades: Trades, value: Floats, rival: Floats) -> _Outcome:
    """Return what the bidder, under whatever names, and the rival got, and paid."""
    markets, goods = value.shape
    market, name = np.divmod(trades.buyer, BUYERS_A_MARKET)
    won = trades.listing - market * 2**goods
    member = ((won[:, None] >> np.arange(goods)) & 1).astype(bool)
    own = name < BUYERS_A_MARKET - 1
    worth = np.bincount(market[own], (value[market] * member).sum(axis=1)[own], markets)
    spent = np.bincount(market[own], trades.paid[own], markets)
    revenue = np.bincount(market, trades.paid, markets)
    rivals_goods = np.bincount(market[~own], member.sum(axis=1)[~own], markets)
    gains = worth + np.where(rivals_goods == goods, rival, 0.0)
    return _Outcome(*(np.asarray(money, dtype=np.float64) for money in (worth - spent, revenue, gains)))
