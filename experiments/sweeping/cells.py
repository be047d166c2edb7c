"""A cell of a sweep: an ordinary run in a folder of its own that can be stopped, repeated and checked.

Whoever plays a cell holds its folder; a second process waits, and finds it finished. Its summary is written
last and marks it finished.

Core Objects: play_cell, is_finished, withdraw_damaged, damaged_records, failure, made_by_other_versions
"""

import multiprocessing
import os
import threading
import time
import traceback
from functools import cache
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from threadpoolctl import threadpool_limits

from experiments.command_line.sentences import one_sentence
from experiments.configuration.composition import set_up_hydra
from experiments.configuration.keys import Config, parse
from experiments.configuration.plain_data import read_manifest, read_text
from experiments.runs.allocator import keep_freed_memory
from experiments.runs.conclusion import conclude
from experiments.runs.runner import SUMMARY, finish, library_versions, resume, start
from sim.records.atomic import write_atomically
from sim.records.run_folder import CHECKPOINT, FIGURES, RecordError, RunFolder

ERROR = "error.txt"


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
    with RunFolder(folder).held(wait=True), threadpool_limits(config.run.threads):
        if is_finished(folder):
            return
        (folder / ERROR).unlink(missing_ok=True)
        try:
            _play(config, OmegaConf.to_yaml(composed, resolve=True), folder)
        except Exception as error:
            told = f"{one_sentence(error)}\n\n{traceback.format_exc()}"
            write_atomically(RunFolder(folder).place(ERROR), lambda p: p.write_text(told, encoding="utf-8"))
            if not isinstance(error, OSError):
                # Whatever it was may lie in the checkpoint: the next attempt starts afresh.
                RunFolder(folder).place(CHECKPOINT).unlink(missing_ok=True)


def is_finished(folder: Path) -> bool:
    """Return whether a cell has been played to its end."""
    return (folder / SUMMARY).is_file()


def withdraw_damaged(folders: list[Path]) -> list[Path]:
    """Take the mark off finished cells whose records are no longer what they were, and return these cells."""
    damaged = [folder for folder in folders if is_finished(folder) and damaged_records(folder)]
    for folder in damaged:
        (folder / SUMMARY).unlink(missing_ok=True)
    return damaged


def damaged_records(folder: Path) -> list[str]:
    """Return the files of a finished cell, its pages aside, that are not what was written."""
    pages = ("report.html", f"{FIGURES}/")
    return [name for name in RunFolder(folder).damaged_or_list() if not name.startswith(pages)]


def failure(folder: Path) -> str:
    """Return why a cell has no result, in one sentence."""
    cell = RunFolder(folder, checked=False)
    if cell.has(ERROR):
        return read_text(cell, ERROR).split("\n", 1)[0]
    return "its process ended before it did, or could not write why"


def made_by_other_versions(folders: list[Path]) -> dict[str, str]:
    """Return the libraries, and their versions then, by which finished cells were made and are not today."""
    today = library_versions()
    found: dict[str, str] = {}
    for folder in folders:
        then = read_manifest(RunFolder(folder)).get("versions") or {}
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
        if RunFolder(folder).has(CHECKPOINT):
            resume(folder)
        else:
            start(config, text, folder)
    except RecordError:
        # What is damaged is as good as nothing.
        start(config, text, folder)
    conclude(folder, config.run.figures)
    finish(folder)
