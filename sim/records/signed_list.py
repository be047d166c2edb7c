"""The signed list: which files a folder of records has, and the digest of each.

A text that ``sha256sum --check SHA256SUMS`` reads. Lines are added in blocks, each signed with the digest of
all that stands before, so that a list knows whether it is whole. A block whose writer was killed has no
signature and does not count; of a file that is named several times, the last line counts.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from sim.records.atomic import write_atomically
from sim.records.unwritten import writing

NAME = "SHA256SUMS"
LARGEST = 1 << 28
"""Bytes of the largest list that is read: some 400,000 rounds."""

_HEADER = b"# The digests of the files of this folder: sha256sum --check SHA256SUMS\n"
_PART = r"(?!\.\.?(?:/|\n))[\w.-]+"
"""A part of a name: no step up, and no character that a shell knows."""
_ENTRY = re.compile(rf"([0-9a-f]{{64}})  ({_PART}(?:/{_PART})*)\n".encode(), re.ASCII)
_SIGNATURE = re.compile(rb"# signed ([0-9a-f]{64})\n")
_BEGUN = re.compile(rb"[0-9a-f]{0,64}|[0-9a-f]{64} {1,2}[\w./-]*|# signed [0-9a-f]{0,64}", re.ASCII)

"""What a killed writer can leave of a line."""


class ListError(ValueError):
    """A list that is not what its writer wrote."""


def digest_of(path: Path) -> str:
    """Return the SHA-256 digest of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class SignedList:
    """A list on disk and its entries.

    Parameters
    ----------
    path : Path
        Its file, which need not be there yet.

    Attributes
    ----------
    entries : dict of str to str
        The digest of each file by its name in the folder, with slashes.

    Raises
    ------
    ListError
        If the file is there and not what its writer wrote.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, str] = {}
        self._size = 0
        self._hash = hashlib.sha256()
        if path.is_file():
            self._read()

    def add(self, entries: Mapping[str, str]) -> None:
        """Add a block at the end, in time that does not grow with the list; all of it counts, or nothing."""
        if not self._size:
            self.replace(entries)
            return
        block, signed = self._signed(entries, self._hash.copy())
        with writing(self.path), self.path.open("r+b") as file:
            file.truncate(self._size)
            try:
                file.seek(self._size)
                file.write(block)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(self._size)
                raise
        self._size, self._hash = self._size + len(block), signed
        self.entries |= entries

    def replace(self, entries: Mapping[str, str]) -> None:
        """Write the list anew, with these entries alone."""
        block, signed = self._signed(entries, hashlib.sha256(_HEADER))
        write_atomically(self.path, lambda path: path.write_bytes(_HEADER + block))
        self._size, self._hash = len(_HEADER) + len(block), signed
        self.entries = dict(entries)

    @staticmethod
    def _signed(entries: Mapping[str, str], before: "hashlib._Hash") -> tuple[bytes, "hashlib._Hash"]:
        lines = "".join(f"{digest}  {name}\n" for name, digest in entries.items()).encode()
        before.update(lines)
        signature = f"# signed {before.hexdigest()}\n".encode()
        before.update(signature)
        return lines + signature, before

    def _read(self) -> None:
        if self.path.stat().st_size > LARGEST:
            raise ListError("too large for a list")
        data = self.path.read_bytes()
        if not data.startswith(_HEADER):
            raise ListError("its first line is no list's")
        at, begun, block = len(_HEADER), 0, dict[str, str]()
        for line in data[at:].splitlines(keepends=True):
            at += len(line)
            if entry := _ENTRY.fullmatch(line):
                block[entry[2].decode()] = entry[1].decode()
            elif signature := _SIGNATURE.fullmatch(line):
                self._hash.update(data[begun : at - len(line)])
                if self._hash.hexdigest() != signature[1].decode():
                    raise ListError("its signature is that of another list")
                self._hash.update(line)
                self.entries |= block
                self._size, begun, block = at, at, {}
            elif at < len(data) or not (_BEGUN.fullmatch(line) or b"# signed ".startswith(line)):
                raise ListError(f"its line {line[:80]!r} is no list's")
        if not self._size:
            raise ListError("it has no signature")
