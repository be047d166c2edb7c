"""Commands in processes of their own, forked from the tests' so that nothing is imported again."""

import io
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pandas as pd
import torch

from experiments.command_line import application
from experiments.command_line.cli import main
from experiments.runs import runner

FORK = multiprocessing.get_context("spawn" if torch.cuda.is_available() else "fork")
"""How processes start; an accelerator that is in use does not survive a fork."""


class Command:
    """A command that runs in a process, which leads a group of its own, with what it printed in a folder.

    Parameters
    ----------
    folder : Path
        Where the files `out` and `err` go; made if it is not there.
    words : str
        What would be typed after ``parabourse``.
    before : callable
        What the process does first; a function of a module.
    """

    def __init__(self, folder: Path, *words: str, before: Callable[[], object] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.process: BaseProcess = FORK.Process(target=_run, args=(folder, words, before))
        self.process.start()

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.is_alive()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        os.kill(int(self.process.pid or 0), number)

    def kill_all(self) -> None:
        """Kill the process and all that it started."""
        os.killpg(int(self.process.pid or 0), signal.SIGKILL)
        self.process.join()

    def ended(self) -> tuple[int | None, str]:
        """Return its exit code and what it wrote to standard error, once it has ended."""
        self.process.join()
        return self.process.exitcode, (self._folder / "err").read_text(encoding="utf-8")


def wait_in_the_third_round() -> None:
    """Make a run wait in its third round, so that whoever stops it never comes too late."""
    told = runner.round_metrics
    rounds = []

    def told_or_waiting(table: pd.DataFrame) -> dict[str, float]:
        rounds.append(len(table))
        if len(rounds) == 3:
            time.sleep(600)
        return told(table)

    runner.round_metrics = told_or_waiting


def wait_before_it_begins() -> None:
    """Make a run wait as soon as it has a folder."""
    application.start = lambda *_: time.sleep(600)


def _run(folder: Path, words: tuple[str, ...], before: Callable[[], object] | None) -> None:
    os.setsid()
    # A shell lets what it starts in the background ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(number, "w", closefd=False), encoding="utf-8") for number in (1, 2)
    )
    if before is not None:
        before()
    sys.exit(main(list(words)))
