"""What a shell offers after ``parabourse run``: groups, their choices, and keys.

Nothing is executed for it: choices are read off names of files and the text of sources, plug-ins included.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import conf

OF_OTHER_COMMANDS = ("costs", "merge_weight", "reproduction", "scale", "textbook", "values")
CONF = Path(conf.__file__).parent
REGISTERED = {
    "data": ("DATASETS", "sim/data/datasets"),
    "learning": ("OPTIMISERS", "agents/learning/training"),
    "mechanism": ("MECHANISMS", "markets/mechanisms"),
    "merge_operator": ("MERGE_OPERATORS", "agents/learning/operators"),
    "network": ("NETWORKS", "agents/learning/networks"),
    "population": ("STRATEGIES", "agents/strategies"),
    "setting": ("SETTINGS", "sim/settings"),
}
"""The registry of the classes that are choices of a group without a file, and where ours are."""
CLASS = re.compile(
    r'^@(?:\w+\.)*([A-Z_]+)\.register\n@\S*dataclass.*\nclass (?:.*\n)*?    name: str = "(\w+)"', re.MULTILINE
)


def candidates(prefix: str, parsed_args: Any = None, **_: Any) -> list[str]:
    """Return the overrides that begin with what was typed; takes whatever else argcomplete tells.

    Groups and their choices are read off files, and come at once. Keys need the classes that hold them, hence
    torch: seconds, so that they are offered only once a dot was typed or no group begins as typed.
    """
    typed = list(getattr(parsed_args, "overrides", None) or ())
    own, sources = getattr(parsed_args, "config_dir", None), [*_sources(typed)]
    key, is_value, _value = prefix.partition("=")
    if key == "plugins" and is_value:
        return [
            choice
            for file in sorted(Path().glob("*.py"))
            if (choice := f"plugins=[./{file}]").startswith(prefix)
        ]
    if is_value:
        return [one for name in choices(key, own, sources) if (one := f"{key}={name}").startswith(prefix)]
    groups = {file.parent.name for file in CONF.glob("*/__init__.py")} | {*REGISTERED, "venue"}
    groups |= {file.parent.name for file in own.glob("*/*.yaml")} if own else set()
    groups = groups.difference(OF_OTHER_COMMANDS)
    found = [f"{group}=" for group in sorted(groups) if group.startswith(prefix)]
    return found or _keys(prefix)


def choices(group: str, own: Path | None = None, sources: Iterable[Path] = ()) -> list[str]:
    """Return what can be chosen in a group of ``run``: its files, and what is registered, by its source.

    Parameters
    ----------
    group : str
        The group.
    own : Path, optional
        A folder with further files.
    sources : iterable of Path
        Files of plug-ins.
    """
    found = {file.stem for folder in (CONF, own) if folder for file in (folder / group).glob("*.yaml")}
    if group == "venue":
        from markets.orders.venues import VENUES

        return sorted({"auto", *VENUES})
    if group in REGISTERED:
        registry, folder = REGISTERED[group]
        for file in (*(CONF.parent / folder).rglob("*.py"), *sources):
            text = file.read_text(encoding="utf-8", errors="replace")
            found.update(name for known, name in CLASS.findall(text) if known == registry)
    return sorted(found)


def _sources(typed: Iterable[str]) -> Iterator[Path]:
    """Yield the files of the plug-ins that were typed."""
    for argument in typed:
        key, _, listed = argument.partition("=")
        for spec in listed.strip("[]\"'").split(",") if key.lstrip("+") == "plugins" else ():
            inner = spec.replace(".", "/")
            yield from filter(Path.is_file, map(Path, (spec, f"{inner}.py", f"{inner}/__init__.py")))


def _keys(prefix: str) -> list[str]:
    from experiments.command_line.explaining.command import keys_of_command

    return sorted({f"{key.path}=" for key in keys_of_command("run") if key.path.startswith(prefix)})
