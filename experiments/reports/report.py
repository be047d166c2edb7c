"""The report of a run: one HTML file that tells what was asked, what came out, and how to make it again.

Every number in it comes from the run's records, through `Findings`; the words are in
`templates/report.html.j2`.

Core Objects: write_report, shown
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from experiments.command_line.listing import first_line
from experiments.configuration.keys import Config
from experiments.configuration.plain_data import read_text
from experiments.figures.bands import over_replicates
from experiments.figures.style import arm_style
from experiments.findings.headline import sentence
from experiments.findings.summary import METRICS, Findings
from experiments.reports.drawn import Drawn
from experiments.reports.groups import told_groups
from experiments.reports.pages import (
    NOTHING,
    Shown,
    picture,
    read_folder_flag,
    read_overrides,
    shown_interval,
    shown_manifest,
    typed_command,
    write_page,
)
from experiments.runs.runner import HYDRA, OVERRIDES
from sim.records.run_folder import CONFIG, RunFolder
from sim.records.schema import RECORD_TABLES
from sim.settings import SETTINGS

HEADLINE = (
    "welfare",
    "welfare_gain",
    "consumer_surplus",
    "profits",
    "broker_surplus",
    "test_accuracy",
    "better_off",
    "minimum",
    "gini",
)

STORY = {
    "learning": ("learning_curves", "merge_weights"),
    "gains": ("welfare", "gains", "lorenz"),
    "market": (
        "market",
        "supply_and_demand",
        "price_paths",
        "order_book_depth",
        "trade_network",
        "values",
    ),
    "withheld": ("withheld",),
}
"""Figures by the section of the page that they belong to."""


def write_report(
    folder: Path, config: Config, findings: Findings, drawn: list[Drawn], damaged: Sequence[str] = ()
) -> Path:
    """Write `report.html`: a single file without scripts that needs no network, and return its path.

    Parameters
    ----------
    folder : Path
        The run's folder; versions and times come from its `manifest.json`, the command from Hydra's `.hydra`.
    config : Config
        What was run.
    findings : Findings
        What came out.
    drawn : list of Drawn
        The figures, which are copied into the file.
    damaged : sequence of str
        Files that were read although they are not what was written; the page says so first.
    """
    context = _context(folder, config, findings, drawn) | {"damaged": damaged}
    return write_page(folder / "report.html", "report.html.j2", context)


def shown(findings: Findings, arm: str, metric: str, null: float = 0.0) -> Shown:
    """Return a metric of an arm as text; a dash where it does not apply.

    Parameters
    ----------
    findings : Findings
        Reads `table`.
    arm, metric : str
        Which row.
    null : float
        The value that the interval is held against for `sign`: 0 for a difference, 1 for a ratio.
    """
    found = findings.value(arm, metric)
    if found is None:
        return NOTHING
    return shown_interval(found.mean, found.low, found.high, found.n, null)


def _story(drawn: list[Drawn]) -> dict[str, list[Drawn]]:
    """Return the figures by section in the order of the page; those that no section names come last."""
    known = {one.name: one for one in drawn}
    story = {
        section: [known.pop(name) for name in names if name in known] for section, names in STORY.items()
    }
    return story | {"further": list(known.values())}


def _context(folder: Path, config: Config, findings: Findings, drawn: list[Drawn]) -> dict[str, Any]:
    world = config.market()
    trading = [arm for arm in config.arms if SETTINGS[arm].trades]
    regions = {arm: world.in_setting(arm).downstream().region for arm in config.arms}
    story = _story(drawn)
    told = [one for section in story.values() for one in section]
    run = RunFolder(folder, checked=False)  # Whoever concludes a run has checked it.
    overrides, flags = read_overrides(run, OVERRIDES), read_folder_flag(run, HYDRA)
    return {
        "config": config,
        "world": world,
        "lead": sentence(config, findings),
        "arms": config.arms,
        "about": {arm: first_line(SETTINGS[arm].__doc__) for arm in config.arms},
        "colour": {arm: arm_style(arm).colour for arm in config.arms},
        "regions": {arm: len(set(region.tolist())) for arm, region in regions.items()},
        "trading": trading,
        "rivals": [arm for arm in trading if len(set(regions[arm].tolist())) < config.organisations],
        "priced": [arm for arm in trading if not SETTINGS[arm].cooperates],
        "mechanism": world.mechanism,
        "mechanism_rule": first_line(type(world.mechanism).__doc__),
        "strategies": Counter(one.name for one in config.population.strategies(config.organisations)),
        "groups": told_groups(config.population),
        "shown": lambda arm, metric, null=0.0: shown(findings, arm, metric, null),
        "better": {arm: _better_and_worse(findings, arm) for arm in trading},
        "meaning": METRICS,
        "headline": HEADLINE,
        "metrics": [m for m in METRICS if m in set(findings.table["metric"])],
        "figures": {one.name: picture(one, place) for place, one in enumerate(told, start=1)},
        "story": {section: [one.name for one in shares] for section, shares in story.items()},
        "manifest": shown_manifest(run),
        "command": None if overrides is None else typed_command(overrides, *flags),
        "whole_config": read_text(run, CONFIG) if run.has(CONFIG) else None,
        "folder": folder.name,
        "records": _records(folder),
    }


def _better_and_worse(findings: Findings, arm: str) -> dict[str, int] | None:
    """Count organisations by what the interval of their gain says; None without autarky or replicates."""
    gains = findings.gains[(findings.gains["arm"] == arm) & findings.gains["gain"].notna()]
    if gains["replicate"].nunique() < 2:
        return None
    band = over_replicates(gains, "organisation", "gain")
    better, worse = int((band["low"] > 0).sum()), int((band["high"] < 0).sum())
    return {"better": better, "worse": worse, "unclear": len(band) - better - worse}


def _records(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "file": f"{name}.parquet",
            "rows": pq.read_metadata(folder / f"{name}.parquet").num_rows,
            "about": f"one row {table.row}",
        }
        for name, table in RECORD_TABLES.items()
        if (folder / f"{name}.parquet").is_file()
    ]
    further = {
        "config.yaml": "the whole configuration",
        "summary.csv": "all metrics by arm, with intervals",
        "manifest.json": "versions, machine and wall time",
    }
    found += [{"file": f, "rows": None, "about": a} for f, a in further.items() if (folder / f).is_file()]
    return found
