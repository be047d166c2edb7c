"""Named classes, collected at import.

A registry maps the value of a class's ``name`` field to the class. Registering checks the class at once, so
that a mechanism, strategy, network or dataset with a wrong signature fails at import and not in the middle of
a run.
"""

import dataclasses
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, cast

from markets.refusals import InputError


class RegistrationError(InputError, TypeError):
    """A class cannot serve as one of a kind, or not under its name."""


T = TypeVar("T")
C = TypeVar("C")


class Registry(Generic[T]):
    """Classes of one kind by name.

    Parameters
    ----------
    kind : str
        What the entries are, in the singular, for messages ("mechanism").
    base : type
        What they extend; an abstract class says what they must define.
    check : callable, optional
        Called with every class that registers; raises ``TypeError`` if the class cannot serve as one of its
        kind.
    """

    def __init__(self, kind: str, base: type[Any], check: Callable[[type[T]], None] | None = None) -> None:
        self.kind = kind
        self.base = base
        self._check = check
        self._classes: dict[str, type[T]] = {}

    def register(self, cls: type[C]) -> type[C]:
        """Class decorator: enter a dataclass under the default value of its ``name`` field.

        Raises
        ------
        RegistrationError
            If the class is no dataclass, has no ``name`` field with a text as default, takes a name that is
            in use, does not extend the base or define what is abstract there, has no docstring, or fails the
            registry's own check.
        """
        if not dataclasses.is_dataclass(cls):
            raise RegistrationError(
                f"{self.kind} {cls.__name__} must be a dataclass: its fields are its configuration"
            )
        name = {field.name: field.default for field in dataclasses.fields(cls)}.get("name")
        if not isinstance(name, str):
            raise RegistrationError(
                f"{self.kind} {cls.__name__} must have a field `name: str = ...` that names it"
            )
        if name in self._classes and not _same_class(self._classes[name], cls):
            raise RegistrationError(
                f"{self.kind} {name!r} must be the name of one class; it is registered twice: "
                f"{_place_of(self._classes[name])} and {_place_of(cls)}"
            )
        entry = cast(type[T], cls)
        try:
            self.check(entry)
        except InputError:
            raise
        except TypeError as error:
            raise RegistrationError(str(error)) from error
        self._classes[name] = entry
        return cls

    def check(self, cls: type[T]) -> None:
        """Raise ``TypeError`` unless a class can serve as one of the kind."""
        lacking = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
        if lacking or not issubclass(cls, self.base):
            told = f" and define {lacking}" if lacking else ""
            raise TypeError(f"{self.kind} {cls.__name__} must extend {self.base.__name__}{told}")
        check_documented(cls, self.kind)
        if self._check:
            self._check(cls)

    @contextmanager
    def lent(self, name: str, cls: type[Any]) -> Iterator[None]:
        """Let a name stand for a class for a while, as it is."""
        before = self._classes
        self._classes = {**before, name: cls}
        try:
            yield
        finally:
            self._classes = before

    def __getitem__(self, name: str) -> type[T]:
        """Return the class registered as `name`; an ``InputError`` names the known ones."""
        if name not in self._classes:
            raise InputError(f"{self.kind} must be one of {', '.join(self)}; got {name!r}")
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, sorted."""
        return iter(sorted(self._classes))

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def build(self, spec: "str | Mapping[str, Any]") -> T:
        """Return an instance from a name, or from a mapping of field values that holds ``name``."""
        fields = {"name": spec} if isinstance(spec, str) else dict(spec)
        if strange := [key for key in fields if not isinstance(key, str)]:
            raise InputError(f"fields of a {self.kind} must have names; got {strange[0]!r}")
        if "name" not in fields:
            raise InputError(f"{self.kind} must be given by its name, one of {', '.join(self)}; got {spec!r}")
        return self[str(fields["name"])](**fields)


def _same_class(known: type[Any], cls: type[Any]) -> bool:
    """Return whether a class is another one made anew, by executing the code of its module again."""
    return _place_of(known) == _place_of(cls) and "<locals>" not in cls.__qualname__


def _place_of(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def check_documented(cls: type[Any], kind: str) -> None:
    """Raise ``TypeError`` unless a class has a docstring of its own, the beginning of which lists show.

    The signature that a dataclass has for want of one is none. Under ``python -OO`` no class has any.
    """
    told = (vars(cls).get("__doc__") or "").strip()
    if sys.flags.optimize < 2 and (not told or told.startswith(f"{cls.__name__}(")):
        raise TypeError(f"{kind} {cls.__name__} must have a docstring: its beginning is what lists show")


def import_submodules(package: str, path: list[str]) -> None:
    """Import every module of a package and of its rooms, so that all of their classes register."""
    for module in pkgutil.walk_packages(path, f"{package}."):
        importlib.import_module(module.name)
