"""The conclusion of a sweep: its tables, its choices compared, the figures and the report.

Core Objects: conclude_sweep, check_outcomes, is_sweep
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.comparison import Comparison, print_comparison
from experiments.config import FigureConfig
from experiments.runner import read_config
from experiments.sentences import UserError
from experiments.summary import METRICS
from experiments.sweeping.cells import failure
from experiments.sweeping.plan import CELLS
from experiments.sweeps import Sweep, aggregate, compare, read_sweep

OUTCOMES = ("welfare", "test_accuracy")
"""Outcomes that a report looks at if no others are asked for."""


def is_sweep(folder: Path) -> bool:
    """Return whether a folder is that of a sweep and not of a run."""
    return (folder / "multirun.yaml").is_file()


def conclude_sweep(
    folder: Path,
    figures: bool,
    outcomes: Sequence[str] = OUTCOMES,
    half_widths: Mapping[str, float] | None = None,
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

    Raises
    ------
    UserError, InputError
        If an outcome is not measured, or a half-width not allowed.
    sim.records.RecordError
        If no cell has finished.
    """
    aggregate(folder)
    sweep = read_sweep(folder)
    check_outcomes(sweep, outcomes)
    comparison = compare(folder, half_widths)
    print_comparison(comparison, outcomes[0])
    print(f"tables: {folder / 'sweep.parquet'}, {folder / 'replicates.parquet'}")
    if not figures:
        return comparison
    # Imported here: drawing takes seconds to import, and sweeps without figures need not wait for it.
    from experiments.figures.sweep import draw_sweep_figures, read_seconds
    from experiments.sweep_report import write_sweep_report

    seconds = read_seconds(folder / CELLS)
    drawn = draw_sweep_figures(folder / "figures", sweep, seconds, outcomes, look=sweep_look(folder, sweep))
    failures = {cell: failure(Path(cell)) for cell in sweep.unfinished}
    print(f"report: {write_sweep_report(folder, sweep, comparison, outcomes, drawn, failures)}")
    return comparison


def sweep_look(folder: Path, sweep: Sweep) -> FigureConfig:
    """Return how the figures of a sweep look: as those of its first finished cell."""
    return read_config(folder / CELLS / str(sweep.cells["cell"].iloc[0])).run.figure


def check_outcomes(sweep: Sweep, outcomes: Sequence[str]) -> None:
    """Raise ``UserError`` unless every outcome is a metric that some arm of the sweep has."""
    measured = [metric for metric in METRICS if sweep.replicates[metric].notna().any()]
    for outcome in outcomes:
        if outcome not in measured:
            raise UserError(f"outcomes of this sweep are {', '.join(measured)}; got {outcome!r}")
