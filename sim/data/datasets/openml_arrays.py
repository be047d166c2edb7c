"""A dataset of OpenML's as arrays beside its cache, so that its file is parsed once.

The arrays are in ``parabourse/openml-ID-MD5.npz`` in the folder of the cache: bytes, with the number of the
dataset and the digest of its file as OpenML states it. Nothing in them is unpickled.

Core Objects: Parsed, stored, store
"""

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from markets.columns import Ints
from sim.records.atomic import write_atomically


class Parsed(NamedTuple):
    """What a file of OpenML's holds.

    Attributes
    ----------
    pixels : uint8 array [E, F]
        The bytes of every example.
    labels : int64 array [E]
        Their classes, numbers of the sorted names.
    names : list of str
        The classes.
    url : str
        Where the file is from.
    """

    pixels: NDArray[np.uint8]
    labels: Ints
    names: list[str]
    url: str


def stored(home: Path, data_id: int) -> Parsed | None:
    """Return a dataset from its arrays; None where there are none of the file that the cache describes."""
    path = _path(home, data_id, _described_digest(home, data_id))
    with suppress(OSError, ValueError, KeyError, BadZipFile), np.load(path, allow_pickle=False) as arrays:
        labels = arrays["labels"].astype(np.int64)
        names = [str(name) for name in arrays["names"]]
        return Parsed(arrays["pixels"], labels, names, str(arrays["url"]))
    return None


def store(home: Path, data_id: int, digest: str, parsed: Parsed) -> None:
    """Keep a dataset as arrays; where the folder takes none, it is parsed again the next time."""
    path = _path(home, data_id, digest)

    def write(to: Path) -> None:
        with to.open("wb") as file:
            np.savez(file, **parsed._replace(labels=parsed.labels.astype(np.int16))._asdict())

    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, write)


def _path(home: Path, data_id: int, digest: str) -> Path:
    return home / "parabourse" / f"openml-{data_id}-{digest}.npz"


def _described_digest(home: Path, data_id: int) -> str:
    """Return the MD5 digest that the description in scikit-learn's cache states; '' if there is none."""
    path = home / "openml" / "openml.org" / "api" / "v1" / "json" / "data" / f"{data_id}.gz"
    with suppress(OSError, EOFError, ValueError, KeyError, TypeError):
        digest = json.loads(gzip.decompress(path.read_bytes()))["data_set_description"]["md5_checksum"]
        return str(digest) if str(digest).isalnum() else ""
    return ""
