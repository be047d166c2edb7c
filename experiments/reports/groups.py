"""The groups of a population in words.

Core Objects: told_groups
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from sim.config.population import PopulationConfig


def told_groups(population: PopulationConfig) -> dict[str, str]:
    """Return what each group has of its own, by its name: ``2 organisations: cash 2, leave 9``."""
    found = {}
    for name, group in population.groups.items():
        own = ", ".join(_own(group, left_out=("count",)))
        number = f"{group.count} organisation{'s' * (group.count > 1)}"
        found[name] = f"{number}: {own}" if own else number
    return found


def _own(part: Any, left_out: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the fields of a part of a configuration that are not at their defaults, with their values."""
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        usual = field.default if field.default is not dataclasses.MISSING else None
        if field.name in left_out or value == usual:
            continue
        if dataclasses.is_dataclass(value) and not hasattr(value, "name"):
            yield from _own(value)
        else:
            yield f"{field.name} {_shown(value)}"


def _shown(value: Any) -> str:
    """Return a value as it could be read: a component by its name and its own fields."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, Mapping):
        fields = ", ".join(f"{key} {_shown(own)}" for key, own in value.items() if key != "name")
        return f"{value.get('name', '')} ({fields})" if fields else str(value.get("name", ""))
    return str(getattr(value, "name", value))
