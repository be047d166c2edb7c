"""Fields of a configuration that choose a class of a registry.

Core Objects: Choice, CHOICES, choice_of, choice_in, names_in, built, LATER, is_unset
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from markets.refusals import InputError
from markets.registry import Registry

CHOICES: "dict[str, Choice]" = {}
"""Every choice by its key."""
LATER: Mapping[str, bool] = {"later": True}
"""Metadata of a field that a configuration has got later.

At its default it says what was understood before there was the field, so that it is no part of what names a
piece of work: what has been played stays played.
"""


@dataclass(frozen=True)
class Choice:
    """What a field takes that chooses a class: its name, a mapping of its fields with the name, or an object.

    It annotates the field, ``rule: Annotated[Any, RULE] = "iid"``, which then holds the object. Where the
    class `shares` fields with those around it, the field holds what was given, and whoever knows these fields
    builds the object.

    Attributes
    ----------
    key : str
        The field as it is typed: ``data.endowment``.
    registry : Registry
        The classes.
    besides : str
        What else the field takes, in words; '' if nothing.
    shares : bool
        Whether fields of a class that are not given have the values of others of its configuration.
    group : str
        The group of the command line whose choices are the classes; '' if names are values of the key.
    """

    key: str
    registry: Registry[Any]
    besides: str = ""
    shares: bool = False
    group: str = ""

    def __post_init__(self) -> None:
        CHOICES[self.key] = self

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return a schema that refuses what chooses nothing, and builds the object."""
        known = self._known if self.shares else self.build
        return core_schema.no_info_after_validator_function(known, handler(source))

    @property
    def told(self) -> str:
        """What the field takes, in words."""
        return ", ".join(["one of " + ", ".join(self.registry), *filter(None, [self.besides])])

    def name_of(self, value: Any) -> str:
        """Return the name that a value holds."""
        return str(value["name"] if isinstance(value, Mapping) else getattr(value, "name", value))

    def build(self, value: Any, shared: Mapping[str, Any] | None = None) -> Any:
        """Return an instance of the chosen class; an object is one already.

        Parameters
        ----------
        value : str, mapping or object
            The name, or a mapping of fields that holds it.
        shared : mapping, optional
            Values of those fields that the class has and the mapping leaves out.

        Raises
        ------
        InputError
            If nothing is chosen, or a shared field is not allowed.
        pydantic.ValidationError
            If a field is not allowed where none are shared.
        """
        if isinstance(value, self.registry.base):
            return value
        known = self._known(value)
        fields = dict(known) if isinstance(known, Mapping) else {"name": known}
        if shared is None:
            return self.registry.build(fields)
        own = self.registry[fields["name"]].__dataclass_fields__
        return built(self.key, self.registry, {name: shared[name] for name in own if name in shared} | fields)

    def _known(self, value: Any) -> Any:
        """Return a value that chooses something; a mapping that holds nothing but the name as the name."""
        if isinstance(value, self.registry.base):
            return value
        name = value.get("name") if isinstance(value, Mapping) else value
        if not (isinstance(name, str) and (name in self.registry or (self.besides and name == value != ""))):
            raise InputError(f"{self.key} must be {self.told}; got {name!r}")
        return name if isinstance(value, Mapping) and len(value) == 1 else value


def is_unset(field: dataclasses.Field[Any], value: Any) -> bool:
    """Return whether a value of a field says no more than that the field was once not there."""
    if not field.metadata.get("later"):
        return False
    made = field.default_factory
    return bool(value == (field.default if made is dataclasses.MISSING else made()))


def choice_of(key: str) -> Choice | None:
    """Return the choice whose class has a key as its own field, as ``data.endowment.alpha``; or None.

    Fields of classes that are choices of a group are keys like any other.
    """
    choices = (choice for choice in CHOICES.values() if not choice.group)
    return next((choice for choice in choices if key.startswith(f"{choice.key}.")), None)


def choice_in(annotation: Any) -> Choice | None:
    """Return the choice that annotates a field; or None."""
    return next((one for one in get_args(annotation) if isinstance(one, Choice)), None)


def names_in(
    key: str, value: list[str], registry: Registry[Any], every: Iterable[str] | None = None
) -> list[str]:
    """Return the names that a list holds, each once; ``[all]`` stands for `every`, if there is one.

    Raises
    ------
    InputError
        If a name is unknown, or there is none.
    """
    names = list(dict.fromkeys(every if every and value == ["all"] else value))
    unknown = [repr(name) for name in names if name not in registry] if names else ["none"]
    if unknown:
        told = f"{'[all] or ' if every else ''}among {', '.join(registry)}"
        raise InputError(f"{key} must be {told}; got {unknown[0]}")
    return names


def built(key: str, registry: Registry[Any], fields: Mapping[str, Any]) -> Any:
    """Return an instance of a class of a registry from its fields, which were given as ``KEY.FIELD``.

    Raises
    ------
    InputError
        If a field is not allowed.
    """
    try:
        return registry.build(fields)
    except ValidationError as error:
        first, cls = error.errors()[0], registry[fields["name"]]
        if (cause := first.get("ctx", {}).get("error")) is not None:
            raise InputError(f"{key}: {cause}") from error
        path = ".".join([key, *(str(part) for part in first["loc"])])
        names = ", ".join(name for name in cls.__dataclass_fields__ if name != "name")
        raise InputError(
            f"{path} must be allowed by {registry.kind} {fields['name']}, whose fields are "
            f"{names or 'none'}: {first['msg'].lower()}; got {first['input']!r}"
        ) from error
