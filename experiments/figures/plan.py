"""What a figure is before it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from experiments.findings.run_view import RunView


@dataclass(frozen=True)
class Plan:
    """A figure by name.

    Attributes
    ----------
    name : str
        Also the name of its files.
    title : str
        What it shows, in a few words.
    caption : str
        How to read it.
    draw : callable
        RunView -> Figure, or None where the figure does not apply to the run.
    intervals : bool
        Whether it shows intervals over replicates, where there are several.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[RunView], Figure | None]
    intervals: bool = True
