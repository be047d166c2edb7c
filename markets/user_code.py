"""Python code of a user's own, which the user named on the command line: a module, or a thing in one.

A module is named as it is imported, ``my_lab.nets``, or by its file, ``./nets.py``; a thing in it follows a
colon, ``./nets.py:make``. Both are looked for from the directory of the command. Nothing that is read from a
run's folder may be given to these functions.

Core Objects: imported, loaded, called, digest_of, UserCodeError
"""

import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from markets.refusals import InputError

_BY_FILE: dict[Path, ModuleType] = {}
"""The modules that were imported by their file, or found to be of it."""


class UserCodeError(RuntimeError):
    """An error in a user's own code, which is its cause: no sentence can mend it, its traceback may."""


def imported(where: str, field: str) -> ModuleType:
    """Return a module of the user's, imported once a process, however it is named.

    The folder of the command, and that of a file, are searched last for what it imports itself.

    Parameters
    ----------
    where : str
        A module, as ``my_lab.nets``, or a file, as ``./nets.py``.
    field : str
        Where it was named, for messages.

    Raises
    ------
    InputError
        If there is no such file or module.
    UserCodeError
        From what its code raised.
    """
    if _is_file(where):
        return _of_file(_file(where, field), where, field)
    origin = _origin(where, field)
    if origin in _BY_FILE:
        return _BY_FILE[origin]
    module: ModuleType = called(importlib.import_module, where, field=field, spec=where)
    if origin is not None:
        _BY_FILE[origin] = module
    return module


def loaded(spec: str, field: str) -> Any:
    """Return what a text names in a module of the user's.

    Parameters
    ----------
    spec : str
        ``module.path:name`` or ``./file.py:name``; the name may have dots.
    field : str
        Where it was given, for messages.

    Raises
    ------
    InputError
        If it is no such text, or there is no such file, module or name.
    UserCodeError
        From what the code of the module raised.
    """
    where, name = _parts(spec, field)
    found: Any = imported(where, field)
    for part in name.split("."):
        if not hasattr(found, part):
            own = sorted(known for known in vars(found) if not known.startswith("_"))
            near = difflib.get_close_matches(part, own, n=1)
            told = f": did you mean {near[0]}?" if near else ""
            raise InputError(f"{field} must name something that is in {where}; got {name!r}{told}")
        found = getattr(found, part)
    return found


def called(function: Callable[..., Any], *args: Any, field: str, spec: str) -> Any:
    """Return what a function of the user's returns.

    Raises
    ------
    InputError
        If it raises one: then it is the user's own sentence.
    UserCodeError
        From any other error, so that its traceback is shown, whatever kind of error it is.
    """
    try:
        return function(*args)
    except (InputError, UserCodeError):
        raise
    except Exception as error:
        raise UserCodeError(f"the code of {field}={spec} raised {type(error).__name__}: {error}") from error


def digest_of(spec: str, field: str = "code") -> str:
    """Return the SHA-256 of the file of a module that `loaded` or `imported` would take from, in hexadecimal.

    It is '' for a module that has no file. The module is not executed, but packages around it are.

    Raises
    ------
    InputError
        If there is no such file or module.
    """
    where = spec.rpartition(":")[0] if ":" in spec else spec
    origin = _file(where, field) if _is_file(where) else _origin(where, field)
    return "" if origin is None else hashlib.sha256(origin.read_bytes()).hexdigest()


def _parts(spec: str, field: str) -> tuple[str, str]:
    """Return the module or file of a text, and the name in it."""
    where, _, name = str(spec).rpartition(":")
    if not where or not all(part.isidentifier() for part in name.split(".")):
        raise InputError(
            f"{field} must be a file and a name in it, as ./mine.py:name, or a module and a name, as "
            f"my_lab.mine:name; got {spec!r}"
        )
    return where, name


def _is_file(where: str) -> bool:
    return where.endswith(".py") or "/" in where or "\\" in where


def _file(where: str, field: str) -> Path:
    path = Path(where).expanduser().resolve()
    if path.suffix != ".py" or not path.is_file():
        raise InputError(f"{field} must name a .py file that exists, from {Path.cwd()}; got {where!r}")
    return path


def _of_file(path: Path, where: str, field: str) -> ModuleType:
    """Return the module of a file, executed now unless it has been."""
    if path in _BY_FILE:
        return _BY_FILE[path]
    for known in list(sys.modules.values()):
        file = getattr(known, "__file__", None)
        if isinstance(file, str) and Path(file) == path and known.__name__ != "__main__":
            _BY_FILE[path] = known
            return known
    name = f"user_code_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _search_last(path.parent)
    _search_last(Path.cwd())
    sys.modules[name] = module  # Dataclasses look there for what their annotations mean.
    try:
        called(spec.loader.exec_module, module, field=field, spec=where)
    except BaseException:
        del sys.modules[name]
        raise
    _BY_FILE[path] = module
    return module


def _origin(where: str, field: str) -> Path | None:
    """Return the file of a module by its name, None if it has none; packages around it are imported."""
    _search_last(Path.cwd())
    importlib.invalidate_caches()
    parts = where.split(".")
    spec = None
    for count in range(1, len(parts) + 1):
        package = count == 1 or (spec is not None and spec.submodule_search_locations is not None)
        name = ".".join(parts[:count])
        is_name = package and parts[count - 1].isidentifier()
        spec = called(importlib.util.find_spec, name, field=field, spec=where) if is_name else None
        if spec is None:
            raise InputError(
                f"{field} must name a module that can be imported from {Path.cwd()}, as my_lab.mine, or a "
                f"file, as ./mine.py; got {where!r}, and there is no {name}"
            )
    assert spec is not None
    return Path(spec.origin).resolve() if spec.has_location and spec.origin else None


def _search_last(folder: Path) -> None:
    """Let imports look into a folder too, after all others, so that no file of a user's hides a library."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
