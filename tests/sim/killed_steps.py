"""Steps that change a run's folder, and a process that is killed before each of their operations on files.

The process imports little, so that forking it a hundred times costs next to nothing.
"""

import os
import shutil
import sys
from itertools import count
from pathlib import Path

from sim.records.atomic import filled
from sim.records.run_folder import CHECKPOINT, PARTS, RunFolder


def write(folder, texts, **how):
    folder.change({name: filled(text) for name, text in texts.items()}, **how)


def play(folder):
    write(folder, {f"{PARTS}/rounds-000002.parquet": "two", CHECKPOINT: "after two"}, add=True)


def join(folder):
    parts = [name for name in folder.entries if name.startswith(PARTS)]
    models = {"models/alone/0/a.safetensors": "a", "models/alone/0/b.safetensors": "b"}
    write(folder, {"rounds.parquet": "one", "manifest.json": "{}"} | models, dropped=parts)


def extend(folder):
    write(folder, {"config.yaml": "rounds: 2\n"}, dropped=["summary.csv"])


def begin(folder):
    folder.begin({"config.yaml": filled("rounds: 9\n")})


STEPS = {step.__name__: step for step in (play, join, extend, begin)}


def _killed_before(operation, step, path):
    """Take a step in a process that is killed before its n-th operation on files; return whether it was."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    left = [operation]

    def kill(event, _):
        if event == "open" or event.startswith("os."):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)

    sys.addaudithook(kill)
    with RunFolder(path).held() as folder:
        step(folder)
    os._exit(0)


def kill_before_each_operation(step, folder, into):
    """Take a step in copies of a folder, `into` / 0, 1, ..., until it is whole in the last one."""
    for operation in count():
        path = Path(shutil.copytree(folder, Path(into) / f"{operation}"))
        if not _killed_before(operation, STEPS[step], path):
            return


if __name__ == "__main__":
    kill_before_each_operation(*sys.argv[1:])
