"""A model in a file of its own: its tensors in safetensors' format, and texts by name as their metadata.

Nothing in such a file is code, and nothing that it names is imported.

Core Objects: encoded, read_file, content_of, file_name, SUFFIX
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from markets.refusals import InputError

SUFFIX = ".safetensors"
_ALIGNED = 8
"""Bytes to whose multiple safetensors fills up a header."""


def encoded(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return a file's bytes: the same tensors and texts give the same bytes.

    The library writes the texts in an order that changes from process to process, so the header is written
    anew with them.
    """
    plain = _plain(tensors)
    size = int.from_bytes(plain[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **json.loads(plain[8 : 8 + size])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    return len(text).to_bytes(8, "little") + text + plain[8 + size :]


def content_of(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 digest of tensors with their names, in hexadecimal digits.

    It is that of a file of these tensors without metadata, as ``safetensors.torch.save`` makes it.
    """
    return hashlib.sha256(_plain(tensors)).hexdigest()


def read_file(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a file, on the CPU, and its metadata, {} if it has none.

    Raises
    ------
    InputError
        If it is no file of tensors.
    """
    if not path.is_file():
        raise InputError(f"a model must be a file that exists; there is no {path}")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        pickled = " (what torch.save writes can hold code and is not read)" if _is_archive(path) else ""
        raise InputError(
            f"{path} must be a file of tensors, as safetensors.torch.save_file writes it{pickled}; "
            f"it cannot be read ({error})"
        ) from error


def file_name(organisation: int, organisations: int) -> str:
    """Return the name of an organisation's file: in the order of their names files are those of 0, 1, ..."""
    width = max(2, len(str(organisations - 1)))
    return f"organisation_{organisation:0{width}d}{SUFFIX}"


def _plain(tensors: Mapping[str, Tensor]) -> bytes:
    """Return what safetensors makes of tensors, each with memory of its own."""
    return bytes(
        save({name: leaf.detach().to("cpu", copy=True).contiguous() for name, leaf in tensors.items()})
    )


def _is_archive(path: Path) -> bool:
    """Return whether a file begins as torch's own files do, which are zip archives of pickles, or pickles."""
    with path.open("rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02")


def is_float(leaf: Tensor) -> bool:
    """Return whether a tensor holds real numbers."""
    return leaf.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
