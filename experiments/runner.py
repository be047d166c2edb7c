"""A run: play the rounds and write the records. Stopped runs go on from their last round.

Core Objects: start, resume, finish, read_config, library_versions
"""

import dataclasses
import importlib.metadata
import json
import platform
from contextlib import closing
from pathlib import Path

import pandas as pd
import torch
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError
from yaml import YAMLError

from experiments.config import Config, parse
from experiments.progress import Progress
from experiments.sentences import UserError, one_sentence
from experiments.trackers import open_tracker, round_metrics
from sim.cohort import Cohort
from sim.records import (
    CHECKPOINT,
    RecordError,
    RecordWriter,
    load_checkpoint,
    save_checkpoint,
    write_atomically,
)

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


def start(config: Config, text: str, folder: Path) -> None:
    """Play a new run in a folder.

    Parameters
    ----------
    config : Config
        What to play.
    text : str
        The same as YAML, to be written as ``config.yaml``.
    folder : Path
        An empty folder (Hydra's own files in it aside).
    """
    write_atomically(folder / "config.yaml", lambda p: p.write_text(text, encoding="utf-8"))
    _play(config, _cohort(config), folder, {})


def resume(folder: Path) -> Config:
    """Go on with a run that was stopped, from its last checkpoint, and return its configuration.

    Raises
    ------
    RecordError
        If the folder holds no run, or its checkpoint cannot be read.
    UserError
        If the run has already finished.
    """
    config = read_config(folder)
    if (folder / "rounds.parquet").is_file() and not (folder / CHECKPOINT).is_file():
        raise UserError(f"{folder} must be a run that was stopped; this one has finished")
    cohort = _cohort(config)
    spent: dict[str, float] = {}
    if (folder / CHECKPOINT).is_file():
        state, spent = load_checkpoint(folder)
        cohort.restore(state)
    _play(config, cohort, folder, spent)
    return config


def finish(folder: Path) -> None:
    """Remove the checkpoint of a run whose records and report are complete."""
    (folder / CHECKPOINT).unlink(missing_ok=True)


def read_config(folder: Path) -> Config:
    """Return the configuration of a run."""
    path = folder / "config.yaml"
    if not path.is_file():
        raise RecordError(f"{folder} must be the folder of a run, with config.yaml in it; there is none")
    try:
        return parse(OmegaConf.load(path))  # type: ignore[arg-type]
    except (YAMLError, UnicodeDecodeError, OmegaConfBaseException, ValueError) as error:
        raise RecordError(
            f"{path} must be a run's configuration; it cannot be read ({one_sentence(error)})"
        ) from error


def _cohort(config: Config) -> Cohort:
    if config.run.threads is not None:
        torch.set_num_threads(config.run.threads)
    return Cohort(config.market(), config.arms, config.replicates, config.seed)


def _play(config: Config, cohort: Cohort, folder: Path, spent: dict[str, float]) -> None:
    writer = RecordWriter(folder)
    with (
        closing(open_tracker(config.run.tracker, folder, dataclasses.asdict(config))) as tracker,
        Progress(config.rounds, cohort.rounds_played, config.run.progress) as progress,
    ):
        progress.seconds.update(spent)
        while cohort.rounds_played < config.rounds:
            tables = _round(cohort, progress)
            progress.phase("record")
            writer.write_round(cohort.rounds_played, tables)
            save_checkpoint(folder, cohort.state(), progress.seconds)
            tracker.log(cohort.rounds_played, round_metrics(tables["rounds"]))
            progress.round_done()
        progress.phase("record")
        writer.finish()
    _write_manifest(config, cohort, folder, progress.seconds)


def _round(cohort: Cohort, progress: Progress) -> dict[str, pd.DataFrame]:
    """Return the tables of the next round, in which nothing of ours opens a file or reads a configuration."""
    try:
        return cohort.step(progress.phase)
    except (OSError, ValidationError) as error:
        raise RuntimeError(f"a mechanism or strategy failed in round {cohort.rounds_played + 1}") from error


def _write_manifest(config: Config, cohort: Cohort, folder: Path, seconds: dict[str, float]) -> None:
    device = cohort.laboratory.device
    manifest = {
        "versions": library_versions(),
        "platform": platform.platform(),
        "device": str(device),
        "accelerator": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "seed": config.seed,
        "arms": list(config.arms),
        "slots": cohort.laboratory.fleet.slots,
        "parameters": cohort.laboratory.architecture.parameter_count,
        "seconds": {phase: round(spent, 3) for phase, spent in seconds.items()},
    }
    text = json.dumps(manifest, indent=2)
    write_atomically(folder / "manifest.json", lambda p: p.write_text(text, encoding="utf-8"))


def library_versions() -> dict[str, str | None]:
    """Return the versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES}


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
