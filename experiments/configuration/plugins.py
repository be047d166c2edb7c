"""Plug-ins: Python files and modules of the user's own, imported before Hydra composes anything.

Whatever they register can be chosen by name from then on. They are named on the command line alone, by
``plugins=[./my_rules.py,my_lab.rules]``, by the functions that keys such as ``network.factory`` name, or at
the top of a file of the user's own folder that is chosen there; what a run's folder names is never imported.

Core Objects: begin, named, typed, Brought, check_imported, is_factory, module_of
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from experiments.command_line.sentences import UserError
from experiments.configuration.config_folder import FLAGS, own_folder, use_folder
from experiments.configuration.overrides import check_grammar, quoted
from markets.refusals import InputError
from markets.registry import RegistrationError
from markets.user_code import digest_of, imported

KEY = "plugins"
PLAIN = re.compile(r"[\w./+%@-]+", re.ASCII)
"""What Hydra takes for a text without quotes."""
_NAMED: dict[str, str] = {}
"""What this command names, and the SHA-256 of each file."""
_IMPORTED: dict[str, str] = {}
"""The SHA-256 of each module's file as this process imported it."""


def begin(arguments: Sequence[str]) -> list[str]:
    """Import the plug-ins that arguments name, look into the folder that they name, and return the others.

    Raises
    ------
    UserError, InputError
        If there is no such folder, file or module, or a plug-in registers what cannot serve.
    markets.user_code.UserCodeError
        From what the code of a plug-in raised.
    """
    others, folder = _without_flag(arguments)
    own = [argument for argument in others if argument.lstrip("+").startswith(f"{KEY}=")]
    others = [argument for argument in others if argument not in own]
    use_folder(folder)
    specs = [*_of_files(others), *(spec for argument in own for spec in _listed(argument))]
    _import({}, dict.fromkeys(specs, KEY) | _of_factories(others))
    return others


def named() -> Mapping[str, str]:
    """Return the plug-ins of this command as they were named, and the SHA-256 of each file ('' if none)."""
    return dict(_NAMED)


def typed() -> list[str]:
    """Return the override that names the plug-ins of this command; nothing if it names none."""
    specs = (spec if PLAIN.fullmatch(spec) else quoted(spec) for spec in _NAMED)
    return [f"{KEY}=[{','.join(specs)}]"] if _NAMED else []


class Brought:
    """What this command names of the user's own, which a process that unpickles it imports and looks into."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _bring, (dict(_NAMED), own_folder())


def check_imported(specs: Iterable[str]) -> None:
    """Raise ``UserError`` if a configuration names a plug-in that was not found in time to be imported."""
    for spec in specs:
        if spec not in _NAMED:
            raise UserError(
                f"{KEY} must be named on the command line, or at the top of a file of --config-dir that is "
                f"chosen there, so that they can be imported before anything is composed; got {spec!r}"
            )


def _bring(digests: Mapping[str, str], folder: Path | None) -> Brought:
    use_folder(folder)
    _import(digests, dict.fromkeys(digests, KEY))
    return Brought()


def _import(expected: Mapping[str, str], fields: Mapping[str, str]) -> None:
    """Import plug-ins, each named in a field; `expected` are the digests that another process found."""
    _NAMED.clear()
    for spec, field in fields.items():
        digest = digest_of(spec, field)
        try:
            module = imported(spec, field)
        except RegistrationError as error:
            raise RegistrationError(f"{field}={spec}: {error}") from error
        # A module is imported once a process: it is what its file was then.
        if {digest} != {_IMPORTED.setdefault(module.__name__, digest), expected.get(spec, digest)}:
            raise InputError(
                f"{field}={spec} must stay as it is while it is in use; the file has been changed"
            )
        _NAMED[spec] = digest


def _without_flag(arguments: Sequence[str]) -> tuple[list[str], Path | None]:
    """Return arguments without the flag that names a folder, and the folder."""
    others, folder, rest = list[str](), None, iter(arguments)
    for argument in rest:
        flag, is_one, value = argument.partition("=")
        if flag not in FLAGS:
            others.append(argument)
            continue
        value = value if is_one else next(rest, "")
        if not value:
            raise UserError(f"{flag} must name a folder, as in {flag}=DIR; got none")
        folder = Path(value)
    return others, folder


def _listed(argument: str) -> list[str]:
    override = check_grammar(argument)
    return _texts(None if override.is_sweep_override() else override.value(), argument)


def _texts(value: Any, told: str) -> list[str]:
    specs = [value] if isinstance(value, str) else value
    if not isinstance(specs, list) or not all(isinstance(spec, str) and spec for spec in specs):
        raise UserError(
            f"{KEY} must be a list in brackets of files and modules, as in "
            f"{KEY}=[./my_rules.py,my_lab.rules]; got {told}"
        )
    return specs


def _of_files(arguments: Sequence[str]) -> list[str]:
    """Return the plug-ins that files of the user's folder name which are chosen as ``GROUP=NAME``."""
    found: list[str] = []
    if (folder := own_folder()) is None:
        return found
    for argument in arguments:
        group, _, names = argument.lstrip("+").partition("=")
        for name in names.split(","):
            file = folder / group / f"{name.strip()}.yaml"
            if group and file.is_file() and folder in file.resolve().parents:
                found += _texts(_top(file).get(KEY) or [], f"{file}")
    return found


def _of_factories(arguments: Sequence[str]) -> dict[str, str]:
    """Return the files and modules of functions that are named, as by ``network.factory=./nets.py:make``."""
    found: dict[str, str] = {}
    for argument in arguments:
        key, _, specs = argument.lstrip("+").partition("=")
        if is_factory(key):
            named_there = (module_of(spec.strip("\"' ")) for spec in specs.split(","))
            found |= {where: key for where in named_there if where}
    return found


def is_factory(key: str) -> bool:
    """Return whether a key names a function of the user's own."""
    return key.rpartition(".")[2] == "factory"


def module_of(spec: str) -> str:
    """Return the file or module of a function's name, as ``./nets.py`` of ``./nets.py:make``; '' if none."""
    return spec.rpartition(":")[0]


def _top(file: Path) -> dict[Any, Any]:
    """Return what a file says; nothing where it cannot be read, which Hydra tells better."""
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return said if isinstance(said, dict) else {}
