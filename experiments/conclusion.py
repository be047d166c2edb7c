"""The conclusion of a run: the summary, the figures, the report, and one plain sentence.

Core Objects: conclude, read_run, print_conclusion, sentence
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from experiments.config import Config
from experiments.runner import read_config
from experiments.statistics import Interval
from experiments.summary import Findings, summarise
from sim.record_schema import lacking
from sim.records import RecordError, read_tables, write_atomically

SHOWN = {
    "welfare": "welfare, credits",
    "test_accuracy": "mean test accuracy",
    "better_off": "share better off",
    "gini": "Gini of profits",
    "allocative_efficiency": "allocative efficiency",
    "price_of_anarchy": "price of anarchy",
}


@dataclass(frozen=True)
class Conclusion:
    """A run's folder, what it found, and where its report is (None if none was written)."""

    folder: Path
    config: Config
    findings: Findings
    report: Path | None


def conclude(folder: Path, figures: bool) -> Conclusion:
    """Write `summary.csv` and `replicates.csv` from a run's records and, if asked, its figures and report.

    Works on old runs too: everything is made from the records.

    Raises
    ------
    sim.records.RecordError
        If a record is missing or cannot be read.
    """
    config, tables, findings = read_run(folder)
    write_atomically(folder / "summary.csv", partial(findings.table.to_csv, index=False))
    write_atomically(folder / "replicates.csv", partial(findings.replicates.to_csv, index=False))
    if not figures:
        return Conclusion(folder, config, findings, None)
    # Imported here: drawing takes seconds to import, and runs without figures need not wait for it.
    from experiments.figures import draw_figures
    from experiments.report import write_report

    drawn = draw_figures(folder / "figures", config, tables, findings)
    return Conclusion(folder, config, findings, write_report(folder, config, findings, drawn))


def read_run(folder: Path) -> tuple[Config, dict[str, pd.DataFrame], Findings]:
    """Return the configuration of a run, its tables by name, and what they say.

    Raises
    ------
    sim.records.RecordError
        If a record is missing or cannot be read.
    """
    config = read_config(folder)
    tables = read_tables(folder)
    _check_tables(folder, config, tables)
    return config, tables, summarise(config, tables)


def _check_tables(folder: Path, config: Config, tables: dict[str, pd.DataFrame]) -> None:
    """Raise ``RecordError`` unless the tables are those of this configuration."""
    worlds = len(config.arms) * config.replicates * config.rounds
    rows = {"rounds": worlds, "organisations": worlds * config.organisations}
    for name, table in tables.items():
        if missing := lacking(name, table):
            raise RecordError(
                f"{folder / name}.parquet must have the column {missing[0]}; it has {list(table)}"
            )
        if len(table) != rows.get(name, len(table)):
            raise RecordError(
                f"{folder / name}.parquet must have {rows[name]} rows by its config.yaml; got {len(table)}"
            )


def print_conclusion(conclusion: Conclusion) -> None:
    """Print the table by arm, the place of the report, and what the run shows."""
    console = wide_console()
    table = Table(title="mean over replicates ± half of the 95% confidence interval")
    table.add_column("")
    for arm in conclusion.config.arms:
        table.add_column(arm, justify="right")
    for metric, heading in SHOWN.items():
        cells = (cell(conclusion.findings.value(arm, metric)) for arm in conclusion.config.arms)
        table.add_row(heading, *cells)
    console.print(table)
    console.print(sentence(conclusion.config, conclusion.findings), soft_wrap=True)
    console.print(f"records: {conclusion.folder}", soft_wrap=True, highlight=False)
    if conclusion.report is not None:
        console.print(f"report:  {conclusion.report}", soft_wrap=True, highlight=False)


def _doubt(findings: Findings, arm: str) -> str:
    """Return what to say of a gain in accuracy that replicates cannot tell from none; '' if they can."""
    gain = findings.value(arm, "accuracy_gain")
    if gain is None or not np.isfinite(gain.low) or gain.low > 0 or gain.high < 0:
        return ""
    return f" (no difference that {gain.n} replicates can tell)"


def wide_console() -> Console:
    """Return a console as wide as the terminal, or wide enough for a table where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=120)


def cell(found: Interval | None) -> str:
    """Return a mean and its interval as text: a dash where there is none."""
    if found is None or not np.isfinite(found.mean):
        return "-"
    digits = 2 if abs(found.mean) >= 10 else 3
    mean = f"{found.mean:.{digits}f}"
    return f"{mean} ± {found.high - found.mean:.{digits}f}" if np.isfinite(found.high) else mean


def sentence(config: Config, findings: Findings) -> str:
    """Return what the run shows, in one plain sentence made from its records."""
    trading = [arm for arm in config.arms if arm != "autarky"]
    table = findings.table
    mean = dict(
        zip(zip(table["arm"], table["metric"], strict=True), table["mean"].astype(float), strict=True)
    )
    if not trading:
        return f"Without a market, models reach a test accuracy of {mean['autarky', 'test_accuracy']:.1%}."
    arm = "competitive" if "competitive" in trading else trading[-1]
    told = f"In the {arm} market, models reach a test accuracy of {mean[arm, 'test_accuracy']:.1%}"
    if "autarky" in config.arms:
        told += (
            f" against {mean['autarky', 'test_accuracy']:.1%} alone{_doubt(findings, arm)}, and on average "
            f"{mean[arm, 'better_off']:.0%} of organisations end better off"
        )
    if mean[arm, "withheld"] > 0:
        told += (
            f"; of {mean[arm, 'welfare_improving']:.0f} trials a replicate that would have raised welfare, "
            f"sellers withheld {mean[arm, 'withheld']:.1f}, because they would have lost more than the buyer "
            f"gained, at a cost of {mean[arm, 'withheld_welfare']:.3g} of {mean[arm, 'welfare']:.3g} credits "
            f"of welfare, to first order"
        )
    return told + "."
