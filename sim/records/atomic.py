"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sim.records.unwritten import writing

Write = Callable[[Path], Any]
"""Fills a file at the path that it is given."""
UNFINISHED = ".*.unfinished"
"""What files are called while they are being written."""


def filled(text: str) -> Write:
    """Return what fills a file with a text."""
    return lambda path: path.write_text(text, encoding="utf-8")


def write_atomically(path: Path, write: Write) -> None:
    """Let `write` fill a file beside `path`, then put it in its place in one step.

    Raises
    ------
    UnwrittenError
        If it cannot be written; nothing stays behind then.
    """
    unfinished = write_beside(path, write)
    try:
        with writing(path):
            unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_beside(path: Path, write: Write) -> Path:
    """Let `write` fill a new file beside `path`, force it to the disk and return its path.

    Its name is its own, whoever else writes the same file. If `write` fails, nothing stays behind.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.unfinished")
    try:
        with writing(path):
            unfinished.touch(exist_ok=False)  # Never an existing file, nor what a link leads to.
            mode = unfinished.stat().st_mode
            write(unfinished)
            unfinished.chmod(mode)  # Some libraries write one for its owner alone.
            with unfinished.open("rb+") as file:
                os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    return unfinished


def place_of(unfinished: Path) -> Path:
    """Return the path that an unfinished file was to have."""
    return unfinished.with_name(unfinished.name.removeprefix(".").rsplit(".", 2)[0])
