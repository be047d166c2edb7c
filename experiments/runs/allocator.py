"""What this process asks of the system's memory, and of Python's.

Core Objects: keep_freed_memory, importing
"""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's settings, from its malloc.h."""
LARGEST_KEPT_BLOCK, MOST_KEPT = 32 * 2**20, 256 * 2**20
"""The largest block that glibc can be told to keep, and the free bytes at the heap's end that it keeps."""


def keep_freed_memory() -> bool:
    """Let the C library keep large blocks that are freed, and return whether it does so in this process.

    Activations are of megabytes; by default the system maps and clears most of them anew for every operation,
    which takes convolutional networks a fifth of their time. Only glibc knows these settings: this process is
    told by a call, its children by their environment, unless the user has set something else.
    """
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(LARGEST_KEPT_BLOCK))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(MOST_KEPT))
    try:
        mallopt = ctypes.CDLL(None).mallopt
        block, kept = (int(os.environ[f"MALLOC_{name}_THRESHOLD_"]) for name in ("MMAP", "TRIM"))
    except (AttributeError, OSError, TypeError, ValueError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, block) and mallopt(TRIM_THRESHOLD, kept))


@contextmanager
def importing() -> Iterator[None]:
    """Import modules without a search for garbage, and leave what they made out of every later search.

    The libraries make a million objects that live as long as the process. To look through them for garbage
    again and again takes two fifths of the time that a command needs to start and to end, and a tenth of a
    small run's.
    """
    before = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:
            gc.freeze()
        gc.enable()
