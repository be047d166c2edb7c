"""Fields of a configuration that choose a class of a registry.

Core Objects: Choice, CHOICES, choice_of, choice_in, field_refusal
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
        cls: Any = self.registry[fields["name"]]
        own = [field.name for field in dataclasses.fields(cls)]
        given = {name: told for name, told in shared.items() if name in own}
        try:
            return cls(**given | fields)
        except ValidationError as error:
            raise field_refusal(self.key, f"{self.registry.kind} {fields['name']}", own, error) from error

    def _known(self, value: Any) -> Any:
        """Return a value that chooses something; a mapping that holds nothing but the name as the name."""
        if isinstance(value, self.registry.base):
            return value
        name = value.get("name") if isinstance(value, Mapping) else value
        if not (isinstance(name, str) and (name in self.registry or (self.besides and name == value != ""))):
            raise InputError(f"{self.key} must be {self.told}; got {name!r}")
        return name if isinstance(value, Mapping) and len(value) == 1 else value


def choice_of(key: str) -> Choice | None:
    """Return the choice whose class has a key as its own field, as ``data.endowment.alpha``; or None.

    Fields of classes that are choices of a group are keys like any other.
    """
    choices = (choice for choice in CHOICES.values() if not choice.group)
    return next((choice for choice in choices if key.startswith(f"{choice.key}.")), None)


def choice_in(annotation: Any) -> Choice | None:
    """Return the choice that annotates a field; or None."""
    return next((one for one in get_args(annotation) if isinstance(one, Choice)), None)


def field_refusal(key: str, kind: str, known: Iterable[str], error: ValidationError) -> InputError:
    """Return the refusal of a field of a component: the key that it was given as, and what there is."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if cause is not None:
        return InputError(f"{key}: {cause}")
    path = ".".join([key, *(str(part) for part in first["loc"])])
    names = ", ".join(name for name in known if name != "name")
    return InputError(
        f"{path} must be allowed by {kind}, whose fields are {names or 'none'}: {first['msg'].lower()}; "
        f"got {first['input']!r}"
    )
