"""The conclusion of a sweep: its tables, its choices compared, the figures and the report."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.command_line.sentences import UserError
from experiments.configuration.keys import FigureConfig
from experiments.findings.comparison import Comparison, print_comparison
from experiments.findings.summary import METRICS
from experiments.runs.cells import CELLS, damaged_records, failure, is_finished
from experiments.runs.conclusion import names_of, tell_damaged
from experiments.runs.runner import config_of
from experiments.sweeping.plan import MULTIRUN, Plan
from experiments.sweeping.sweeps import Sweep, aggregate, compare, read_sweep
from sim.records.run_folder import FIGURES, RecordError, RunFolder

OUTCOMES = ("welfare", "test_accuracy")
"""Outcomes that a report looks at if no others are asked for."""


def is_sweep(folder: Path) -> bool:
    """Return whether a folder is that of a sweep and not of a run."""
    return (folder / MULTIRUN).is_file()


def run_folders(folder: Path) -> list[Path]:
    """Return the folders of the runs in a folder: of a sweep's cells, or the folder itself."""
    return sorted(path for path in (folder / CELLS).iterdir()) if is_sweep(folder) else [folder]


def conclude_sweep(
    folder: Path,
    figures: bool,
    outcomes: Sequence[str] = OUTCOMES,
    half_widths: Mapping[str, float] | None = None,
    checked: bool = True,
) -> Comparison:
    """Aggregate the finished cells, compare and print the choices and, if asked, draw and write the report.

    Returns the comparison.

    Parameters
    ----------
    folder : Path
        The sweep's folder, which gets `sweep.parquet`, `replicates.parquet`, `comparison.csv`,
        `differences.csv` and, with figures, `figures/` and `report.html`.
    figures : bool
        Whether to draw the figures and write the report.
    outcomes : sequence of str
        Metrics that are told in detail; the first is printed.
    half_widths : mapping or None
        Half-width that is wanted of the interval of a metric's differences, by metric.
    checked : bool
        Whether damaged files are refused.

    Raises
    ------
    UserError, InputError
        If an outcome is not measured, or a half-width not allowed.
    sim.records.tables.RecordError
        If no cell has finished.
    """
    aggregate(folder, checked)
    sweep = read_sweep(folder, checked)
    check_outcomes(sweep, outcomes)
    comparison = compare(folder, half_widths, checked)
    print_comparison(comparison, outcomes[0])
    print(f"tables: {folder / 'sweep.parquet'}, {folder / 'replicates.parquet'}")
    if not figures:
        return comparison
    # Imported here: drawing takes seconds to import, and sweeps without figures need not wait for it.
    from experiments.figures.sweeps import draw_sweep_figures, read_seconds
    from experiments.reports.sweep_report import write_sweep_report

    own = RunFolder(folder, checked)
    seconds, look = read_seconds(folder / CELLS), sweep_look(folder, sweep)
    drawn = draw_sweep_figures(own.place(FIGURES), sweep, seconds, outcomes, look=look)
    failures = {cell: failure(Path(cell)) for cell in sweep.unfinished}
    report = write_sweep_report(folder, sweep, comparison, outcomes, drawn, failures)
    own.change({}, signed=names_of(folder, drawn, [report]))
    print(f"report: {report}")
    return comparison


def sweep_look(folder: Path, sweep: Sweep) -> FigureConfig:
    """Return how the figures of a sweep look: as those of its first finished cell."""
    cell = folder / CELLS / str(sweep.cells["cell"].iloc[0])
    # Whoever concludes a sweep has checked its cells.
    return config_of(RunFolder(cell, checked=False)).run.figure


def check_cells(folder: Path, checked: bool = True) -> None:
    """Refuse a sweep with a damaged file that cannot be made again, in its folder or that of a finished cell.

    Those that can be made again are told, and so are all others where they are read all the same.

    Raises
    ------
    RecordError
        Naming the first damaged file.
    """
    own = RunFolder(folder, checked)
    tell_damaged(own)
    for cell in Plan.load(own).unique:
        path = own.place(f"{CELLS}/{cell.key}")
        for name in damaged_records(path) if is_finished(path) else ():
            if checked:
                raise RecordError(
                    f"{path / name} must be what was written; it is not (the sweep's command plays this cell "
                    f"again, `parabourse report --damaged {folder}` reads it at your own risk)"
                )
            print(
                f"parabourse: {path / name} is not what was written, and is read all the same.",
                file=sys.stderr,
            )


def check_outcomes(sweep: Sweep, outcomes: Sequence[str]) -> None:
    """Raise ``UserError`` unless every outcome is a metric that some arm of the sweep has."""
    measured = [metric for metric in METRICS if sweep.replicates[metric].notna().any()]
    for outcome in outcomes:
        if outcome not in measured:
            raise UserError(f"outcomes of this sweep are {', '.join(measured)}; got {outcome!r}")
