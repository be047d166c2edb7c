"""From which commit something was run, where git knows."""

import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
SECONDS = 10
"""How long git may take: a commit is worth no waiting."""


def commits() -> dict[str, str | None]:
    """Return the commit of Parabourse's own code, and that of the folder in which the command was typed.

    A commit ends in ``-dirty`` where tracked files differ from it. None: no repository, or no git. Code that
    lies in a repository without being part of it, as a virtual environment does, has no commit.
    """
    return {"parabourse": _commit(HERE, Path(__file__).resolve()), "folder": _commit(Path.cwd(), Path.cwd())}


def _commit(folder: Path, tracked: Path) -> str | None:
    if not _git(folder, "ls-files", str(tracked)):
        return None
    return _git(folder, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")


def _git(folder: Path, *command: str) -> str | None:
    # A repository may name a program that git starts to look for changes: not here.
    safe = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *command]
    try:
        done = subprocess.run(safe, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
