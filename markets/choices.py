"""Fields of a configuration that choose a class of a registry.

Core Objects: Choice, CHOICES, choice_of, field_refusal
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from markets.refusals import InputError
from markets.registry import Registry

CHOICES: "dict[str, Choice]" = {}
"""Every choice by its key."""


@dataclass(frozen=True)
class Choice:
    """What a field takes that chooses a class: its name, or a mapping of its fields that holds the name.

    It annotates the field, ``rule: Annotated[Any, RULE] = "iid"``, and builds the object from its value.

    Attributes
    ----------
    key : str
        The field as it is typed: ``data.endowment``.
    registry : Registry
        The classes.
    besides : str
        What else the field takes, in words; '' if nothing.
    """

    key: str
    registry: Registry[Any]
    besides: str = ""

    def __post_init__(self) -> None:
        CHOICES[self.key] = self

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return a schema that refuses what chooses nothing."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    @property
    def told(self) -> str:
        """What the field takes, in words."""
        return ", ".join(["one of " + ", ".join(self.registry), *filter(None, [self.besides])])

    def name_of(self, value: Any) -> str:
        """Return the name that a value holds."""
        return str(value["name"] if isinstance(value, Mapping) else value)

    def build(self, value: Any, shared: Mapping[str, Any] | None = None) -> Any:
        """Return an instance of the chosen class.

        Parameters
        ----------
        value : str or mapping
            The name, or a mapping of fields that holds it.
        shared : mapping, optional
            Values of those fields that the class has and the mapping leaves out.

        Raises
        ------
        InputError
            If a field is not allowed.
        """
        fields = dict(value) if isinstance(value, Mapping) else {"name": value}
        cls: Any = self.registry[fields["name"]]
        own = [field.name for field in dataclasses.fields(cls)]
        given = {name: told for name, told in (shared or {}).items() if name in own}
        try:
            return cls(**given | fields)
        except ValidationError as error:
            raise field_refusal(self.key, f"{self.registry.kind} {fields['name']}", own, error) from error

    def _checked(self, value: Any) -> Any:
        name = value.get("name") if isinstance(value, Mapping) else value
        if not (isinstance(name, str) and (name in self.registry or (self.besides and name == value != ""))):
            raise InputError(f"{self.key} must be {self.told}; got {name!r}")
        return name if isinstance(value, Mapping) and len(value) == 1 else value


def choice_of(key: str) -> Choice | None:
    """Return the choice whose class has a key as its own field, as ``data.endowment.alpha``; or None."""
    return next((choice for own, choice in CHOICES.items() if key.startswith(f"{own}.")), None)


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
