"""Tables of the benchmarks, for a terminal or in Markdown."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from sim.records.tables import write_atomically

TABLE_WIDTH = 150
"""Columns that the widest table needs; narrower terminals and pipes get long lines instead of cut numbers."""


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str = "",
    caption: str = "",
    markdown: bool = False,
) -> None:
    """Print a table whose first column is to the left and whose others are to the right.

    Parameters
    ----------
    headings, rows : sequence
        Text of each cell.
    title, caption : str
        What stands above and below; in Markdown, paragraphs.
    markdown : bool
        Whether to print Markdown.
    """
    if markdown:
        lines = [headings, ["---"] * len(headings), *rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        print("\n\n".join(part for part in (title, table, caption) if part), end="\n\n")
        return
    shown = Table(title=title, caption=caption)
    for column, heading in enumerate(headings):
        shown.add_column(heading, justify="right" if column else "left", no_wrap=True)
    for row in rows:
        shown.add_row(*row)
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    console.print(shown)


def save_table(
    folder: Path | None, name: str, table: pd.DataFrame, draw: Callable[[pd.DataFrame], Figure] | None = None
) -> None:
    """Write a table as CSV, and its figure as PNG, into a folder, made if need be; without one, nothing."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{name}.csv", partial(table.to_csv, index=False))
    if draw is not None:
        write_atomically(folder / f"{name}.png", partial(draw(table).savefig, format="png", dpi=150))


def number(value: float, form: str) -> str:
    """Return a number in a form of `format`, or nothing for one that is missing."""
    return "" if math.isnan(value) else format(value, form)
