"""Failures to write a file, as one kind of error whichever library wrote.

On a full disk, safetensors raises an error that is no ``OSError``, and so does the compressor of PDF files.

Core Objects: UnwrittenError, writing
"""

import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError


class UnwrittenError(OSError):
    """A file that could not be written; the message is one sentence."""

    def __str__(self) -> str:
        return f"{self.filename} cannot be written ({self.strerror})"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise ``UnwrittenError`` for whatever goes wrong with the disk while the block writes a file."""
    try:
        yield
    except UnwrittenError:
        raise
    except (OSError, SafetensorError, zlib.error) as error:
        number = getattr(error, "errno", None) or _number(str(error))
        reason = os.strerror(number) if number else f"{error}, as on a full disk"
        raise UnwrittenError(number, reason, str(path)) from error


def _number(told: str) -> int:
    """Return the system's error number in what safetensors tells; 0 if there is none."""
    found = re.search(r"\(os error (\d+)\)", told)
    return int(found[1]) if found else 0
