"""The conclusion of a run: the summary, the figures, the report, and one plain sentence.

Core Objects: conclude, print_conclusion, sentence
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from experiments.config import Config
from experiments.runner import read_config
from experiments.summary import Findings, summarise
from sim.records import read_tables, write_atomically

SHOWN = {
    "welfare": "welfare (credits)",
    "test_accuracy": "test accuracy",
    "better_off": "share better off",
    "gini": "Gini",
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
    """Write `summary.csv` from a run's records and, if asked, its figures and report; works on old runs too.

    Raises
    ------
    sim.records.RecordError
        If a record is missing or cannot be read.
    """
    config = read_config(folder)
    tables = read_tables(folder)
    findings = summarise(config, tables)
    write_atomically(folder / "summary.csv", partial(findings.table.to_csv, index=False))
    if not figures:
        return Conclusion(folder, config, findings, None)
    # Imported here: drawing takes seconds to import, and runs without figures need not wait for it.
    from experiments.figures import draw_figures
    from experiments.report import write_report

    drawn = draw_figures(folder / "figures", config, tables, findings)
    return Conclusion(folder, config, findings, write_report(folder, config, findings, drawn))


def print_conclusion(conclusion: Conclusion) -> None:
    """Print the table by arm, the place of the report, and what the run shows."""
    console = Console()
    table = Table(title="mean over replicates [95% confidence interval]")
    table.add_column("arm")
    for heading in SHOWN.values():
        table.add_column(heading, justify="right")
    for arm in conclusion.config.arms:
        table.add_row(arm, *(cell(conclusion.findings, arm, metric) for metric in SHOWN))
    console.print(table)
    console.print(sentence(conclusion.config, conclusion.findings), soft_wrap=True)
    console.print(f"records: {conclusion.folder}", soft_wrap=True, highlight=False)
    if conclusion.report is not None:
        console.print(f"report:  {conclusion.report}", soft_wrap=True, highlight=False)


def cell(findings: Findings, arm: str, metric: str) -> str:
    """Return mean and interval of a metric as text; a dash where it does not apply."""
    table = findings.table
    row = table[(table["arm"] == arm) & (table["metric"] == metric)]
    if row.empty:
        return "-"
    mean, low, high = (row[column].iloc[0] for column in ("mean", "low", "high"))
    digits = 2 if abs(mean) >= 10 else 3
    if not np.isfinite(low):
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def sentence(config: Config, findings: Findings) -> str:
    """Return what the run shows, in one plain sentence made from its records."""
    trading = [arm for arm in config.arms if arm != "autarky"]
    means = findings.table.pivot(index="arm", columns="metric", values="mean")
    if not trading:
        return f"Without a market, models reach a test accuracy of {means.loc['autarky', 'test_accuracy']:.1%}."
    arm = "competitive" if "competitive" in trading else trading[-1]
    told = f"In the {arm} market, models reach a test accuracy of {means.loc[arm, 'test_accuracy']:.1%}"
    if "autarky" in config.arms:
        told += (
            f" against {means.loc['autarky', 'test_accuracy']:.1%} alone, and "
            f"{means.loc[arm, 'better_off']:.0%} of organisations end better off"
        )
    withheld, improving = means.loc[arm, "withheld"], means.loc[arm, "welfare_improving"]
    if pd.notna(withheld) and improving > 0:
        told += (
            f"; sellers withheld {withheld:.1f} of {improving:.1f} welfare-improving blocks a replicate, because they would "
            f"have lost more than the buyer gained, at a first-order cost of "
            f"{means.loc[arm, 'withheld_welfare']:.3g} credits of welfare"
        )
    return told + "."
