"""The data dictionary in words: tables and columns of a run, its summaries, and a reproduction's records.

Core Objects: recorded_words, print_records, records_page
"""

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.findings.summary import METRICS
from experiments.studies.reproduction.cells import RECORDS as REPRODUCED
from sim.records.schema import RECORD_TABLES, Column, RecordTable

WORD = "records"
"""What is asked for to see every table."""

SUMMARY = {
    "arm": "setting of the world",
    "metric": "what was measured, one of those below",
    "meaning": "what the metric is",
    "mean": "over replicates",
    "low": "lower end of the 95% Student interval; missing with one replicate",
    "high": "upper end",
    "n": "replicates behind it",
}
"""Columns of `summary.csv`; those of `replicates.csv` are arm, replicate and the metrics."""


def recorded_words() -> set[str]:
    """Return all that `print_records` can tell of: the dictionary itself, its tables and their columns."""
    columns = {column for table in RECORD_TABLES.values() for column in table.columns}
    return {WORD, *RECORD_TABLES, *columns}


def print_records(console: Console, word: str) -> None:
    """Print a table of the records, all of them, or every column with a name.

    Parameters
    ----------
    console : Console
        Where to print.
    word : str
        ``records``, a table (``trades``) or a column (``paid``).
    """
    for name, table in RECORD_TABLES.items():
        if word in (WORD, name):
            _print_table(console, name, table)
    if word == WORD:
        console.print("`parabourse explain NAME` tells what one table, column or metric is", soft_wrap=True)
    holders: dict[Column, list[str]] = {}
    for name, table in RECORD_TABLES.items():
        if word in table.columns:
            holders.setdefault(table.columns[word], []).append(name)
    for column, names in holders.items():
        of = f"a column of the {'table' if len(names) == 1 else 'tables'} {', '.join(names)}"
        unit = f", in {column.unit}" if column.unit else ""
        told = f"{of} ({column.kind}{unit}). {column.meaning[:1].upper()}{column.meaning[1:]}."
        console.print(f"[bold]{word}[/bold]: {escape(told)}", soft_wrap=True, highlight=False)


def records_page() -> str:
    """Return the dictionary as Markdown; docs/records.md holds it."""
    parts = []
    for name, table in RECORD_TABLES.items():
        columns = {column: _cells(of) for column, of in table.columns.items()}
        parts += [f"### `{name}`", f"One row is {table.row}.", _markdown(columns, "type", "unit", "meaning")]
    parts += ["### `summary.csv`", "One row is an arm and metric."]
    parts += [_markdown({name: (meaning,) for name, meaning in SUMMARY.items()}, "meaning")]
    parts += ["### Metrics", "The columns of `replicates.csv` and of a sweep's tables."]
    parts += [_markdown({name: (meaning,) for name, meaning in METRICS.items()}, "meaning")]
    parts += [
        "### Records of `parabourse reproduce`",
        "One row is an arm, replicate, round and organisation.",
    ]
    parts += [_markdown({name: (meaning,) for name, meaning in REPRODUCED.items()}, "meaning")]
    return "\n\n".join(parts)


def _print_table(console: Console, name: str, table: RecordTable) -> None:
    console.print(f"[bold]{name}[/bold].parquet: one row is {escape(table.row)}", soft_wrap=True)
    shown = Table("column", "type", "unit", "meaning", box=None, padding=(0, 2, 0, 0))
    shown.columns[0].no_wrap = True
    for column, of in table.columns.items():
        shown.add_row(column, *(escape(cell) for cell in _cells(of)))
    console.print(shown)
    console.print()


def _cells(column: Column) -> tuple[str, str, str]:
    return column.kind, column.unit, column.meaning


def _markdown(rows: Mapping[str, tuple[str, ...]], *headings: str) -> str:
    lines = [" | ".join(["| column", *headings]) + " |", "| --- " * (len(headings) + 1) + "|"]
    lines += [" | ".join([f"| `{name}`", *cells]) + " |" for name, cells in rows.items()]
    return "\n".join(lines)
