"""``parabourse pricing``: prices under information, and what each side earns.

Core Objects: run_pricing, play_sizes, play_pricing
"""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from experiments.benchmarks.tables import save_table
from experiments.figures import save_figure
from experiments.figures.style import in_style
from experiments.reports.printed import wide_console
from experiments.runs.cells import Cell, Tables, play_cells, study_folder
from experiments.studies.pricing.drawing import draw_prices
from experiments.studies.pricing.gains import GAIN_KEYS, GAINS, gains_table, measure_gains
from experiments.studies.pricing.information import PROBES
from experiments.studies.pricing.markets import FULL_INFORMATION, SETTINGS_PLAYED, Observer, markets_of
from experiments.studies.pricing.prices import OFFER, READINGS, Prices, price_table
from markets.refusals import require_least
from sim.cohort import Cohort
from sim.config.market import MarketConfig

SHOWN = (0, 1, 4, PROBES[-1])
"""Numbers of probes that the printed table shows; the saved one has all."""


def run_pricing(
    organisations: list[int], rounds: int, replicates: int, seed: int, output: Path | None
) -> None:
    """Play the markets that the folder lacks, print the tables, and save them with a figure for each size.

    Writes a cell for each size, ``prices.csv`` and ``gains.csv`` (a row a replicate), and ``prices_N`` as PNG
    and SVG for each number of organisations N. Cost: four markets a size, rounds x N^2 trials of 33 weights
    in each.

    Parameters
    ----------
    organisations : list of int
        Sizes of the market, each >= 2.
    rounds : int
        Rounds of each, >= 2: the first one has no past, and its pairs are not priced.
    replicates : int
        Independent repetitions, >= 1.
    seed : int
        Root of all random streams, >= 0.
    output : Path or None
        Where, as for `study_folder`.

    Raises
    ------
    InputError
        If a number is not as described, or the folder holds something else.
    UnfinishedError
        If a size fails.
    """
    require_least(2, rounds=rounds)
    require_least(1, replicates=replicates)
    require_least(0, seed=seed)
    for number in organisations:
        require_least(2, organisations=number)
    sizes = list(dict.fromkeys(organisations))
    numbers = {"organisations": sizes, "rounds": rounds, "replicates": replicates, "seed": seed}
    output = study_folder(output, "pricing", numbers)
    prices, gains = play_sizes(output, sizes, rounds, replicates, seed)
    table = price_table(prices)
    _show_prices(table)
    _show_bounds(table)
    _show_gains(gains_table(gains))
    save_table(output, "prices", prices)
    save_table(output, "gains", gains)
    with in_style():
        for size, own in table.groupby("organisations"):
            save_figure(output, f"prices_{size}", draw_prices(own))


def play_sizes(
    folder: Path, sizes: list[int], rounds: int, replicates: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what `play_pricing` returns for some sizes, each a cell in a folder."""
    numbers = {"rounds": rounds, "replicates": replicates, "seed": seed}
    cells = [
        Cell({"organisations": size}, play_pricing, {"markets": markets_of(size), **numbers})
        for size in sizes
    ]
    played = play_cells(folder, cells)
    prices, gains = (
        pd.concat([own[name] for own in played], ignore_index=True) for name in ("prices", "gains")
    )
    return prices, gains


def play_pricing(markets: dict[str, MarketConfig], rounds: int, replicates: int, seed: int) -> Tables:
    """Return ``prices`` (see `Prices.shares`) and ``gains`` (see `measure_gains`) of markets of one size.

    The pairs that are priced are those of the market that trades at Nash prices under full information, so
    that every state of information looks at the same. `markets` are those of `markets_of`.
    """
    prices, gains = Prices(markets[FULL_INFORMATION].organisations), []
    alone = pd.DataFrame()
    for rule, config in markets.items():
        watched = rule == FULL_INFORMATION
        # Without a market all rules are the same.
        cohort = Cohort(config, ["autarky", *SETTINGS_PLAYED][not watched :], replicates, seed)
        observer = Observer(cohort) if watched else None
        played = []
        for _ in range(rounds):
            played.append(cohort.step(observer))
            for pairs in observer.pairs if observer else []:
                prices.enter(pairs)
        tables = {name: pd.concat([one[name] for one in played]) for name in played[0]}
        if watched:
            alone = tables["organisations"].query("arm == 'autarky'")
        gains.append(measure_gains(config, rule, tables, alone))
    return {"prices": prices.shares(), "gains": pd.concat(gains, ignore_index=True)}


PRICE_COLUMNS = {
    "distance": ("distance", READINGS),
    "above past": ("above_past", READINGS),
    "deals": ("deals", READINGS),
    "buyer": ("buyer", READINGS),
    "seller": ("seller", READINGS),
    "offer: deals": ("deals", OFFER),
    "seller ": ("seller", OFFER),
}
"""Columns of the printed table: the measure and the rule."""
GAIN_COLUMNS = {
    "mean": "organisation",
    "least": "least",
    "above 0": "better_off",
    "consumers": "consumers",
    "as buyer": "as_buyer",
    "as seller": "as_seller",
}


def _show_prices(table: pd.DataFrame) -> None:
    for (organisations, setting), own in table.groupby(["organisations", "setting"], sort=False):
        shown = Table(
            title=f"{organisations} organisations, {setting}: prices by what is told of the gain",
            caption="distance: of prices from those of full information, relative to these, and by how "
            "much it is above that of past rounds alone; deals: made, of those worth making; buyer, seller: "
            "their part of what these are worth; offer: take it or leave it",
        )
        for heading in ("told", "probes", *PRICE_COLUMNS):
            shown.add_column(heading, justify="left" if heading == "told" else "right", no_wrap=True)
        rows = {
            (row["told"], row["probes"], row["rule"], row["measure"]): _text(row)
            for row in own.to_dict("records")
        }
        for told, probes in dict.fromkeys(zip(own["told"], own["probes"], strict=True)):
            if probes in SHOWN:
                cells = [rows.get((told, probes, rule, of), "") for of, rule in PRICE_COLUMNS.values()]
                shown.add_row(str(told), str(probes), *cells)
        wide_console().print(shown)


def _show_bounds(table: pd.DataFrame) -> None:
    shown = Table(
        title="How sure the bounds are",
        caption="K: the greatest slope that is told over the true one, geometric mean; covers: pairs "
        "where it is not below that; gains held: least share over settings and probes",
    )
    for heading in ("N", "told", "K", "covers", "gains held"):
        shown.add_column(heading, justify="left" if heading == "told" else "right", no_wrap=True)
    for (size, source), own in table.groupby(["organisations", "told"], sort=False):
        values = own.groupby("measure")["mean"]
        mean, least = values.mean(), values.min()
        k = ["", ""] if np.isnan(mean["steepness"]) else [f"{mean['steepness']:.2f}", f"{mean['covers']:.3f}"]
        shown.add_row(str(size), str(source), *k, f"{least['hold']:.3f}")
    wide_console().print(shown)


def _show_gains(table: pd.DataFrame) -> None:
    shown = Table(
        title="Who gains from the market: credits above no market, all rounds together",
        caption="an organisation's mean, the least of all, the share above 0, and consumers, an "
        "organisation; then what its deals brought it on average by the values and costs of their "
        "round, all else equal",
    )
    for heading in ("N", *GAIN_KEYS[1:], *GAIN_COLUMNS):
        shown.add_column(heading, justify="right", no_wrap=True)
    for key, own in table.groupby(GAIN_KEYS, sort=False):
        texts = {row["measure"]: _text(row) for row in own.to_dict("records")}
        shown.add_row(*(str(part) for part in key), *(texts[of] for of in GAIN_COLUMNS.values()))
    wide_console().print(shown)


def _text(row: dict[Hashable, Any]) -> str:
    """Return a mean, of amounts and differences with half of its interval; empty where there is none."""
    mean, half = row["mean"], row["high"] - row["mean"]
    if np.isnan(mean):
        return ""
    with_interval = row["measure"] in ("above_past", *GAINS) and row["measure"] != "better_off"
    return f"{mean:z.2f}" + (f"±{half:.2f}" if with_interval and np.isfinite(half) else "")
