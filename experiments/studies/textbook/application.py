"""``parabourse textbook``: compose, check, play, save, draw, print."""

import dataclasses
import json
import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiments.command_line.sentences import USER_ERRORS, UserError, one_sentence
from experiments.configuration.choices import register_schema
from experiments.configuration.composing import composed, composing, without_hydra
from experiments.configuration.composition import set_up_hydra
from experiments.configuration.overrides import check_grammar
from experiments.configuration.plain_data import read_yaml
from experiments.configuration.plugins import named
from experiments.figures import save_figure
from experiments.figures.style import in_style
from experiments.runs.cells import Cell, play_cells, study_folder
from experiments.runs.commits import commits
from experiments.runs.conclusion import tell_damaged
from experiments.runs.jobs import answers_flags
from experiments.runs.plugin_records import record_of, stood_in
from experiments.runs.runner import MANIFEST, library_versions
from experiments.studies.textbook import TEXTBOOK, Preset
from experiments.studies.textbook.base import RESULTS, Tables, joined, play_part
from experiments.studies.textbook.findings import COLUMNS
from experiments.studies.textbook.printing import markdown, print_findings
from sim.records.atomic import Write, filled
from sim.records.run_folder import CONFIG, RecordError, RunFolder
from sim.records.tables import read_table

GROUP = "textbook"


def run_textbook(preset: str, arguments: Sequence[str], folder: Path | None) -> int:
    """Play a preset as it was typed, or go on with it, and return the exit code.

    Writes its cells and, in the end, its tables, its manifest and its figure into the folder of
    `study_folder`.

    Raises
    ------
    UserError
        If there is no such preset, its configuration is not allowed, or the folder holds something else;
        nothing has been written then.
    UnfinishedError
        If a part fails.
    """
    if preset not in TEXTBOOK:
        raise UserError(f"a textbook preset must be one of {', '.join(TEXTBOOK)}; got {preset!r}")
    set_up_textbook()
    command, name = f"parabourse textbook {preset}", f"{GROUP}/{preset}"
    if answers_flags(print, name, command, arguments):
        return 0
    flags = [argument for argument in arguments if argument.startswith("-")]
    if flags:
        raise UserError(
            f"a textbook preset takes no flag but --output, --help and --cfg job, and has no sweeps: give it "
            f"lists, as in sizes=[5,10]; got {flags[0]}"
        )
    try:
        chosen = compose_preset(preset, arguments)
    except USER_ERRORS as error:
        raise UserError(one_sentence(error, command)) from error
    folder = study_folder(folder, f"{GROUP} {preset}", chosen)
    cells = [
        Cell({"preset": preset, "part": part}, play_part, {"preset": chosen, "part": part})
        for part in chosen.parts
    ]
    tables = joined(play_cells(folder, cells, shown=chosen.progress))
    run = RunFolder(folder)
    with run.held(wait=True):
        files: dict[str, Write] = {
            f"{name}.parquet": partial(table.to_parquet, index=False) for name, table in tables.items()
        }
        files |= {MANIFEST: filled(_manifest(chosen)), **record_of(chosen)}
        run.begin(files, signed=[CONFIG])
        _conclude(run, chosen, tables)
    return 0


def report_textbook(folder: Path, checked: bool = True) -> int:
    """Draw the figure of an old run again and print its findings, from its records alone.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    checked : bool
        Whether damaged files are refused.

    Raises
    ------
    sim.records.run_folder.RecordError
        If a record is damaged or cannot be read.
    """
    run = RunFolder(folder, checked)
    with run.held(), stood_in([folder], checked):
        tell_damaged(run)
        preset = _read_preset(run)
        tables = {path.stem: read_table(run, path.name) for path in sorted(folder.glob("*.parquet"))}
        if lacking := [column for column in COLUMNS if column not in tables[RESULTS]]:
            raise RecordError(f"{folder / RESULTS}.parquet must have the column {lacking[0]}; it has none")
        try:
            _conclude(run, preset, tables)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise RecordError(
                f"{folder} must hold the tables of the preset {preset.name}; they cannot be drawn "
                f"({one_sentence(error)})"
            ) from error
    return 0


def is_textbook_run(folder: Path) -> bool:
    """Return whether a folder holds a run of a textbook preset."""
    return (folder / f"{RESULTS}.parquet").is_file()


def set_up_textbook() -> None:
    """Register the presets' keys, with those of runs, and the resolvers that configuration files use."""
    set_up_hydra()
    OmegaConf.register_new_resolver("add", lambda *terms: sum(int(term) for term in terms), replace=True)
    for name in TEXTBOOK:
        register_schema(name, TEXTBOOK[name], f"schema/{GROUP}")


def _check_lists(preset: Preset) -> None:
    """Raise ``UserError`` for a list without entries: there would be nothing to play."""
    for field in dataclasses.fields(preset):
        if getattr(preset, field.name) == ():
            raise UserError(f"{field.name} must name at least one; got none")


def compose_preset(preset: str, overrides: Sequence[str]) -> Preset:
    """Return the preset of a name with Hydra overrides as typed.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException
        Whatever is wrong with them.
    """
    for override in map(check_grammar, overrides):
        if override.is_sweep_override():
            raise UserError(
                f"a key must have one value, and a list brackets, as in sizes=[5,10]; "
                f"got {override.input_line!r}"
            )
        if override.get_key_element().partition(".")[0] == "hydra":
            raise UserError(
                f"a textbook preset has no keys of Hydra's, and --output FOLDER says where; "
                f"got {override.input_line!r}"
            )
    with composing():
        whole = without_hydra(composed(f"{GROUP}/{preset}", overrides))
    fields: Any = OmegaConf.to_container(whole, resolve=True)
    chosen = TEXTBOOK.build(fields)
    _check_lists(chosen)
    return chosen


def _manifest(preset: Preset) -> str:
    told = {"versions": library_versions(), "commits": commits(), "platform": platform.platform()}
    own = {"plugins": {spec: [digest] for spec, digest in named().items()}} if named() else {}
    return json.dumps({**told, "preset": preset.name, "seed": preset.seed, **own}, indent=2)


def _conclude(run: RunFolder, preset: Preset, tables: Tables) -> None:
    results = tables[RESULTS]
    told: dict[str, Write] = {
        f"{RESULTS}.csv": partial(results.to_csv, index=False),
        f"{RESULTS}.md": filled(markdown(results, preset.size_means)),
    }
    run.change(told)
    print_findings(results, preset.size_means)
    print(f"records: {run}")
    if preset.figures:
        with in_style():
            pictures = save_figure(run.path, preset.name, preset.draw(tables))
        run.change({}, signed=[path.name for path in pictures])
        print(f"figure:  {pictures[0]}")


def _read_preset(run: RunFolder) -> Preset:
    fields = read_yaml(run, CONFIG)
    try:
        return dataclasses.replace(TEXTBOOK.build(fields), figures=True)
    except Exception as error:  # Whatever validation says of values from a stranger.
        raise RecordError(
            f"{run.path / CONFIG} must be a textbook run's configuration; it cannot be read "
            f"({one_sentence(error)})"
        ) from error
