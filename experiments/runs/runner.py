"""A run: play the rounds and write the records. Stopped runs go on from their last round, finished ones may.

Core Objects: start, resume, finish, is_finished, read_config, config_of, library_versions
"""

import dataclasses
import importlib.metadata
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from omegaconf import OmegaConf
from pydantic import ValidationError

from agents.learning.alignment.base import Unaligned
from agents.learning.networks import Architecture
from experiments.command_line.sentences import UserError, one_sentence
from experiments.configuration.keys import Config
from experiments.configuration.plain_data import read_manifest, read_yaml
from experiments.configuration.plugins import is_factory
from experiments.runs.commits import commits
from experiments.runs.data_records import check_data, data_record, with_data_again
from experiments.runs.model_files import ModelFiles, final_models, start_files, started_from
from experiments.runs.plugin_records import as_named, check_named, files_of, record_of
from experiments.runs.progress import Progress
from experiments.runs.trackers import TRACKER_FOLDERS, open_tracker, round_metrics
from sim.cohort import Cohort
from sim.records.atomic import Write, filled
from sim.records.run_folder import CHECKPOINT, CONFIG, REMADE, RecordError, RunFolder
from sim.records.tables import RecordWriter, load_checkpoint

MANIFEST = "manifest.json"
OVERRIDES = ".hydra/overrides.yaml"
"""What was typed, as Hydra keeps it."""
HYDRA = ".hydra/hydra.yaml"
HYDRAS = (".hydra/config.yaml", HYDRA, OVERRIDES)
SUMMARY = "summary.csv"
"""The file that a run has once it has finished."""

LIBRARIES = (
    "parabourse",
    "mesa",
    "torch",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "scikit-learn",
    "hydra-core",
)


def start(config: Config, text: str, folder: Path, models: str = "final") -> None:
    """Play a new run in a folder.

    Parameters
    ----------
    config : Config
        What to play.
    text : str
        The same as YAML, to be written as ``config.yaml``.
    folder : Path
        Its folder, in which whatever an earlier attempt left counts no more.
    models : str
        Which models are saved where the configuration leaves it open: ``final`` or ``none``.
    """
    run = RunFolder(folder)
    typed = [name for name in HYDRAS if run.has(name)]
    records = {**record_of(config), **data_record(config), **start_files(config)}
    run.begin({CONFIG: filled(text), **records}, signed=typed)
    _play(config, _cohort(config, run), run, {}, models)


def resume(folder: Path, changed: Mapping[str, Any] | None = None, models: str = "final") -> Config:
    """Go on with a run that was stopped, from its last checkpoint, and return its configuration.

    Parameters
    ----------
    folder : Path
        Its folder.
    changed : mapping, optional
        Values of keys that shall be others from now on. More `rounds` let a run go on that has finished; no
        other key can change.

    Raises
    ------
    RecordError
        If the folder holds no run, or one of its files is damaged or not what a run writes.
    UserError
        If the run has already finished, a key cannot change, or a plug-in that it was played with is not
        named again.
    """
    run = RunFolder(folder)
    plugins = check_named(run)
    config = _config(run, as_named(_read_fields(run)))
    run.check()
    config, changed = with_data_again(config, changed or {})
    check_data(run, config)
    if config.start is not None:
        started_from(run)  # Found missing here, nothing has been changed.
    changed = _without_named_again(run, changed or {})
    if changed:
        config = _extended(run, config, changed)
    elif is_finished(run):
        raise UserError(
            f"{folder} must be a run that was stopped; this one has finished (more rounds, as in rounds="
            f"{2 * config.rounds}, let it go on)"
        )
    if record := record_of(config, plugins):
        run.change(record)
    cohort = _cohort(config, run)
    spent: dict[str, float] = {}
    if run.lists(CHECKPOINT):
        state, spent = load_checkpoint(run)
        _restore(cohort, state, run, config)
    _play(config, cohort, run, spent, models)
    return config


def finish(folder: Path) -> None:
    """Remove the checkpoint of a run that shall not go on from it."""
    RunFolder(folder).change({}, dropped=[CHECKPOINT])


def is_finished(run: RunFolder) -> bool:
    """Return whether a run was played and summed up to its end."""
    return run.lists(SUMMARY)


def read_config(folder: Path) -> Config:
    """Return the configuration of the run in a folder."""
    return config_of(RunFolder(folder))


def config_of(run: RunFolder) -> Config:
    """Return the configuration of a run.

    Raises
    ------
    RecordError
        If it is missing, damaged or none.
    """
    return _config(run, _read_fields(run))


def _config(run: RunFolder, fields: dict[str, Any]) -> Config:
    try:
        return Config(**fields)
    except Exception as error:  # Whatever validation says of values from a stranger.
        raise RecordError(
            f"{run.path / CONFIG} must be a run's configuration; it cannot be read ({one_sentence(error)})"
        ) from error


def _read_fields(run: RunFolder) -> dict[str, Any]:
    if not run.has(CONFIG):
        raise RecordError(f"{run} must be the folder of a run, with {CONFIG} in it; there is none")
    fields = read_yaml(run, CONFIG)
    if not isinstance(fields, dict):
        raise RecordError(f"{run.path / CONFIG} must be a run's configuration, a mapping of keys; it is none")
    return fields


def _extended(run: RunFolder, config: Config, changed: Mapping[str, Any]) -> Config:
    """Let a run have more rounds and return its configuration; its tables become the first part of it."""
    fields = _read_fields(run)
    for key, value in changed.items():
        if key != "rounds" and _value_at(fields, key) != value:
            raise UserError(
                f"resume lets a run have more rounds and changes no other key; got {key}={value}, which is "
                f"{_value_at(fields, key)} in this run"
            )
    rounds = changed.get("rounds", config.rounds)
    if type(rounds) is not int or not config.rounds < rounds:
        raise UserError(f"rounds must be more than the {config.rounds} of this run; got {rounds}")
    if is_finished(run):
        if not run.has(CHECKPOINT):
            raise UserError(f"{run} must have its {CHECKPOINT} to go on from; it was not kept")
        run.file(CHECKPOINT)
    _warn_of_versions(run)
    more = dataclasses.replace(config, rounds=rounds)
    files: dict[str, Write] = {CONFIG: _yaml(fields | {"rounds": rounds})}
    if run.has(OVERRIDES):
        kept = [typed for typed in read_yaml(run, OVERRIDES) or [] if not str(typed).startswith("rounds=")]
        files[OVERRIDES] = _yaml([*kept, f"rounds={rounds}"])
    run.change(files, dropped=[MANIFEST, *REMADE, *final_models(run)])
    return more


def _without_named_again(run: RunFolder, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that change: functions of the user's own are named again as they were."""
    if not any(map(is_factory, changed)):
        return dict(changed)
    fields = as_named(_read_fields(run))
    again = {key for key, value in changed.items() if is_factory(key) and _value_at(fields, key) == value}
    return {key: value for key, value in changed.items() if key not in again}


def _value_at(fields: Any, key: str) -> Any:
    """Return the value of a dotted key."""
    for part in key.split("."):
        if not isinstance(fields, dict) or part not in fields:
            raise UserError(f"{key} is not a key of this run")
        fields = fields[part]
    return fields


def _warn_of_versions(run: RunFolder) -> None:
    if others := other_versions(run):
        told = ", ".join(f"{name} {version}" for name, version in others.items())
        print(f"parabourse: the first rounds were played with other versions ({told}).", file=sys.stderr)


def other_versions(run: RunFolder) -> dict[str, str]:
    """Return the libraries, and their versions then, by which a run was made and are not today's."""
    today, then = library_versions(), read_manifest(run).get("versions") or {}
    return {name: version for name, version in then.items() if today.get(name) != version}


def _cohort(config: Config, run: RunFolder) -> Cohort:
    if config.run.threads is not None:
        torch.set_num_threads(config.run.threads)
    market = config.market()
    if config.start is not None:
        market = dataclasses.replace(market, start=str(started_from(run)))
    return Cohort(market, config.arms, config.replicates, config.seed)


def _restore(cohort: Cohort, state: dict[str, Any], run: RunFolder, config: Config) -> None:
    try:
        cohort.restore(state)
    except ValueError as error:
        raise RecordError(
            f"{run.path / CHECKPOINT} must be a checkpoint of this configuration; {one_sentence(error)}"
        ) from error
    if not 0 < cohort.rounds_played <= config.rounds:
        raise RecordError(
            f"{run.path / CHECKPOINT} must be of one of the {config.rounds} rounds; "
            f"got {cohort.rounds_played}"
        )


def _play(config: Config, cohort: Cohort, run: RunFolder, spent: dict[str, float], models: str) -> None:
    _tell_of_untraced(cohort)
    writer = RecordWriter(run)
    saved = config.run.save_models
    files = ModelFiles(cohort, models if saved == "auto" else saved)
    for name in TRACKER_FOLDERS:
        run.place(name)  # Refuses a link.
    with (
        closing(open_tracker(config.run.tracker, run.path, dataclasses.asdict(config))) as tracker,
        Progress(config.rounds, cohort.rounds_played, config.run.progress) as progress,
    ):
        progress.seconds.update(spent)
        while cohort.rounds_played < config.rounds:
            tables = _round(cohort, progress, files)
            progress.phase("record")
            state, models_of_round = cohort.state(), files.of_round()
            writer.write_round(cohort.rounds_played, tables, state, progress.seconds, models_of_round)
            tracker.log(cohort.rounds_played, round_metrics(tables["rounds"]))
            progress.round_done()
        progress.phase("record")
        manifest = partial(_write_manifest, config, cohort, progress, files_of(run))
        writer.finish({MANIFEST: manifest} | files.final())


def _tell_of_untraced(cohort: Cohort) -> None:
    """Say which operations of a network are not understood, so that its units stay where they are."""
    untraced = _untraced(cohort.laboratory.architectures)
    if untraced and not isinstance(cohort.config.broker.alignment, Unaligned):
        told = ", ".join(untraced)
        print(
            f"parabourse: hidden units that go through {told} are merged as they come, for what these do to "
            f"their order is not known",
            file=sys.stderr,
        )


def _round(cohort: Cohort, progress: Progress, files: ModelFiles) -> dict[str, pd.DataFrame]:
    """Return the tables of the next round, in which nothing of ours opens a file or reads a configuration."""

    def watch(phase: str) -> None:
        progress.phase(phase)
        files.watch(phase)

    try:
        return cohort.step(watch)
    except (OSError, ValidationError) as error:
        raise RuntimeError(f"a mechanism or strategy failed in round {cohort.rounds_played + 1}") from error


def _write_manifest(
    config: Config, cohort: Cohort, progress: Progress, plugins: dict[str, list[str]], path: Path
) -> None:
    progress.phase("record")
    device = cohort.laboratory.device
    manifest = {
        "versions": library_versions(),
        "commits": commits(),
        "platform": platform.platform(),
        "device": str(device),
        "accelerator": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "seed": config.seed,
        "arms": list(config.arms),
        "slots": cohort.laboratory.stock.slots,
        "parameters": _parameters(cohort.laboratory.architectures),
        **({"plugins": plugins} if plugins else {}),
        **({"data": digest} if (digest := config.data.source().digest()) else {}),
        "untraced": _untraced(cohort.laboratory.architectures),
        "seconds": {phase: round(spent, 3) for phase, spent in progress.seconds.items()},
    }
    path.write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def _untraced(architectures: Sequence[Architecture]) -> list[str]:
    """Return what is not understood of any architecture, each once."""
    return list(dict.fromkeys(told for one in architectures for told in one.untraced))


def _parameters(architectures: Sequence[Architecture]) -> int | dict[str, int]:
    """Return how many parameters a model has; of several architectures by their signatures."""
    counts = {one.signature: one.parameter_count for one in architectures}
    return counts if len(counts) > 1 else next(iter(counts.values()))


def _yaml(data: Any) -> Write:
    return filled(OmegaConf.to_yaml(OmegaConf.create(data)))


def library_versions() -> dict[str, str | None]:
    """Return the versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES}


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
