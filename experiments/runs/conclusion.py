"""The conclusion of a run: the summary, the figures, the report, and one plain sentence."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.table import Table

from experiments.command_line.sentences import one_sentence
from experiments.configuration.keys import Config
from experiments.findings.headline import sentence
from experiments.findings.run_view import RunView
from experiments.findings.summary import Findings, summarise
from experiments.reports.drawn import Drawn
from experiments.reports.printed import SHOWN, cell, wide_console
from experiments.runs.record_checks import check_tables
from experiments.runs.runner import config_of
from sim.records.atomic import Write
from sim.records.run_folder import CHECKPOINT, FIGURES, RecordError, RunFolder, is_model, is_remade
from sim.records.tables import read_tables


@dataclass(frozen=True)
class Conclusion:
    """A run's folder, what it found, and where its report is (None if none was written)."""

    folder: Path
    config: Config
    findings: Findings
    report: Path | None


def conclude(folder: Path, figures: bool, checked: bool = True) -> Conclusion:
    """Write `summary.csv` and `replicates.csv` from a run's records and, if asked, its figures and report.

    Works on old runs too: everything is made from the records.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    figures : bool
        Whether to draw the figures and write the report.
    checked : bool
        Whether damaged files are refused. Where not, they are told, and nothing that is made of them is
        signed.

    Raises
    ------
    sim.records.run_folder.RecordError
        If a record is missing, damaged or cannot be read.
    """
    run = RunFolder(folder, checked)
    damaged = tell_damaged(run)
    try:
        view = read_run(run)
        drawn: list[Drawn] = []
        report = None
        if figures:
            # Imported here: drawing takes seconds to import, and runs without figures need not wait for it.
            from experiments.figures import draw_figures
            from experiments.reports.report import write_report

            drawn = draw_figures(run.place(FIGURES), view)
            report = write_report(folder, view.config, view.findings, drawn, () if checked else damaged)
    except RecordError:
        raise
    except Exception as error:
        if checked:
            raise
        raise RecordError(f"{folder} is too damaged to be read ({one_sentence(error)})") from error
    summaries: dict[str, Write] = {
        "summary.csv": partial(view.findings.table.to_csv, index=False),
        "replicates.csv": partial(view.findings.replicates.to_csv, index=False),
    }
    made = names_of(folder, drawn, [report] if report else [])
    # A figure that is drawn no more, or a checkpoint that was deleted to save space.
    gone = [name for name in damaged if name not in made and (is_remade(name) or not run.has(name))]
    run.change(summaries, gone, made)
    return Conclusion(folder=folder, config=view.config, findings=view.findings, report=report)


def names_of(folder: Path, drawn: Sequence[Drawn], further: Sequence[Path] = ()) -> list[str]:
    """Return the names within a folder of the files of figures, and of further files."""
    files = [path for one in drawn for path in one.files]
    return [path.relative_to(folder).as_posix() for path in (*files, *further)]


def tell_damaged(run: RunFolder) -> list[str]:
    """Say which files of a folder are damaged, where they are made again or read all the same; return them.

    Raises
    ------
    sim.records.run_folder.RecordError
        If there are others.
    """
    damaged = run.check() if run.checked else RunFolder(run.path).damaged_or_list()
    for name in damaged:
        then = "is made again" if run.checked else "is read all the same"
        if name == CHECKPOINT:
            then = "the run cannot go on from it"
        elif is_model(name):
            then = "nothing is made of it"
        print(f"parabourse: {run.path / name} is not what was written, and {then}.", file=sys.stderr)
    return damaged


def read_run(run: RunFolder) -> RunView:
    """Return the configuration of a run, its tables by name, and what they say.

    Raises
    ------
    sim.records.run_folder.RecordError
        If a record is missing, damaged or cannot be read.
    """
    config = config_of(run)
    tables = read_tables(run)
    check_tables(run.path, config, tables)
    return RunView(config, tables, summarise(config, tables))


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
