"""Text files of a folder read as data: bounded in size and depth, without aliases, tags or interpolation.

Whoever opens a folder may have it from a stranger, so nothing in it is more than text, numbers, lists and
mappings.

Core Objects: read_yaml, read_json, read_text, read_manifest
"""

import json
import math
from collections.abc import Callable
from typing import Any

import yaml

from experiments.command_line.sentences import one_sentence
from markets.refusals import InputError
from sim.records.run_folder import RecordError, RunFolder

LARGEST = 1 << 20
"""Bytes of the largest text file that is read."""
DEEPEST = 32
"""How deep lists and mappings may lie in each other."""
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(folder: RunFolder, name: str) -> str:
    """Return a text file of a folder.

    Raises
    ------
    RecordError
        If it is missing, damaged, no text or too large.
    """
    path = folder.file(name)
    size = path.stat().st_size
    if size > LARGEST:
        raise RecordError(f"{path} must be a text of at most {LARGEST} bytes; it has {size}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecordError(f"{path} must be a text in UTF-8; it is none") from error


def read_yaml(folder: RunFolder, name: str) -> Any:
    """Return what a YAML file holds; raise ``RecordError`` as `read_text`, or if it is no data."""
    return _read(folder, name, _of_yaml)


def read_json(folder: RunFolder, name: str) -> Any:
    """Return what a JSON file holds; raise ``RecordError`` as `read_text`, or if it is no data."""
    return _read(folder, name, json.loads)


def read_manifest(folder: RunFolder) -> dict[str, Any]:
    """Return a run's manifest; {} if it has none.

    Its `versions` are texts, its `seconds` numbers, its `parameters` a number, or one for each network.

    Raises
    ------
    RecordError
        If it is damaged or no manifest.
    """
    name = "manifest.json"
    if not folder.has(name):
        return {}
    found = read_json(folder, name)
    if not isinstance(found, dict):
        raise RecordError(f"{folder.path / name} must be a mapping; got {_shown(found)}")
    kinds: dict[str, Callable[[Any], bool]] = {
        "versions": lambda value: value is None or isinstance(value, str),
        "seconds": lambda value: type(value) in (int, float) and math.isfinite(value) and value >= 0,
    }
    for key, allowed in kinds.items():
        value = found.get(key) or {}
        if not isinstance(value, dict) or not all(allowed(entry) for entry in value.values()):
            kind = "texts" if key == "versions" else "numbers"
            raise RecordError(f"{folder.path / name} must map {key} to {kind}; got {_shown(value)}")
    parameters = found.get("parameters")
    counts = parameters.values() if isinstance(parameters, dict) else [parameters]
    if not all(count is None or kinds["seconds"](count) for count in counts):
        raise RecordError(f"{folder.path / name} must map parameters to numbers; got {_shown(parameters)}")
    return found


def _read(folder: RunFolder, name: str, decode: Callable[[str], Any]) -> Any:
    text = read_text(folder, name)
    try:
        found = decode(text)
        _check_plain(found, DEEPEST)
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        reason = one_sentence(error) or type(error).__name__
        raise RecordError(f"{folder.path / name} must be plain data; it cannot be read ({reason})") from error
    return found


def _of_yaml(text: str) -> Any:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise InputError("it has an alias, which could stand for any amount of data")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise InputError(f"it is nested deeper than {DEEPEST}")
    return yaml.load(text, Loader=_Loader)  # A safe loader.


def _check_plain(found: Any, depth: int) -> None:
    if depth < 0:
        raise InputError(f"it is nested deeper than {DEEPEST}")
    if isinstance(found, dict):
        for key, value in found.items():
            if not isinstance(key, str):
                raise InputError(f"the key {_shown(key)} is no text")
            _check_plain(value, depth - 1)
    elif isinstance(found, list):
        for value in found:
            _check_plain(value, depth - 1)
    elif isinstance(found, int) and abs(found) >= 1 << 64:
        raise InputError("it has a whole number of more than 64 bits")
    elif not (found is None or isinstance(found, (str, bool, int, float))):
        raise InputError(f"{_shown(found)} is no text, number, list or mapping")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
