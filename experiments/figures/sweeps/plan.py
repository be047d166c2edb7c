"""What a figure of a sweep is before it is drawn, and what it is drawn from.

Core Objects: SweepPlan, SweepView, over_other_keys, axis_label, log_scaled
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype

from experiments.sweeping.sweeps import Sweep


@dataclass(frozen=True)
class SweepView:
    """A sweep and what is asked of it.

    Attributes
    ----------
    sweep : Sweep
        Its tables.
    seconds : DataFrame
        One row a cell and phase: `cell`, `phase`, `seconds` of wall time.
    outcome : str
        The metric that is looked at.
    keys : list of str
        The swept keys that are looked at; over the others means are taken.
    meanings : dict of str
        What the keys mean, where that is known.
    """

    sweep: Sweep
    seconds: pd.DataFrame
    outcome: str
    keys: list[str]
    meanings: dict[str, str] = field(default_factory=dict)

    @property
    def arms(self) -> list[str]:
        """Arms in which the outcome was measured."""
        measured = self.sweep.replicates[self.sweep.replicates[self.outcome].notna()]
        return list(dict.fromkeys(measured["arm"]))


@dataclass(frozen=True)
class SweepPlan:
    """A figure by name.

    Attributes
    ----------
    name : str
        Also the name of its files, followed by the outcome's if it shows one.
    title : str
        What it shows, in a few words.
    caption : str
        How to read it.
    of_outcome : bool
        Whether it shows an outcome of choice.
    draw : callable
        View -> Figure, or None where the figure does not apply to the sweep.
    intervals : bool
        Whether it shows intervals over seeds and replicates, where there are several.
    """

    name: str
    title: str
    caption: str
    of_outcome: bool
    draw: Callable[[SweepView], Figure | None]
    intervals: bool = False


def over_other_keys(view: SweepView, keys: list[str]) -> pd.DataFrame:
    """Return the outcome by some keys, for each arm, seed and replicate, as the mean over all other keys.

    Every mean is over the same values of the other keys: where a cell is missing, so is the mean of its
    replicates.

    Returns
    -------
    DataFrame
        Columns: the keys, `arm`, `seed`, `replicate` and the outcome.
    """
    sweep, outcome = view.sweep, view.outcome
    rows = sweep.replicates.dropna(subset=[outcome])
    others = [key for key in sweep.keys if key not in keys]
    if not others:
        return rows[[*keys, "arm", "seed", "replicate", outcome]]
    all_others = rows.groupby("arm")[others].apply(lambda chosen: len(chosen.drop_duplicates()))
    by = [*keys, "arm", "seed", "replicate"]
    found = rows.groupby(by, sort=False)[outcome].agg(["mean", "size"]).reset_index()
    whole = found["size"] == found["arm"].map(all_others)
    return found[whole].rename(columns={"mean": outcome})[[*by, outcome]]


def axis_label(view: SweepView, key: str, characters: int = 60) -> str:
    """Return the label of a key's axis: what the key means, in the first clause of it, and the key."""
    meaning = view.meanings.get(key, "").split(". ")[0].split("; ")[0].split(": ")[0].strip(" .")
    return textwrap.fill(f"{meaning} ({key})" if meaning else key, characters)


def log_scaled(view: SweepView, key: str) -> bool:
    """Return whether the values of a key are positive numbers that span a factor of ten or more."""
    values = view.sweep.replicates[key]
    return is_numeric_dtype(values) and bool(values.min() > 0) and bool(values.max() >= 10 * values.min())
