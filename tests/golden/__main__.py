"""Renew or check golden records: ``python -m tests.golden renew|check [NAMES]``.

``play FOLDER NAMES`` plays records in this very process and writes them into a folder; the other two call it
in a process with portable kernels for the records that need them.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch

from tests.golden.declared import OTHER_WAYS, RECORDS
from tests.golden.files import BITS, RECORDED, USUAL, Tolerance, differences, write
from tests.golden.kernels import play_elsewhere


def play(names: list[str], folder: Path) -> None:
    """Play records in this process, each into a folder of its name; ``NAME.again`` is the other way to it."""
    torch.set_num_threads(1)
    for name in names:
        begun = time.process_time()
        record = OTHER_WAYS[name.removesuffix(".again")] if name.endswith(".again") else RECORDS[name]
        write(record.tables(), folder / name)
        print(f"{name}: {time.process_time() - begun:.1f} s", flush=True)


def play_all(names: list[str], folder: Path) -> None:
    """Play records, those of models that learn in a process with portable kernels."""
    portable = [name for name in names if RECORDS[name.removesuffix(".again")].portable]
    if portable:
        play_elsewhere(portable, folder)
    play([name for name in names if name not in portable], folder)


def renew(names: list[str]) -> int:
    """Write records anew and tell which changed."""
    with tempfile.TemporaryDirectory() as folder:
        play_all(names, Path(folder))
        for name in names:
            changed = differences(RECORDED / name, Path(folder) / name, BITS)
            if changed:
                shutil.rmtree(RECORDED / name, ignore_errors=True)
                shutil.copytree(Path(folder) / name, RECORDED / name)
            print(f"{name}: {'written anew' if changed else 'as it was'}")
    return 0


def check(names: list[str], tolerance: Tolerance) -> list[str]:
    """Return what differs from the records, those that are played in two ways twice."""
    again = [f"{name}.again" for name in names if name in OTHER_WAYS]
    with tempfile.TemporaryDirectory() as folder:
        play_all([*names, *again], Path(folder))
        return [
            line
            for name in [*names, *again]
            for line in differences(RECORDED / name.removesuffix(".again"), Path(folder) / name, tolerance)
        ]


def main() -> int:
    """Do what the command line asks; 1 if a record differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, told in (("renew", "write records anew"), ("check", "tell what differs from the records")):
        one = commands.add_parser(command, help=told)
        one.add_argument("names", nargs="*", metavar="NAME", help="all records by default")
    one.add_argument("--bits", action="store_true", help="fractions must be the same to the last bit")
    one = commands.add_parser("play", help="play records into a folder, in this process")
    one.add_argument("folder", type=Path)
    one.add_argument("names", nargs="*", metavar="NAME")
    given = parser.parse_args()
    if given.command == "play":
        play(given.names, given.folder)
        return 0
    names = given.names or list(RECORDS)
    if unknown := [name for name in names if name not in RECORDS]:
        parser.error(f"NAME must be one of {', '.join(RECORDS)}; got {', '.join(unknown)}")
    if given.command == "renew":
        return renew(names)
    told = check(names, BITS if given.bits else USUAL)
    print("\n".join(told) or "nothing differs")
    return bool(told)


if __name__ == "__main__":
    sys.exit(main())
