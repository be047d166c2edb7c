"""A run as a job of Hydra's: a folder of its own, in it what was typed, and a log.

Core Objects: run_job, answers_flags, check_job, check_logs, check_folder
"""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.callbacks import Callbacks
from hydra._internal.utils import run_and_report
from hydra.core import utils
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from experiments.command_line.sentences import USER_ERRORS, UserError, one_sentence
from experiments.configuration.composing import composed, composing
from experiments.configuration.config_folder import FLAGS as FOLDER
from experiments.configuration.config_folder import own_folder
from experiments.configuration.overrides import check_grammar
from experiments.runs.output_folders import check_writable
from sim.records.atomic import UNFINISHED
from sim.records.run_folder import CONFIG, LOCK, RunFolder
from sim.records.signed_list import NAME

FLAGS = ("--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--resolve", "-p")
"""What Hydra answers without running anything."""


def answers_flags(task: TaskFunction, name: str, command: str, arguments: Sequence[str]) -> bool:
    """Let Hydra answer where a flag asks it for help or for the configuration; return whether one did.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException
        If the configuration that is asked for cannot be composed.
    """
    if not any(argument.split("=")[0] in FLAGS for argument in arguments if argument.startswith("-")):
        return False
    overrides = [a for a in arguments if not a.startswith("-") and ("=" in a or a.startswith("~"))]
    with composing():
        for override in overrides:
            check_grammar(override)
        composed(name, overrides)
    own = own_folder()
    sys.argv = [command, *arguments, *([f"{FOLDER[0]}={own}"] if own else [])]
    hydra.main(version_base="1.3", config_path="pkg://conf", config_name=name)(task)()
    return True


def run_job(task: TaskFunction, name: str, config: DictConfig) -> None:
    """Carry out a task with the configuration of a name in the folder that Hydra's part of it says.

    The configuration is what `load` composed and `check_job` accepted.

    An error of the task's that it does not tell itself is shown with its traceback, and ends the process.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, OSError
        If Hydra cannot begin the job.
    """
    with composing():
        folder = Path(str(config.hydra.run.dir))
        config.hydra.run.dir = str(folder)  # Told once: it may have the time of day in it.
        with _claimed(folder):
            done = _carry_out(task, name, config)
    run_and_report(lambda: done.return_value)


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Make a new run's folder and hold it, before Hydra writes there."""
    folder.mkdir(parents=True, exist_ok=True)
    with RunFolder(folder).held():
        check_folder(folder)
        yield


def _carry_out(task: TaskFunction, name: str, config: DictConfig) -> utils.JobReturn:
    try:
        callbacks = Callbacks(config)
        context = HydraContext(GlobalHydra.instance().config_loader(), callbacks)
        utils.configure_log(config.hydra.hydra_logging, config.hydra.verbose)
        callbacks.on_run_start(config=config, config_name=name)
        done = utils.run_job(task, config, "hydra.run.dir", None, context)
        callbacks.on_run_end(config=config, config_name=name, job_return=done)
        return done
    except USER_ERRORS:
        raise
    except Exception as error:
        raise UserError(f"hydra.* must let the run begin; it cannot ({one_sentence(error)})") from error


def check_job(config: DictConfig) -> None:
    """Raise ``UserError`` unless Hydra can make the folder and the logs that it is configured to."""
    if config.hydra.mode not in (None, RunMode.RUN):
        raise UserError(
            f"hydra.mode must be left alone, since -m asks for a sweep; got {config.hydra.mode.name}"
        )
    folder = Path(str(config.hydra.run.dir))
    check_folder(folder)
    subfolder = config.hydra.output_subdir
    if subfolder is not None and not _is_name(subfolder):
        raise UserError(f"hydra.output_subdir must be a name, or null for none; got {subfolder!r}")
    check_logs(config, folder)


def check_logs(config: DictConfig, folder: Path) -> None:
    """Raise ``UserError`` unless logs can be set up as Hydra's part of a configuration says, in a folder.

    They are set up for a moment to see it, with their files left out.
    """
    with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
        config.hydra.runtime.output_dir = str(folder.absolute())
    for key in ("hydra_logging", "job_logging"):
        node = config.hydra[key]
        if node is None:
            continue
        if not OmegaConf.is_dict(node):
            raise UserError(f"hydra.{key} must be a logging configuration of Python's; got {node!r}")
        plan: Any = OmegaConf.to_container(node, resolve=True)
        handlers = plan.get("handlers")
        for handler in handlers.values() if isinstance(handlers, dict) else ():
            if isinstance(handler, dict) and "filename" in handler:
                _check_log(Path(str(handler["filename"])), folder.absolute())
                handler["filename"] = os.devnull
        _check_logging(key, plan, config)


def check_folder(folder: Path) -> None:
    """Raise ``UserError`` unless a run can make this folder its own; leaves nothing behind.

    It may be one in which a run was killed before it began: with nothing in it but what Hydra wrote.
    """
    check_writable(folder, "hydra.run.dir")
    if folder.exists() and not all(map(_of_no_run, folder.iterdir())):
        begun = (folder / CONFIG).is_file() or (folder / NAME).is_file()
        going_on = f" (its run goes on with: parabourse resume {folder})" if begun else ""
        raise UserError(
            f"hydra.run.dir must be a new or empty folder, so that no run overwrites another; "
            f"got {str(folder)!r}{going_on}"
        )


def _of_no_run(path: Path) -> bool:
    """Return whether a file or folder is one that is there before a run has begun."""
    if path.is_symlink():
        return False
    empty_log = path.suffix == ".log" and path.stat().st_size == 0
    return empty_log or path.name in (".hydra", LOCK) or path.match(UNFINISHED)


def _is_name(name: str) -> bool:
    """Return whether a file can have a name: any file system takes 255 bytes."""
    return Path(name).name == name and "\0" not in name and len(os.fsencode(name)) <= 255


def _check_log(file: Path, folder: Path) -> None:
    if (file.parent != folder and not file.parent.is_dir()) or not _is_name(file.name):
        raise UserError(
            f"hydra.job.name must be a name that a file can have, without slashes; got {file.stem!r}"
        )


def _check_logging(key: str, plan: dict[str, Any], config: DictConfig) -> None:
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    try:
        utils.configure_log(OmegaConf.create(plan), config.hydra.verbose)
    except Exception as error:
        reason = one_sentence(error.__cause__ or error)
        raise UserError(
            f"hydra.{key} must be a logging configuration of Python's; it is none ({reason})"
        ) from error
    finally:
        for handler in set(root.handlers) - set(before[1]):
            handler.close()
        root.handlers[:] = before[1]
        root.setLevel(before[0])
