"""The report of a sweep: one HTML file that tells what was varied, what it changed, and how to make it again.

Every number in it comes from the sweep's tables; the words are in `templates/sweep_report.html.j2`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from experiments.configuration.plain_data import read_text
from experiments.figures.style import arm_style
from experiments.findings.comparison import (
    HEADLINES,
    SIGNIFICANT,
    Comparison,
    by_choice,
    changing,
    name_choice,
)
from experiments.findings.summary import METRICS
from experiments.reports.drawn import Drawn
from experiments.reports.pages import (
    NO_BREAK,
    NOTHING,
    Shown,
    number,
    picture,
    read_folder_flag,
    read_overrides,
    shown_interval,
    shown_manifest,
    typed_command,
    write_page,
)
from experiments.sweeping.plan import MULTIRUN
from experiments.sweeping.sweeps import Sweep
from sim.records.run_folder import CONFIG, RunFolder

STORY = {
    "outcomes": ("sensitivity", "interaction"),
    "frontier": ("frontier",),
    "cost": ("cost",),
}
"""Figures by the section of the page that they belong to."""

TIED = 3
"""Most choices that are named where several have the greatest welfare."""

RECORDS = {
    "sweep.parquet": "means of all metrics, one row a cell and arm",
    "replicates.parquet": "all metrics, one row a cell, arm and replicate",
    "comparison.csv": "means and intervals over replicates, by choice, arm and metric",
    "differences.csv": "paired differences key by key, with all that is told of them here, for every metric",
    "multirun.yaml": "what was typed, and Hydra's own configuration",
}


def write_sweep_report(
    folder: Path,
    sweep: Sweep,
    comparison: Comparison,
    outcomes: Sequence[str],
    drawn: list[Drawn],
    failures: Mapping[str, str],
) -> Path:
    """Write `report.html`: a single file without scripts that needs no network, and return its path.

    Parameters
    ----------
    folder : Path
        The sweep's folder; versions come from its cells' manifests, the command from its `multirun.yaml`.
    sweep : Sweep
        Its tables.
    comparison : Comparison
        Its choices compared.
    outcomes : sequence of str
        Metrics whose differences are told with everything that is known of them.
    drawn : list of Drawn
        The figures, which are copied into the file.
    failures : mapping
        Why each cell that has no result has none, by its folder.
    """
    cells = [RunFolder(folder / "cells" / str(cell), checked=False) for cell in sweep.cells["cell"].unique()]
    manifests = [shown_manifest(cell) for cell in cells]
    # Whoever concludes a sweep has checked what it reads.
    own = RunFolder(folder, checked=False)
    overrides = read_overrides(own, MULTIRUN, "hydra.overrides.task")
    flags = read_folder_flag(own, MULTIRUN)
    story = {
        section: [one for one in drawn if one.name.split("-")[0] in names] for section, names in STORY.items()
    }
    told = [one for section in story.values() for one in section]
    context = {
        "keys": {key: list(dict.fromkeys(sweep.cells[key])) for key in sweep.keys},
        "seeds": list(dict.fromkeys(sweep.cells["seed"])),
        "cells": len(cells),
        "arms": list(dict.fromkeys(sweep.cells["arm"])),
        "colour": {arm: arm_style(arm).colour for arm in sweep.cells["arm"].unique()},
        "replicates": sorted(set(sweep.cells["replicates"].astype(int))),
        "lead": lead(comparison),
        "failures": failures,
        "headlines": {m: text for m, text in HEADLINES.items() if m in set(comparison.levels["metric"])},
        "levels": [
            {"choice": name, "arm": arm, "shown": {metric: _shown(rows.get(metric)) for metric in HEADLINES}}
            for name, arm, rows in by_choice(comparison.keys, comparison.levels)
        ],
        "differences": [table for outcome in outcomes for table in _tables(comparison, outcome)],
        "significant": SIGNIFICANT,
        "figures": {one.name: picture(one, place) for place, one in enumerate(told, start=1)},
        "story": {section: [one.name for one in shares] for section, shares in story.items()},
        "whole_config": read_text(cells[0], CONFIG) if cells[0].has(CONFIG) else None,
        "manifest": manifests[0] | {"versions": _versions(manifests)},
        "seconds": _seconds(manifests),
        "command": None if overrides is None else typed_command(overrides, "-m", *flags),
        "folder": folder.name,
        "records": [
            {"file": name, "rows": _rows(folder / name), "about": about}
            for name, about in RECORDS.items()
            if (folder / name).is_file()
        ],
    }
    return write_page(folder / "report.html", "sweep_report.html.j2", context)


def lead(comparison: Comparison) -> str:
    """Return what the sweep shows of welfare, in one or two plain sentences."""
    welfare = comparison.levels[comparison.levels["metric"] == "welfare"]
    best = max(welfare.to_dict("records"), key=lambda row: row["mean"])
    first = welfare[np.isclose(welfare["mean"], best["mean"], rtol=1e-9, atol=0)].to_dict("records")
    names = [f"the {row['arm']} arm of {_choice(comparison, row)}" for row in first[:TIED]]
    if len(first) > 1:
        others = f" and {len(first) - TIED} others" if len(first) > TIED else ""
        told = f"{', '.join(names)}{others} share the greatest total welfare, {_shown(best)} credits."
    else:
        told = f"{names[0]} has the greatest total welfare, {_shown(best)} credits."
    told = told[0].upper() + told[1:]
    if comparison.differences.empty:
        return told
    own = comparison.differences[comparison.differences["metric"] == "welfare"]
    alike = int((own["mean"] == 0).sum())
    sure = int((own["p_holm"] < SIGNIFICANT).sum())
    return (
        f"{told} Of {len(own)} paired differences of welfare between choices that differ in one key alone, "
        f"{sure} can be told from chance after Holm's correction, and {alike} are exactly 0."
    )


def _choice(comparison: Comparison, row: Mapping[Any, Any]) -> str:
    return ", ".join(f"{key}={row[key]}" for key in comparison.keys) or "the only choice"


def _shown(row: Mapping[Any, Any] | None) -> Shown:
    return NOTHING if row is None else shown_interval(row["mean"], row["low"], row["high"], row["n"])


def _tables(comparison: Comparison, outcome: str) -> list[dict[str, Any]]:
    """Return a table of an outcome's differences for each key that changes it."""
    differences = changing(comparison.differences)
    if differences.empty:
        return []
    own = differences[differences["metric"] == outcome]
    return [
        {
            "outcome": METRICS[outcome],
            "key": key,
            "reference": reference,
            "rows": [_difference(comparison.keys, row) for row in group.to_dict("records")],
        }
        for (key, reference), group in own.groupby(["key", "reference"], sort=False)
    ]


def _difference(keys: list[str], row: dict[Any, Any]) -> dict[str, Any]:
    return {
        "choice": name_choice(keys, [row[key] for key in keys], row["arm"]),
        "arm": row["arm"],
        "student": _shown(row),
        "bootstrap": shown_interval(
            row["mean"], row["bootstrap_low"], row["bootstrap_high"], row["n"]
        ).interval,
        "pairs": int(row["n"]),
        "effect_size": number(row["effect_size"], 2),
        "p": _p(row["p"]),
        "p_holm": _p(row["p_holm"]),
        "sure": row["p_holm"] < SIGNIFICANT,
        "half_width": number(row["half_width"]),
        "needed": number(row["replicates_needed"], 0),
    }


def _p(value: float) -> str:
    return f"<{NO_BREAK}0.001" if value < 0.001 else number(value, 3)


def _versions(manifests: list[dict[str, Any]]) -> dict[str, str]:
    """Return the version of each library; several where cells were made with different ones."""
    found: dict[str, dict[str, None]] = {}
    for manifest in manifests:
        for name, version in (manifest["versions"] or {}).items():
            found.setdefault(name, {})[str(version)] = None
    return {name: " and ".join(versions) for name, versions in found.items()}


def _seconds(manifests: list[dict[str, Any]]) -> dict[str, float]:
    """Return the wall time of each phase, added over all cells."""
    spent: Counter[str] = Counter()
    for manifest in manifests:
        spent.update(manifest["seconds"] or {})
    return dict(spent)


def _rows(path: Path) -> int | None:
    return pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None
