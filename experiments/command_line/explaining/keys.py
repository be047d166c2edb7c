"""Every configuration key with its meaning, kind and default, from the classes that hold them.

Meanings are the parameters of NumPy docstrings, kinds and ranges the JSON schemas that pydantic makes of the
annotations, defaults the values that a command composes when nothing is typed.
"""

import dataclasses
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from docstring_parser import DocstringStyle
from docstring_parser import parse as parse_docstring
from pydantic import InstanceOf

from agents.strategies import STRATEGIES
from experiments.command_line.explaining.kinds import kind_of
from experiments.command_line.listing import first_line
from experiments.configuration.keys import Config
from markets.choices import choice_in
from markets.mechanisms import MECHANISMS
from markets.orders.venues import VENUES
from sim.config.population import GroupConfig
from sim.data.endowments import ENDOWMENTS
from sim.settings import SETTINGS


@dataclass(frozen=True)
class Key:
    """A configuration key.

    Attributes
    ----------
    path : str
        As it is typed: ``broker.alignment``.
    owner : str
        The component that has it, where not all choices of a group do: ``mcafee``; else ''.
    kind : str
        Type and range in words: ``whole number, at least 1``.
    default : str
        What it is when nothing is typed, as it could be typed.
    meaning : str
        What it means; '' if nobody has said so.
    """

    path: str
    owner: str
    kind: str
    default: str
    meaning: str


def _names() -> dict[tuple[str, str], str]:
    """Return what fields take that hold names of registered components: by class and field, in words."""
    return {
        ("PopulationConfig", "mix"): f"mapping to whole numbers from {', '.join(STRATEGIES)}",
        ("PopulationConfig", "groups"): "mapping from names to groups, whose keys follow",
        ("GroupConfig", "strategy"): f"one of {', '.join(STRATEGIES)}, a mapping of its fields, or null",
        ("GroupConfig", "endowment"): f"one of {', '.join(ENDOWMENTS)}, a mapping of its fields, or null",
        ("GroupConfig", "partners"): "everybody, region, or a list of names of groups and edges",
        ("VenueConfig", "name"): f"one of auto, {', '.join(VENUES)}",
        ("Config", "arms"): f"list of {', '.join(SETTINGS)}",
        ("CrossConfig", "mechanisms"): f"list of all, {', '.join(MECHANISMS)}",
        ("CrossConfig", "strategies"): f"list of all, {', '.join(STRATEGIES)}",
        ("CrossConfig", "settings"): f"list of {', '.join(one for one in SETTINGS if SETTINGS[one].trades)}",
    }


def keys_of(configuration: Any) -> list[Key]:
    """Return the keys of a configuration, group by group.

    Parameters
    ----------
    configuration : dataclass instance
        A validated configuration as a command composes it when nothing is typed; its values are the defaults.
    """
    return list(_walk(type(configuration), configuration, "", ""))


@lru_cache
def meaning_of(path: str) -> str:
    """Return what a key of a run means, whichever component has it; '' if there is no such key."""
    return next((key.meaning for key in _walk(Config, None, "", "") if key.path == path), "")


def _walk(cls: type[Any], value: Any, prefix: str, owner: str) -> Iterator[Key]:
    hints, names = typing.get_type_hints(cls, include_extras=True), _names()
    for field in dataclasses.fields(cls):
        path, hint = f"{prefix}{field.name}", hints[field.name]
        if field.name == "name" and (cls.__name__, "name") not in names:
            continue  # which component it is, chosen by its group
        # What an object has learnt is no configuration.
        if any(isinstance(part, InstanceOf) for part in typing.get_args(hint)):  # type: ignore[misc]
            continue
        own = getattr(value, field.name, None) if value is not None else _default(field)
        meaning = _meaning(cls, field.name)
        choice = choice_in(hint)
        if choice is not None:
            yield Key(path, owner, choice.told, _typed(own), meaning)
            shared = [f"{path}.{one.name}" for one in dataclasses.fields(cls) if choice.shares]
            for name in choice.registry:
                chosen = own if getattr(own, "name", "") == name else None
                fields = _walk(choice.registry[name], chosen, f"{path}.", name)
                yield from (key for key in fields if key.path not in shared)
        elif dataclasses.is_dataclass(hint):
            yield Key(path, owner, "keys of its own", "", meaning or first_line(hint.__doc__))
            yield from _walk(typing.cast(type, hint), own, f"{path}.", owner)
        else:
            kind = names.get((cls.__name__, field.name)) or kind_of(hint)
            yield Key(path, owner, kind, _typed(own), meaning)
        if (cls.__name__, field.name) == ("PopulationConfig", "groups"):
            yield from _walk(GroupConfig, None, f"{path}.NAME.", "")
        if (cls.__name__, field.name) == ("PopulationConfig", "parameters"):
            for name in STRATEGIES:
                yield from _walk(STRATEGIES[name], None, f"{path}.{name}.", name)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


def _meaning(cls: type[Any], name: str) -> str:
    """Return what the nearest docstring among those of a class and its bases says of a parameter."""
    return next((told[name] for base in cls.__mro__ if name in (told := _parameters(base))), "")


@lru_cache
def _parameters(cls: type[Any]) -> dict[str, str]:
    documented = parse_docstring(vars(cls).get("__doc__") or "", style=DocstringStyle.NUMPYDOC).params
    return {
        name.strip(): " ".join((parameter.description or "").split())
        for parameter in documented
        for name in parameter.arg_name.split(",")
    }


def _typed(value: Any) -> str:
    """Return a value as it could be typed after a key."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_typed(part) for part in value)}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_typed(part)}" for key, part in value.items()) + "}"
    return str(getattr(value, "name", value))
