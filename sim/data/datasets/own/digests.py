"""Digests of files of a user's own, which tell whether they have changed.

Core Objects: digest_of_file, digest_of_files
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 digest of a file in hexadecimal; one that stays as it is, is read once."""
    told = path.stat()
    return _read(str(path.resolve()), told.st_size, told.st_mtime_ns)


def digest_of_files(folder: Path, files: Iterable[Path]) -> str:
    """Return a digest of files of a folder, of their names and what they hold."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.relative_to(folder).as_posix()}\n{digest_of_file(file)}\n".encode())
    return whole.hexdigest()


@lru_cache(maxsize=1 << 17)
def _read(path: str, size: int, changed: int) -> str:  # noqa: ARG001
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
