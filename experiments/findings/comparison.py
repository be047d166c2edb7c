"""Choices of a sweep compared: what each brings, and what changing one key alone changes, in pairs.

Cells that differ in nothing but the seed are one choice with more replicates. Replicates of the same seed
share data, initial weights and random streams in every cell, so that differences between choices are paired.
"""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.findings.statistics import (
    bootstrap_interval,
    effect_size,
    holm,
    interval,
    p_value,
    replicates_needed,
)
from experiments.findings.summary import METRICS
from experiments.reports.printed import SHOWN, cell_of, wide_console
from markets.columns import Floats
from markets.refusals import InputError

HEADLINES = SHOWN | {"trial_gain": "gain a trial, nats"}

SIGNIFICANT = 0.05
"""Holm-adjusted p below which a difference is marked."""

PART = 0.1
"""Half-width that replicates are counted for where none is asked: this part of the mean difference."""

NUMBERS = {
    "effect_size": ("g_z", ".2f"),
    "p": ("p", ".2g"),
    "p_holm": ("Holm p", ".2g"),
    "half_width": ("half-width", ".2g"),
    "replicates_needed": ("replicates needed", ",.0f"),
}
"""Headings and formats of what is known of a difference beside its intervals."""

LINES = 40
"""Most lines that are printed of a comparison; the files hold all of it."""

AROUND = 7
"""Lines of a table beside its rows: title, headings, rule, what is left out, space."""

NARROW = 12
"""Characters of a heading on a line, as many as most numbers with their intervals have."""

GAP = 3
"""Characters between two columns."""

ANY_CHOICE = "any choice"

OWN_SETTING = "the setting's arm"
"""Arm of a cell that bears the name of the cell's setting: across settings, these are compared."""


@dataclass(frozen=True)
class Comparison:
    """The choices of a sweep compared.

    Attributes
    ----------
    keys : list of str
        The keys that were swept, the seed apart.
    levels : DataFrame
        One row a choice, arm and metric: a column a key, `arm`, `metric`, `mean`, `low`, `high`, `n`,
        `meaning`.
    differences : DataFrame
        One row a choice, arm and metric for each key: what the choice has more than the one that differs from
        it in this key alone. `key` names it and `reference` is the other's value of it, the first of the
        sweep; `mean`, `low` and `high` (Student), `bootstrap_low` and `bootstrap_high` (BCa), `n` pairs,
        `effect_size` (Hedges' g_z), `p`, `p_holm` (over all differences of the metric), and how many
        replicates (`replicates_needed`) an interval of `half_width` would take. Empty with one choice.
    unfinished : list of str
        Cells that were started and have no result.
    """

    keys: list[str]
    levels: pd.DataFrame
    differences: pd.DataFrame
    unfinished: list[str]


def compare_choices(
    keys: list[str],
    replicates: pd.DataFrame,
    unfinished: list[str],
    half_widths: Mapping[str, float] | None = None,
) -> Comparison:
    """Compare the choices of a sweep.

    Parameters
    ----------
    keys : list of str
        The swept keys without the seed: columns of `replicates`.
    replicates : DataFrame
        One row a cell, arm and replicate: the keys, `seed`, `arm`, `replicate` and the metrics.
    unfinished : list of str
        Handed on.
    half_widths : mapping or None
        Half-width that is wanted of the interval of a metric's differences, in the metric's unit; a tenth
        of the mean difference for metrics that are not in it.

    Raises
    ------
    InputError
        If a half-width is for no metric, or not positive.
    """
    wanted = dict(half_widths or {})
    for metric, width in wanted.items():
        if metric not in METRICS:
            raise InputError(f"half-widths are for one of {', '.join(METRICS)}; got {metric!r}")
        if not width > 0:
            raise InputError(f"the half-width of {metric} must be greater than 0; got {width}")
    differences = pd.DataFrame([row for key in keys for row in _differences(key, keys, replicates, wanted)])
    if len(differences):
        differences["p_holm"] = differences.groupby("metric")["p"].transform(holm)
    return Comparison(
        keys=keys, levels=choice_levels(keys, replicates), differences=differences, unfinished=unfinished
    )


def choice_levels(keys: list[str], replicates: pd.DataFrame) -> pd.DataFrame:
    """Return mean and interval of every metric by choice and arm, as `Comparison` holds them."""
    by = [*keys, "arm"]
    rows = []
    for labels, group in replicates.groupby(by, sort=False):
        for metric, samples in _samples(group):
            row = dict(zip(by, labels, strict=True)) | {"metric": metric}
            rows.append(row | vars(interval(samples)) | {"meaning": METRICS[metric]})
    return pd.DataFrame(rows)


def _differences(
    key: str, keys: list[str], replicates: pd.DataFrame, half_widths: dict[str, float]
) -> list[dict[str, object]]:
    """Return the rows for all choices that differ in one key from a choice with the key's first value."""
    metrics = [metric for metric in METRICS if metric in replicates]
    first = replicates[key].iloc[0]
    paired = replicates.assign(world=worlds(replicates))
    pair = [*(other for other in keys if other != key), "world", "seed", "replicate"]
    reference = paired.loc[paired[key] == first, [*pair, *metrics]]
    joined = paired[paired[key] != first].merge(reference, on=pair, suffixes=("", "_reference"))
    joined[metrics] = joined[metrics].to_numpy() - joined[[f"{m}_reference" for m in metrics]].to_numpy()
    rows = []
    for labels, group in joined.groupby([*keys, "arm"], sort=False):
        choice = {"key": key, "reference": first} | dict(zip([*keys, "arm"], labels, strict=True))
        rows += [choice | _difference(*found, half_widths) for found in _samples(group)]
    return rows


def worlds(replicates: pd.DataFrame) -> pd.Series:
    """Return what arms are matched by: their name, or that they are the arm of their cell's setting.

    The latter where all settings are arms: `duopolies`, say, is a choice of the group, and its arm another.
    """
    if "setting" not in replicates or not set(replicates["setting"]) <= set(replicates["arm"]):
        return replicates["arm"]
    return replicates["arm"].mask(replicates["arm"] == replicates["setting"], OWN_SETTING)


def _difference(metric: str, samples: Floats, half_widths: dict[str, float]) -> dict[str, object]:
    student, resampled = interval(samples), bootstrap_interval(samples)
    half_width = half_widths.get(metric, PART * abs(student.mean))
    countable = len(samples) > 1 and half_width > 0
    needed = replicates_needed(float(samples.std(ddof=1)), half_width) if countable else math.nan
    return {
        "metric": metric,
        **vars(student),
        "bootstrap_low": resampled.low,
        "bootstrap_high": resampled.high,
        "effect_size": effect_size(samples),
        "p": p_value(samples),
        "p_holm": math.nan,
        "half_width": half_width,
        "replicates_needed": needed,
        "meaning": METRICS[metric],
    }


def _samples(group: pd.DataFrame) -> list[tuple[str, Floats]]:
    """Return the finite samples of every metric that has some."""
    found = [(m, group[m].to_numpy(dtype=np.float64)) for m in METRICS if m in group]
    return [(m, samples[~np.isnan(samples)]) for m, samples in found if not np.isnan(samples).all()]


def changing(differences: pd.DataFrame) -> pd.DataFrame:
    """Return the differences without those of arms in which a key changes nothing, as autarky's mechanism."""
    if differences.empty:
        return differences
    moved = differences["mean"].ne(0).groupby([differences["key"], differences["arm"]]).transform("any")
    return differences[moved]


def print_comparison(comparison: Comparison, outcome: str = "welfare") -> None:
    """Print the headline metrics of every choice and arm, and paired differences key by key.

    What is printed fits on `LINES` lines, whatever was swept: where there are more choices, those with the
    greatest outcome are shown, and the differences that are surest.

    Parameters
    ----------
    comparison : Comparison
        What to print.
    outcome : str
        Metric whose differences are told with everything that is known of them.
    """
    keys, console = comparison.keys, wide_console()
    if comparison.unfinished:
        print(f"not finished, and left out: {', '.join(comparison.unfinished)}")
    differences = changing(comparison.differences)
    told = differences[differences["metric"] == outcome] if len(differences) else differences
    by_key = list(told.groupby(["key", "reference"], sort=False)) if len(told) else []
    room = LINES // (1 + len(by_key)) - AROUND
    console.print(_levels_table(comparison, outcome, room, console.width))
    for (key, reference), table in by_key:
        title = f"{METRICS[outcome]}: difference to {key}={reference}, in pairs (* Holm p < {SIGNIFICANT})"
        console.print(_differences_table(title, keys, table, room))


def name_choice(keys: Sequence[str], values: Sequence[object], arm: str) -> str:
    """Return a choice in few words: a name speaks for itself, a number needs the last part of its key.

    The setting need not be told where the arm bears its name.
    """
    told = [
        value if isinstance(value, str) else f"{key.rsplit('.', 1)[-1]}={value}"
        for key, value in zip(keys, values, strict=True)
        if value != arm
    ]
    return ", ".join(told)


def by_choice(keys: list[str], levels: pd.DataFrame) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the name of each choice, its arm, and its rows by metric, arm by arm.

    Keys that change nothing in an arm, as the mechanism in autarky, are not told of it, and what they leave
    alike comes once.
    """
    for arm, own in levels.groupby("arm", sort=False):
        several = bool(keys) and len(own.drop_duplicates(keys)) > 1
        told = [key for key in keys if not several or _matters(key, keys, own)]
        for (*values, _), group in own.groupby([*told, "arm"], sort=False):
            name = ANY_CHOICE if several and not told else name_choice(told, values, str(arm))
            yield name, str(arm), {str(row["metric"]): row for row in group.to_dict("records")}


def _matters(key: str, keys: list[str], levels: pd.DataFrame) -> bool:
    """Return whether some metric differs between values of a key, the other keys equal."""
    means = levels.groupby([*(other for other in keys if other != key), "metric"])["mean"]
    return bool((means.max() > means.min()).any())


def _levels_table(comparison: Comparison, outcome: str, room: int, width: int) -> Table:
    """Return the headline metrics that there is room for, the outcome first, a row a choice and arm."""
    rows = list(by_choice(comparison.keys, comparison.levels))
    kept = rows
    if len(rows) > room:
        mean = [found[outcome]["mean"] if outcome in found else -math.inf for *_, found in rows]
        best = set(np.argsort(mean)[::-1][:room].tolist())
        kept = [row for place, row in enumerate(rows) if place in best]
    names, arms, _ = zip(*kept, strict=True)
    left = width - sum(max(map(len, column)) + GAP for column in (names, arms))
    metrics = {}
    for metric, heading in sorted(HEADLINES.items(), key=lambda item: item[0] != outcome):
        cells = [cell_of(found.get(metric)) for *_, found in kept]
        left -= GAP + max(map(len, [*cells, *textwrap.wrap(heading, NARROW)]))
        if left >= 0 and metric in set(comparison.levels["metric"]):
            metrics[metric] = (heading, cells)
    title = "mean over replicates ± half of the 95% confidence interval"
    shown = _table(title, [heading for heading, _ in metrics.values()])
    for place, (name, arm, _) in enumerate(kept):
        shown.add_row(name, arm, *(cells[place] for _, cells in metrics.values()))
    shown.caption = _left_out(
        len(rows) - len(kept), "comparison.csv", f"those with the greatest {METRICS[outcome]}"
    )
    return shown


def _differences_table(title: str, keys: list[str], table: pd.DataFrame, room: int) -> Table:
    surest = table.assign(size=table["mean"].abs()).sort_values(["p", "size"], ascending=[True, False])
    kept = table.loc[sorted(surest.index[:room])]
    headings = ["difference", "95% interval", "bootstrap", *(heading for heading, _ in NUMBERS.values())]
    shown = _table(title, headings)
    for row in kept.to_dict("records"):
        shown.add_row(
            name_choice(keys, [row[key] for key in keys], row["arm"]),
            row["arm"],
            f"{row['mean']:.3g}{'*' * bool(row['p_holm'] < SIGNIFICANT)}",
            _ends(row["low"], row["high"]),
            _ends(row["bootstrap_low"], row["bootstrap_high"]),
            *(
                format(row[name], text) if np.isfinite(row[name]) else "-"
                for name, (_, text) in NUMBERS.items()
            ),
        )
    shown.caption = _left_out(len(table) - len(kept), "differences.csv", "the surest ones")
    return shown


def _left_out(rows: int, file: str, first: str) -> str | None:
    return f"{first}; {rows} more in {file}" if rows else None


def _ends(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}" if np.isfinite(low) else "-"


def _table(title: str, headings: list[str]) -> Table:
    shown = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("choice", no_wrap=True)
    shown.add_column("arm", no_wrap=True)
    for heading in headings:
        shown.add_column(textwrap.fill(heading, NARROW), justify="right", no_wrap=True)
    return shown
