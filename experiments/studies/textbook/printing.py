"""Findings as people read them: a table on the terminal, and the same in Markdown."""

from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from experiments.reports.printed import wide_console
from experiments.studies.textbook.findings import ROUNDING

HEADINGS = ("quantity", "measured", "95% interval", "theory", "within?")


def print_findings(results: pd.DataFrame, size_means: str) -> None:
    """Print what was measured beside what theory says, and how often they agree."""
    cases, sizes = _used(results)
    table = Table(title="means over independent markets, beside theory")
    for heading in _headings(cases, sizes, size_means):
        left = heading in ("case", "quantity", "within?")
        table.add_column(
            heading, justify="left" if left else "right", overflow="fold", no_wrap=heading == "case"
        )
    for _, rows in results.groupby("size", sort=False, dropna=False):
        for row in rows.itertuples():
            table.add_row(*_cells(row, cases, sizes))
        if len(rows) > 1:
            table.add_section()
    console = wide_console()
    console.print(table)
    console.print(agreement(results), soft_wrap=True, highlight=False)


def markdown(results: pd.DataFrame, size_means: str) -> str:
    """Return the findings as a Markdown table, and a sentence on how often they agree with theory."""
    cases, sizes = _used(results)
    headings = _headings(cases, sizes, size_means)
    lines = [f"| {' | '.join(headings)} |", f"| {' | '.join('---' for _ in headings)} |"]
    lines += [f"| {' | '.join(_cells(row, cases, sizes))} |" for row in results.itertuples()]
    return "\n".join([*lines, "", agreement(results), ""])


def agreement(results: pd.DataFrame) -> str:
    """Return how many rows agree with theory, and how many misses chance alone would bring."""
    judged = results[results["within"].notna()]
    if judged.empty:
        return "Theory says nothing about these quantities."
    agreed, all_ = int(judged["within"].sum()), len(judged)
    spread = judged["low"] < judged["high"]
    chance = 0.05 * float((spread & (judged["relation"] == "=")).sum())
    return (
        f"Theory agrees with {agreed} of {all_} intervals; of 95% intervals about true means, "
        f"{chance:.1f} of these would miss by chance."
    )


def _used(results: pd.DataFrame) -> tuple[bool, bool]:
    return bool((results["case"] != "").any()), bool(results["size"].notna().any())


def _headings(cases: bool, sizes: bool, size_means: str) -> list[str]:
    return [size_means] * sizes + ["case"] * cases + list(HEADINGS)


def _cells(row: Any, cases: bool, sizes: bool) -> list[str]:
    size = "" if np.isnan(row.size) else f"{row.size:g}"
    relation = {"=": "", ">=": "≥ ", "<=": "≤ "}[row.relation]
    digits = _digits(row.measured, row.low, row.high)
    measured, low, high, theory = (_fixed(x, digits) for x in (row.measured, row.low, row.high, row.theory))
    verdict = "" if pd.isna(row.within) else ("yes" if row.within else "NO")
    numbers = [
        row.quantity,
        measured,
        f"{low} to {high}" if low else "",
        f"{relation}{theory}" if theory else "",
        verdict,
    ]
    return [size] * sizes + [row.case] * cases + numbers


def _fixed(number: float, digits: int) -> str:
    """Return a number with so many decimals; nothing for NaN, and no minus before 0."""
    return "" if np.isnan(number) else f"{np.round(number, digits) + 0.0:.{digits}f}"


def _digits(measured: float, low: float, high: float) -> int:
    """Return the decimals that show two digits of the interval, or four of an exact number."""
    spread = high - low
    if not np.isfinite(spread) or spread <= ROUNDING:
        return 4 if abs(measured) < 1000 else 1
    return int(np.clip(1 - np.floor(np.log10(spread)), 0, 6))
