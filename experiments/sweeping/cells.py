"""A cell of a sweep: an ordinary run in a folder of its own that can be stopped, repeated and checked.

Whoever plays a cell holds its lock; a second process waits, and finds it finished. The last file that is
written marks it finished and holds the digests of its records, so that damage is noticed.

Core Objects: play_cell, is_finished, withdraw_damaged, failure, made_by_other_versions
"""

import hashlib
import json
import multiprocessing
import os
import threading
import time
import traceback
from functools import cache
from pathlib import Path

from filelock import FileLock
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from threadpoolctl import threadpool_limits

from experiments.allocator import keep_freed_memory
from experiments.composition import set_up_hydra
from experiments.conclusion import conclude
from experiments.config import Config, parse
from experiments.runner import finish, library_versions, resume, start
from experiments.sentences import one_sentence
from sim.records import CHECKPOINT, TABLES, RecordError, write_atomically

FINISHED = "finished.json"
ERROR = "error.txt"
LOCK = ".lock"
RECORDS = ("config.yaml", "manifest.json", "replicates.csv", *(f"{name}.parquet" for name in TABLES))


def play_cell(composed: DictConfig) -> None:
    """Play the cell that Hydra composed, go on with it where it was stopped, or leave it if it has finished.

    This is what launchers run. A cell that fails says why in its folder, and does not stop the others.
    """
    if multiprocessing.current_process().name.startswith("Loky"):
        _end_with_parent()
    keep_freed_memory()
    set_up_hydra()
    folder = Path(HydraConfig.get().runtime.output_dir)
    composed.run.progress = False  # The sweep shows its own.
    config = parse(composed)
    with FileLock(folder / LOCK), threadpool_limits(config.run.threads):
        if is_finished(folder):
            return
        (folder / ERROR).unlink(missing_ok=True)
        try:
            _play(config, OmegaConf.to_yaml(composed, resolve=True), folder)
        except Exception as error:
            told = f"{one_sentence(error)}\n\n{traceback.format_exc()}"
            write_atomically(folder / ERROR, lambda p: p.write_text(told, encoding="utf-8"))
            if not isinstance(error, OSError):
                # Whatever it was may lie in the checkpoint: the next attempt starts afresh.
                finish(folder)


def is_finished(folder: Path) -> bool:
    """Return whether a cell has been played to its end."""
    return (folder / FINISHED).is_file()


def withdraw_damaged(folders: list[Path]) -> list[Path]:
    """Take the mark off finished cells whose records are no longer what they were, and return these cells."""
    damaged = [folder for folder in folders if is_finished(folder) and not _is_whole(folder)]
    for folder in damaged:
        (folder / FINISHED).unlink(missing_ok=True)
    return damaged


def failure(folder: Path) -> str:
    """Return why a cell has no result, in one sentence."""
    path = folder / ERROR
    if path.is_file():
        return path.read_text(encoding="utf-8").split("\n", 1)[0]
    return "its process ended before it did, or could not write why"


def made_by_other_versions(folders: list[Path]) -> dict[str, str]:
    """Return the libraries, and their versions then, by which finished cells were made and are not today."""
    today = library_versions()
    found: dict[str, str] = {}
    for folder in folders:
        then = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["versions"]
        found |= {name: version for name, version in then.items() if today.get(name) != version}
    return found


@cache
def _end_with_parent() -> None:
    """End this process when the one that started it ends; joblib's workers would stay behind a killed one."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _play(config: Config, text: str, folder: Path) -> None:
    try:
        if (folder / CHECKPOINT).is_file():
            resume(folder)
        else:
            start(config, text, folder)
    except RecordError:
        # A checkpoint that cannot be read is as good as none.
        start(config, text, folder)
    conclude(folder, config.run.figures)
    digests = json.dumps({name: _digest(folder / name) for name in RECORDS}, indent=1)
    write_atomically(folder / FINISHED, lambda p: p.write_text(digests, encoding="utf-8"))
    finish(folder)


def _is_whole(folder: Path) -> bool:
    try:
        digests = json.loads((folder / FINISHED).read_text(encoding="utf-8"))
        return all(_digest(folder / name) == digests[name] for name in RECORDS)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
