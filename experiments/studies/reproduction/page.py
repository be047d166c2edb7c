"""The reproduction report: every preset played small, every claim beside what was measured."""

import base64
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.command_line.sentences import USER_ERRORS, UserError, one_sentence
from experiments.findings.statistics import Interval, interval
from experiments.reports import pages
from experiments.reports.printed import wide_console
from experiments.runs.cells import study_folder
from experiments.studies.pricing.command import play_sizes
from experiments.studies.reproduction.arms import ALIGNED, SILO
from experiments.studies.reproduction.claims import CLAIMS, PRICING, Claim, Verdict
from experiments.studies.reproduction.command import conclude
from experiments.studies.reproduction.composition import compose_experiment
from experiments.studies.reproduction.play import play_experiment
from experiments.studies.reproduction.readings import Reading
from experiments.studies.reproduction.summary import samples
from experiments.studies.textbook.findings import ratio_samples
from sim.records.tables import write_atomically

POOLED = "pooled"
PUBLISHED = {SILO: 0.9105, ALIGNED: 0.9625, POOLED: 0.9845}
"""What the published code reaches in this experiment on 12,000 and 2,000 digits enlarged to 28 x 28, with one
pair of seeds and the merge weights chosen on the test set that it reports."""
BESIDE = (
    "The published code was run with one pair of seeds on 12,000 training and 2,000 test digits, enlarged "
    "to 28 x 28, and chose its merge weights on the test set that it reports. Here weights are chosen on "
    "validation data, and no copy of a test image is in any other part of the data."
)
PRICED = (2, 8)
"""Organisations and rounds of the prices under information."""
ALLOWED = ("replicates", "seed", "jobs", "device")
MOODS = {
    Verdict.REPRODUCED: "yes",
    Verdict.CONTRADICTED: "no",
    Verdict.NOT_REPRODUCED: "no",
    Verdict.NOT_TESTABLE: "none",
}


@dataclass(frozen=True)
class Finding:
    """A claim with what was measured of it, and the verdict."""

    claim: Claim
    readings: list[Reading]

    @property
    def verdict(self) -> Verdict:
        """What the readings say of the claim."""
        return self.claim.judge(self.readings)


def reproduce_all(folder: Path | None, overrides: Sequence[str] = ()) -> Path:
    """Play every preset that a claim reads, small, and write the report; return its path.

    Claims are about the presets as they are: only the keys in `ALLOWED` may be set.

    What is finished in the folder is not played again, so that the same command goes on where it stopped.

    Parameters
    ----------
    folder : Path or None
        Gets a folder for each preset, ``report.html``, ``claims.csv``, ``claims.md``; see `study_folder`.
    overrides : sequence of str
        Typed after every preset. The cells of a preset share ``jobs=`` processes, one a core by default.

    Raises
    ------
    UserError
        If an override is not allowed, before anything is played, or a folder holds something else.
    """
    presets = [p for p in dict.fromkeys(claim.preset for claim in CLAIMS if claim.read) if p != PRICING]
    typed = list(overrides)
    for override in typed:
        if override.partition("=")[0] not in ALLOWED:
            raise UserError(f"reproduce all takes {', '.join(ALLOWED)} alone; got {override!r}")
    if not any(override.startswith("jobs=") for override in typed):
        typed.append(f"jobs={os.cpu_count() or 1}")
    try:
        experiments = {preset: compose_experiment(preset, typed) for preset in presets}
    except USER_ERRORS as error:
        raise UserError(one_sentence(error, "parabourse reproduce all")) from error
    config = experiments[presets[0]].config
    asked = {"replicates": config.replicates, "seed": config.seed, "device": config.device}
    folder = study_folder(folder, "reproduce all", asked)
    records: dict[str, pd.DataFrame] = {}
    figures: dict[str, Path] = {}
    for place, (preset, experiment) in enumerate(experiments.items(), start=1):
        print(f"preset {place} of {len(experiments)}: {preset}", file=sys.stderr, flush=True)
        own = folder / preset
        records[preset] = play_experiment(experiment, own)[1]
        conclude(experiment, own, records[preset])
        figures[preset] = own / f"{preset}.svg"
    organisations, rounds = PRICED
    records[PRICING], _ = play_sizes(
        folder / PRICING, [organisations], rounds, config.replicates, config.seed
    )
    return write_page(folder, judge_all(records), records["two_organisations"], figures)


def judge_all(records: Mapping[str, pd.DataFrame], claims: Sequence[Claim] = CLAIMS) -> list[Finding]:
    """Return what the records of the presets, by name, say of every claim."""
    return [Finding(claim, claim.read(records[claim.preset]) if claim.read else []) for claim in claims]


def write_page(folder: Path, findings: list[Finding], two: pd.DataFrame, figures: Mapping[str, Path]) -> Path:
    """Write `report.html`, a single file that needs no network, ``claims.csv`` and ``claims.md``.

    Parameters
    ----------
    folder : Path
        Where.
    findings : list of Finding
        As `judge_all` returns them.
    two : DataFrame
        Records of the preset that stands beside the published code.
    figures : mapping
        SVG of each preset's figure.
    """
    context = _context(findings, two, figures)
    for name, template in {"report.html": "reproduction.html.j2", "claims.md": "reproduction.md.j2"}.items():
        pages.write_page(folder / name, template, context)
    table = pd.DataFrame([row for finding in findings for row in _rows(finding)])
    write_atomically(folder / "claims.csv", partial(table.to_csv, index=False))
    console = wide_console()
    console.print(context["lead"], soft_wrap=True, highlight=False)
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False)
    return folder / "report.html"


def _rows(finding: Finding) -> list[dict[str, Any]]:
    base = {"claim": finding.claim.name, "verdict": str(finding.verdict)}
    if not finding.readings:
        return [base]
    return [
        {
            **base,
            "number": reading.label,
            "mean": reading.found.mean,
            "low": reading.found.low,
            "high": reading.found.high,
            "n": reading.found.n,
            "claimed": reading.claimed,
            "holds": reading.holds,
        }
        for reading in finding.readings
    ]


def _context(findings: list[Finding], two: pd.DataFrame, figures: Mapping[str, Path]) -> dict[str, Any]:
    counts = {verdict: sum(f.verdict is verdict for f in findings) for verdict in Verdict}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    last_shown: set[str] = set()
    shown = []
    for finding in findings:
        fresh = finding.claim.preset not in last_shown and finding.claim.preset in figures
        last_shown.add(finding.claim.preset)
        shown.append(_shown(finding, figures[finding.claim.preset] if fresh else None))
    return {
        "lead": f"Of {len(findings)} claims: {told}.",
        "replicates": max((r.found.n for f in findings for r in f.readings), default=0),
        "findings": shown,
        "beside": BESIDE,
        "table": _beside(two),
    }


def _shown(finding: Finding, figure: Path | None) -> dict[str, Any]:
    readings = finding.readings
    told = [reading.holds for reading in readings if reading.holds is not None]
    preset = finding.claim.preset
    svg = base64.b64encode(figure.read_bytes()).decode() if figure else ""
    return {
        "claim": finding.claim,
        "anchor": re.sub(r"[^a-z0-9 -]", "", finding.claim.name.lower()).replace(" ", "-"),
        "verdict": str(finding.verdict),
        "mood": MOODS[finding.verdict],
        "told": len(told),
        "held": sum(told),
        "readings": [_reading(reading) for reading in readings],
        "small": _command(finding.claim),
        "figure": f"data:image/svg+xml;base64,{svg}" if svg else "",
        "caption": f"{preset}: bands and bars are 95% intervals over replicates of means over organisations.",
    }


def _command(claim: Claim) -> str:
    if claim.preset == PRICING:
        return "parabourse pricing"
    return f"parabourse reproduce {claim.preset}" if claim.read else ""


def _reading(reading: Reading) -> dict[str, str]:
    holds = {None: "beside it", True: "yes", False: "no"}[reading.holds]
    if reading.contradicts:
        holds = "no: below 0"
    elif reading.bound and reading.holds:
        holds = "not contradicted"
    mean, span = _texts(reading.found)
    return {
        "label": reading.label,
        "remark": reading.remark,
        "mean": mean,
        "interval": span,
        "holds": holds,
    }


def _texts(found: Interval) -> tuple[str, str]:
    decimals = 4 if max(abs(found.mean), abs(found.low), abs(found.high)) < 1 else 2
    ends = f"{pages.number(found.low, decimals)} to {pages.number(found.high, decimals)}"
    return pages.number(found.mean, decimals), ends


def _beside(two: pd.DataFrame) -> list[dict[str, str]]:
    """Return each arm's accuracy, and which part of the way from silo to all data the market goes."""
    table = samples(two, []).pivot_table(index="replicate", columns="arm", values="test_accuracy")
    rows = []
    for arm in dict.fromkeys(two["arm"]):
        found = interval(table[arm])
        published = f"{PUBLISHED[arm]:.2%}" if arm in PUBLISHED else "–"
        here = f"{found.mean:.1%} ({found.low:.1%} to {found.high:.1%})"
        rows.append({"what": str(arm), "published": published, "here": here})
    way = (PUBLISHED[ALIGNED] - PUBLISHED[SILO]) / (PUBLISHED[POOLED] - PUBLISHED[SILO])
    gains = (table[arm].to_numpy() - table[SILO].to_numpy() for arm in (ALIGNED, POOLED))
    found = interval(ratio_samples(*gains))
    here = f"{found.mean:.0%} ({found.low:.0%} to {found.high:.0%})"
    what = "part of the way from silo to pooled that the aligned market goes"
    return [*rows, {"what": what, "published": f"{way:.0%}", "here": here}]
