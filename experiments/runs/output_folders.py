"""Folders that files are to be written into: what cannot be written is found before any work.

Core Objects: check_writable, claim
"""

import errno
import tempfile
from pathlib import Path

from experiments.command_line.sentences import UserError
from sim.records.signed_list import NAME


def check_writable(folder: Path, name: str) -> None:
    """Raise ``UserError`` unless a folder can be written or made; leaves nothing behind.

    Parameters
    ----------
    folder : Path
        The folder, which need not be there.
    name : str
        What it is to the user: a key or an argument.
    """
    try:
        if "\0" in str(folder):
            raise OSError(errno.EINVAL, "a name cannot have the character of number 0")
        if folder.exists() and not folder.is_dir():
            raise OSError(errno.ENOTDIR, "there is a file of that name")
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        # A file without a name or, where the system knows none, one that says what it is: a kill at this
        # moment must not keep the same command from the folder.
        with tempfile.TemporaryFile(dir=there, prefix=".", suffix=".unfinished"):
            pass
    except OSError as error:
        raise UserError(
            f"{name} must be a folder that can be written; got {str(folder)!r} ({error.strerror})"
        ) from error


def claim(folder: Path, name: str, what: str, own: bool) -> None:
    """Make a folder, or accept one that is the command's own; `what` it is to hold, and does if it is.

    Raises
    ------
    UserError
        If it cannot be written, or holds something else.
    """
    check_writable(folder, name)
    # Hidden files, and a list without what it names, are a command's that was killed at its start.
    left = [path.name for path in folder.iterdir()] if folder.exists() else []
    if not own and not all(path.startswith(".") or path == NAME for path in left):
        raise UserError(f"{name} must be a new folder or that of {what}; got {str(folder)!r}")
    folder.mkdir(parents=True, exist_ok=True)
