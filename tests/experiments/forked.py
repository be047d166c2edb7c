"""Commands in a process of their own that starts with all that the tests have imported already."""

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import TextIO

from experiments.command_line.cli import main


@dataclass(frozen=True)
class Forked:
    """A command that runs, and what it prints."""

    process: BaseProcess
    stdout: TextIO
    stderr: TextIO

    def stop(self) -> int | None:
        """Send Ctrl-C and return the exit code."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGINT)
        self.process.join(120)
        return self.process.exitcode


@contextmanager
def forked(*arguments: str) -> Iterator[Forked]:
    """Run a command of Parabourse in a fork of this process, and kill it at the end if it runs still.

    It is a new process as far as signals, streams and exit codes go, without the seconds of a start.
    """
    (out, told), (err, complained) = os.pipe(), os.pipe()

    def command() -> None:
        logging.root.handlers.clear()  # which commands before it have set up
        logging.root.setLevel(logging.WARNING)
        os.dup2(told, 1)
        os.dup2(complained, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        sys.exit(main(arguments))

    process = multiprocessing.get_context("fork").Process(target=command)
    process.start()
    os.close(told)
    os.close(complained)
    with open(out) as stdout, open(err) as stderr:  # noqa: PTH123
        yield Forked(process, stdout, stderr)
        process.kill()
        process.join()
