"""A run's folder: who holds it, which files are its own, and whether they are whole.

The list `SHA256SUMS` has the digest of every file. Files change in steps: the new ones are written beside
their places, the list takes their digests, and then they take their places. A process that is killed before
the list leaves all old files, one that is killed after it all new ones: the next to hold the folder puts them
in their places. Nothing in a folder is followed out of it: links are refused.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from markets.refusals import InputError
from sim.records import signed_list
from sim.records.atomic import UNFINISHED, Write, place_of, write_atomically, write_beside
from sim.records.signed_list import ListError, SignedList, digest_of

LOCK = ".lock"
CONFIG = "config.yaml"
PARTS = "parts"
FIGURES = "figures"
MODELS = "models"
CHECKPOINT = "checkpoint.safetensors"
REMADE = (
    "summary.csv",
    "replicates.csv",
    "report.html",
    "sweep.parquet",
    "replicates.parquet",
    "comparison.csv",
    "differences.csv",
)
"""What a report makes again from the other files, beside the figures."""


class RecordError(InputError):
    """Records that are missing, damaged or in use; the message is one sentence."""


class RunFolder:
    """The folder of a run.

    Parameters
    ----------
    path : Path
        Where it is.
    checked : bool
        Whether files must be what the list says. Where not, whoever reads them does so at their own risk.
    """

    def __init__(self, path: Path, checked: bool = True) -> None:
        self.path = path
        self.checked = checked
        self._list: SignedList | None = None
        self._whole: set[str] = set()

    def __str__(self) -> str:
        return str(self.path)

    @contextmanager
    def held(self, wait: bool = False) -> Iterator["RunFolder"]:
        """Hold the folder's lock, after ending or undoing what a killed process began.

        A folder that this process may not write into cannot be changed under it, and is not locked.

        Parameters
        ----------
        wait : bool
            Whether to wait for who holds it.

        Raises
        ------
        RecordError
            If another process holds it.
        """
        if not os.access(self.path, os.W_OK):
            yield self
            return
        lock = FileLock(self.place(LOCK), timeout=-1 if wait else 0)
        try:
            lock.acquire()
        except Timeout:
            raise RecordError(
                f"{self} must be in use by one process at a time; wait until the one that is at work is done"
            ) from None
        try:
            self._list = None
            self._settle()
            yield self
        finally:
            lock.release()

    def place(self, name: str) -> Path:
        """Return where a file of the folder is or would be; refuse what a link would lead out of it."""
        path = self.path
        for part in PurePosixPath(name).parts:
            path = path / part
            if path.is_symlink():
                raise RecordError(f"{path} must be the folder's own; it is a link, and none is followed")
        return path

    def has(self, name: str) -> bool:
        """Return whether there is such a file, whole or not."""
        with suppress(OSError):
            return stat.S_ISREG(self.place(name).lstat().st_mode)
        return False

    def lists(self, name: str) -> bool:
        """Return whether the list has such a file."""
        return name in self.entries

    def file(self, name: str) -> Path:
        """Return the path of a file that is there, is the folder's own, and is what the list says.

        Raises
        ------
        RecordError
            If it is not; says what can still be done.
        """
        path = self.place(name)
        if not self.has(name):
            missing = "it is gone" if os.path.lexists(path) is False else "it is no file"
            raise RecordError(f"{path} must be a file of {self}; {missing}{self._remedy()}")
        if self.checked and not self._is_whole(name):
            told = "its bytes are not" if self.lists(name) else "the list has no such file"
            raise RecordError(
                f"{path} must be what {signed_list.NAME} says that was written; {told}{self._remedy()}"
            )
        return path

    def damaged(self) -> list[str]:
        """Return the listed files that are gone or are not what was written, in the order of the list."""
        return [name for name in self.entries if not self._is_whole(name)]

    def damaged_or_list(self) -> list[str]:
        """Return the damaged files; the list itself where it cannot be read."""
        try:
            return self.damaged()
        except RecordError:
            return [signed_list.NAME]

    def check(self) -> list[str]:
        """Refuse a folder with a damaged file that matters; return those that do not.

        Those can be made again, or are models, or the checkpoint of a run that was played to its end.

        Raises
        ------
        RecordError
            Naming the first of the others.
        """
        damaged = self.damaged() if self.checked else []
        for name in damaged:
            ended = name == CHECKPOINT and self.lists("rounds.parquet")
            if is_remade(name) or is_model(name) or ended:
                self.place(name)
            else:
                self.file(name)
        return damaged

    @property
    def entries(self) -> Mapping[str, str]:
        """The digests of the list; none where it is not asked for and cannot be had.

        Raises
        ------
        RecordError
            If there is no list, or it is damaged.
        """
        if self._list is None:
            self._list = self._read_list(needed=self.checked)
        return self._list.entries

    def begin(self, files: Mapping[str, Write], signed: Iterable[str] = ()) -> None:
        """Write the first files of a run; whatever an earlier attempt left here is removed."""
        try:
            old = [*SignedList(self.place(signed_list.NAME)).entries]
        except ListError:
            old = []
        self._list, left = SignedList(self.path / "no list"), [*old, CHECKPOINT, *REMADE]
        self._list.path = self.place(signed_list.NAME)
        self.change(files, [name for name in left if name not in signed], signed)

    def change(
        self,
        files: Mapping[str, Write],
        dropped: Iterable[str] = (),
        signed: Iterable[str] = (),
        add: bool = False,
    ) -> None:
        """Write files, drop others and sign those that were written before: all of it, or nothing.

        Where files need not be what the list says, they are written and nothing is signed.

        Parameters
        ----------
        files : mapping
            What fills each, by name.
        dropped : iterable of str
            Names of files to remove; they need not be there.
        signed : iterable of str
            Names of files that are in their places and are taken into the list as they are.
        add : bool
            Whether to add to the list and not to write it anew: faster where it is long.
        """
        if not self.checked:
            for name, write in files.items():
                write_atomically(self.place(name), write)
            return
        own = self._list or self._read_list(needed=False)
        staged: dict[str, Path] = {}
        try:
            for name, write in files.items():
                place = self.place(name)
                place.parent.mkdir(parents=True, exist_ok=True)
                staged[name] = write_beside(place, write)
            new = {name: digest_of(path) for name, path in staged.items()}
            new |= {name: digest_of(self.place(name)) for name in signed}
            gone = set(dropped) - set(new)
            if add and not gone:
                own.add(new)
            else:
                own.replace({name: digest for name, digest in own.entries.items() if name not in gone} | new)
        except BaseException:
            for path in staged.values():
                path.unlink(missing_ok=True)
            raise
        self._list = own
        self._whole -= {*new, *gone}
        for name, path in staged.items():
            path.replace(self.path / name)
        for name in gone:
            self.place(name).unlink(missing_ok=True)
        with suppress(OSError):  # Where parts are left, or there are none.
            self.place(PARTS).rmdir()

    def _read_list(self, needed: bool) -> SignedList:
        path = self.place(signed_list.NAME)
        try:
            found = SignedList(path)
        except ListError as error:
            if not self.checked:
                return SignedList(self.path / "no list")
            raise RecordError(
                f"{path} must be the signed list of a run's files; it is damaged: {error}{self._remedy()}"
            ) from error
        if needed and not found.entries:
            raise RecordError(
                f"{self} must have the digests of its files in {signed_list.NAME}; there is no such list"
                f"{self._remedy()}"
            )
        return found

    def _is_whole(self, name: str) -> bool:
        if name not in self._whole:
            try:
                same = self.has(name) and digest_of(self.place(name)) == self.entries.get(name)
            except RecordError:
                same = False
            if not same:
                return False
            self._whole.add(name)
        return True

    def _remedy(self) -> str:
        """Return what can still be done with a folder one of whose files is damaged."""
        if any(self.has(name) for name in ("rounds.parquet", "sweep.parquet", "results.parquet")):
            return f" (`parabourse report --damaged {self}` reads what is there at your own risk)"
        return " (put it back as it was, or start the run again in a new folder)"

    def _settle(self) -> None:
        """Put files that the list has in their places, and remove what a killed process left beside them."""
        try:
            entries = SignedList(self.place(signed_list.NAME)).entries
        except ListError:
            return
        found = [path for inner in ("", PARTS, FIGURES) for path in self.place(inner).glob(UNFINISHED)]
        for unfinished in sorted([*found, *self.place(MODELS).rglob(UNFINISHED)]):
            place = place_of(unfinished)
            name = place.relative_to(self.path).as_posix()
            whole = unfinished.is_file() and not unfinished.is_symlink()
            if whole and name in entries and digest_of(unfinished) == entries[name]:
                unfinished.replace(place)
            elif whole or unfinished.is_symlink():
                unfinished.unlink()
        parts = self.place(PARTS)
        if entries and parts.is_dir():
            for path in parts.glob("*.parquet"):
                if f"{PARTS}/{path.name}" not in entries:
                    path.unlink()
            with suppress(OSError):
                parts.rmdir()


def is_model(name: str) -> bool:
    """Return whether a file holds a model, of which nothing else is made."""
    return name.startswith(f"{MODELS}/")


def is_remade(name: str) -> bool:
    """Return whether a report makes a file again from the others."""
    return name in REMADE or name.startswith(f"{FIGURES}/") or name.endswith(".tex")
