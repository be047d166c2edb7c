"""The Hydra application behind ``parabourse textbook``: compose, check, play, save, draw, print."""

import dataclasses
import json
import platform
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from experiments.command_line.sentences import USER_ERRORS, UserError, one_sentence, tell
from experiments.configuration.choices import register_schema
from experiments.configuration.composing import composed, composing, load, without_hydra
from experiments.configuration.composition import set_up_hydra
from experiments.configuration.overrides import check_grammar
from experiments.configuration.plain_data import read_yaml
from experiments.figures import save_figure
from experiments.figures.style import in_style
from experiments.runs.commits import commits
from experiments.runs.conclusion import tell_damaged
from experiments.runs.jobs import answers_flags, check_job, run_job
from experiments.runs.progress import Progress
from experiments.runs.runner import MANIFEST, library_versions
from experiments.studies.textbook import TEXTBOOK, Preset
from experiments.studies.textbook.base import RESULTS, Tables
from experiments.studies.textbook.findings import COLUMNS
from experiments.studies.textbook.printing import markdown, print_findings
from sim.records.atomic import Write, filled
from sim.records.run_folder import CONFIG, RecordError, RunFolder
from sim.records.tables import read_table
from sim.streams import Streams

GROUP = "textbook"


def run_textbook(preset: str, arguments: Sequence[str]) -> int:
    """Check what was typed, then let Hydra run the preset; return the exit code.

    Raises
    ------
    UserError
        If there is no such preset or its configuration is not allowed; nothing has been written then.
    """
    if preset not in TEXTBOOK:
        raise UserError(f"a textbook preset must be one of {', '.join(TEXTBOOK)}; got {preset!r}")
    set_up_textbook()
    command, name = f"parabourse textbook {preset}", f"{GROUP}/{preset}"
    if answers_flags(_run, name, command, arguments):
        return 0
    flags = [argument for argument in arguments if argument.startswith("-")]
    if flags:
        raise UserError(
            f"a textbook preset takes no flag but --help and --cfg job, and has no sweeps: give it lists, as "
            f"in sizes=[5,10]; got {flags[0]}"
        )
    try:
        config = _composed(preset, arguments, own_folder=True)
        _parse(without_hydra(config))
    except USER_ERRORS as error:
        raise UserError(one_sentence(error, command)) from error
    run_job(_run, name, config)
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
    with run.held():
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
        register_schema(GROUP, name, TEXTBOOK[name])


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
    return _parse(without_hydra(_composed(preset, overrides)))


def _composed(preset: str, overrides: Sequence[str], own_folder: bool = False) -> DictConfig:
    """Return what overrides compose to; for an own folder with what Hydra needs to run in it, checked too."""
    for override in overrides:
        if check_grammar(override).is_sweep_override():
            raise UserError(
                f"a key must have one value, and a list brackets, as in sizes=[5,10]; got {override!r}"
            )
    name = f"{GROUP}/{preset}"
    with composing():
        whole = load(name, overrides, RunMode.RUN) if own_folder else composed(name, overrides)
        if own_folder:
            check_job(whole)
    return whole


def _parse(config: DictConfig) -> Preset:
    fields: Any = OmegaConf.to_container(config, resolve=True)
    preset = TEXTBOOK.build(fields)
    _check_lists(preset)
    return preset


def _run(config: DictConfig) -> None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    preset = _parse(config)
    try:
        run = RunFolder(folder)
        run.begin({CONFIG: filled(OmegaConf.to_yaml(config, resolve=True))})
        _conclude(run, preset, play(preset, run))
    except USER_ERRORS as error:
        sys.exit(tell(error))
    except KeyboardInterrupt:
        print("parabourse: stopped; a textbook run starts again from the beginning.", file=sys.stderr)
        sys.exit(130)


def play(preset: Preset, run: RunFolder) -> Tables:
    """Play a preset and write its tables and its manifest into a folder."""
    with Progress(preset.parts, 0, preset.progress) as progress:

        def watch(part: str) -> None:
            progress.phase(part)
            progress.round_done()

        tables = preset.run(Streams(preset.seed), watch)
    files: dict[str, Write] = {
        f"{name}.parquet": partial(table.to_parquet, index=False) for name, table in tables.items()
    }
    manifest = {
        "versions": library_versions(),
        "commits": commits(),
        "platform": platform.platform(),
        "preset": preset.name,
        "seed": preset.seed,
        "seconds": {part: round(spent, 3) for part, spent in progress.seconds.items()},
    }
    run.change({**files, MANIFEST: filled(json.dumps(manifest, indent=2))})
    return tables


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
