"""What a tab shows: passages, each of a title, a few sentences, a table or a figure.

Core Objects: Passage, table_of
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Passage:
    """One thing that is told.

    Attributes
    ----------
    title : str
        In a few words.
    text : str
        Sentences.
    table : DataFrame or None
        With headings for people.
    draw : callable or None
        Makes the figure; called only when the passage is looked at.
    """

    title: str
    text: str
    table: pd.DataFrame | None = None
    draw: Callable[[], Figure] | None = None


def table_of(rows: pd.DataFrame, headings: dict[str, str], most: int | None = None) -> pd.DataFrame | None:
    """Return columns of a table under headings for people, at most so many rows; None if there are none.

    Parameters
    ----------
    rows : DataFrame
        A table of records.
    headings : dict
        Heading of each column to show, with its unit; numbers are shown with three significant digits.
    most : int, optional
        Rows to show, the first ones; all by default.
    """
    if rows.empty:
        return None
    shown = rows[list(headings)].head(most or len(rows)).rename(columns=headings)
    return shown.apply(lambda column: column.map("{:.3g}".format) if column.dtype.kind == "f" else column)
