"""What a shell offers after ``parabourse run``: groups, their choices, and keys."""

import re
from pathlib import Path
from typing import Any

import conf

OF_OTHER_COMMANDS = ("costs", "merge_weight", "reproduction", "scale", "textbook", "values")
CONF = Path(conf.__file__).parent
REGISTERED = {
    "data": "sim/data/datasets",
    "learning": "agents/learning/training",
    "mechanism": "markets/mechanisms",
    "merge_operator": "agents/learning/operators",
    "network": "agents/learning/networks",
    "population": "agents/strategies",
    "setting": "sim/settings",
}
"""Where the classes are that are choices of a group without a file."""
CLASS = re.compile(
    r'^@[A-Z_]+\.register\n@dataclass.*\nclass (?:.*\n)*?    name: str = "(\w+)"', re.MULTILINE
)


def candidates(prefix: str, **_: Any) -> list[str]:
    """Return the overrides that begin with what was typed; takes whatever else argcomplete tells.

    Groups and their choices are read off files, and come at once. Keys need the classes that hold them, hence
    torch: seconds, so that they are offered only once a dot was typed or no group begins as typed.
    """
    if "=" in prefix:
        group = prefix.split("=")[0]
        return [choice for name in choices(group) if (choice := f"{group}={name}").startswith(prefix)]
    groups = {file.parent.name for file in CONF.glob("*/__init__.py")} | {*REGISTERED, "venue"}
    groups = groups.difference(OF_OTHER_COMMANDS)
    found = [f"{group}=" for group in sorted(groups) if group.startswith(prefix)]
    return found or _keys(prefix)


def choices(group: str) -> list[str]:
    """Return what can be chosen in a group of ``run``: its files, and what is registered, by its source."""
    found = {file.stem for file in (CONF / group).glob("*.yaml")}
    if group == "venue":
        from markets.orders.venues import VENUES

        return sorted({"auto", *VENUES})
    if group in REGISTERED:
        for file in (CONF.parent / REGISTERED[group]).rglob("*.py"):
            found.update(CLASS.findall(file.read_text(encoding="utf-8")))
    return sorted(found)


def _keys(prefix: str) -> list[str]:
    from experiments.command_line.explaining.command import keys_of_command

    return sorted({f"{key.path}=" for key in keys_of_command("run") if key.path.startswith(prefix)})
