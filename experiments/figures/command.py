"""``parabourse figures``: figures of an old run or sweep, drawn again from its records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from experiments.command_line.sentences import UserError
from experiments.configuration.keys import FigureConfig
from experiments.figures import FIGURES, draw_figures
from experiments.figures.sweeps import SWEEP_FIGURES, draw_sweep_figures, read_seconds
from experiments.reports.drawn import Drawn
from experiments.reports.sweep_conclusion import (
    OUTCOMES,
    check_cells,
    check_outcomes,
    is_sweep,
    run_folders,
    sweep_look,
)
from experiments.runs.cells import CELLS
from experiments.runs.conclusion import names_of, read_run
from experiments.runs.other_folders import refuse_other_folders
from experiments.runs.plugin_records import stood_in
from experiments.sweeping.sweeps import aggregate, read_sweep
from sim.records.run_folder import FIGURES as OWN
from sim.records.run_folder import RunFolder


def draw_again(
    folder: Path,
    names: Sequence[str],
    outcomes: Sequence[str],
    keys: Sequence[str],
    output: Path | None,
    look: Mapping[str, Any],
) -> None:
    """Draw figures as PNG, SVG and, if asked, PDF, and print their places.

    Parameters
    ----------
    folder : Path
        Of a run or a sweep.
    names : sequence of str
        Figures of `FIGURES` or `SWEEP_FIGURES`; all that apply if empty.
    outcomes, keys : sequence of str
        Of a sweep: the metrics and the swept keys that are looked at; those of its report and all if empty.
    output : Path or None
        Where to save; ``figures/`` in the folder if None.
    look : mapping
        Fields of `FigureConfig` that are to differ from what the run was configured with.

    Raises
    ------
    UserError
        If there is no such figure, outcome or key, or the folder is that of another command.
    sim.records.tables.RecordError
        If records are missing or cannot be read.
    """
    refuse_other_folders(folder)
    run = RunFolder(folder)
    with run.held(), stood_in(run_folders(folder)):
        if is_sweep(folder):
            drawn = _of_sweep(folder, names, outcomes, keys, output or run.place(OWN), look)
        elif outcomes or keys:
            raise UserError(f"--outcome and --by are for sweeps; {folder} is not the folder of a sweep")
        else:
            _check_names(names, FIGURES)
            view = read_run(run)
            run.check()
            figure = _looks(view.config.run.figure, look)
            view = replace(view, config=replace(view.config, run=replace(view.config.run, figure=figure)))
            drawn = draw_figures(output or run.place(OWN), view, names or FIGURES)
        if output is None:
            run.change({}, signed=names_of(folder, drawn))
    for one in drawn:
        print(*one.files, sep="\n")
    for name in names:
        if not any(one.name.split("-")[0] == name for one in drawn):
            print(f"{name} does not apply: {folder} has nothing that it could show")


def _of_sweep(
    folder: Path,
    names: Sequence[str],
    outcomes: Sequence[str],
    keys: Sequence[str],
    output: Path,
    look: Mapping[str, Any],
) -> list[Drawn]:
    check_cells(folder)
    aggregate(folder)
    sweep = read_sweep(folder)
    _check_names(names, SWEEP_FIGURES)
    check_outcomes(sweep, outcomes)
    for key in keys:
        if key not in sweep.keys:
            raise UserError(f"--by must name swept keys ({', '.join(sweep.keys)}); got {key!r}")
    seconds = read_seconds(folder / CELLS)
    figure = _looks(sweep_look(folder, sweep), look)
    return draw_sweep_figures(
        output, sweep, seconds, outcomes or OUTCOMES, names or SWEEP_FIGURES, keys, figure
    )


def _looks(configured: FigureConfig, asked: Mapping[str, Any]) -> FigureConfig:
    return FigureConfig(**(asdict(configured) | dict(asked)))


def _check_names(names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise UserError(f"figures must be among {', '.join(known)}; got {name!r}")
