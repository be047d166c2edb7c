"""Standard streams at which no command stops: what they cannot show is spelled, what they cannot take lost.

A closed pipe ends what is printed, not what is computed; so do a full disk, and a stream that was closed from
the start.
"""

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

SPELLED = {
    "±": "+-",
    "×": "x",
    "–": "-",
    "—": "-",
    "−": "-",
    "≥": ">=",
    "≤": "<=",
    "…": "...",
    "’": "'",
    "²": "^2",
    "\N{NO-BREAK SPACE}": " ",
}
"""What stands for a character in an encoding without it; others are told by their number."""
SPELL = "parabourse.spell"


class _Steady(io.FileIO):
    """A file that keeps its first error for itself and swallows what is written from then on."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.error: OSError | None = None

    def write(self, data: "bytes | memoryview") -> int | None:  # type: ignore[override]
        """Write what can be written; return how much of it need not be written again."""
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes


@contextmanager
def steady_streams() -> Iterator[Callable[[], bool]]:
    """Let nothing that is printed in the block fail; streams that are no files, as a notebook's, stay.

    The block is given what says on standard error if output was lost that somebody may have wanted, and
    returns whether it was: not where its reader went away, who wanted no more.
    """
    codecs.register_error(SPELL, _spelled)
    _open_closed_descriptors()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_steady(stream) for stream in before)
    try:
        yield _tell_lost
    finally:
        for stream, given in zip((sys.stdout, sys.stderr), before, strict=True):
            stream.flush()
            if given is None:
                stream.close()
        sys.stdout, sys.stderr = before


def _steady(stream: TextIO | None) -> TextIO:
    """Return a stream like the given one that never fails; None is one that was closed from the start."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    raw = _file_of(stream)
    if not isinstance(stream, io.TextIOWrapper) or type(raw) is not io.FileIO:
        return stream
    with suppress(OSError):
        stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Steady(raw.fileno())),  # type: ignore[type-var]
        encoding=stream.encoding,
        errors=SPELL,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _file_of(stream: TextIO) -> Any:
    """Return the unbuffered file below a stream, if there is one; with ``python -u`` nothing lies between."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _tell_lost() -> bool:
    sys.stdout.flush()
    error = getattr(_file_of(sys.stdout), "error", None)
    if error is None or error.errno == errno.EPIPE:
        return False
    told = "what was printed is lost, but all that was to be saved is saved"
    print(f"parabourse: standard output cannot be written ({error.strerror}); {told}.", file=sys.stderr)
    return True


def _open_closed_descriptors() -> None:
    """Let descriptors of closed standard streams lead nowhere, and not to the next file that is opened."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Takes the lowest number that is free: this one.


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Return what is written for characters that an encoding lacks, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start]
    return SPELLED.get(lacking) or lacking.encode("ascii", "backslashreplace").decode(), error.start + 1
