"""What a figure is before it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from matplotlib.figure import Figure

from experiments.findings.run_view import RunView
from markets.registry import RegistrationError

P = TypeVar("P")


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


def enter(figures: dict[str, P], plan: P) -> P:
    """Put a plan among the figures of its kind, by its name.

    Raises
    ------
    RegistrationError
        If another figure has the name.
    """
    own: Any = plan
    known: Any = figures.get(own.name)
    if known is not None and _place_of(known) != _place_of(own):
        raise RegistrationError(f"a figure must have a name of its own; {own.name!r} is taken")
    figures[own.name] = plan
    return plan


def _place_of(plan: Any) -> str:
    """Return where the function of a plan is defined; the same code, executed again, makes the same plan."""
    return f"{plan.draw.__module__}.{plan.draw.__qualname__}"
