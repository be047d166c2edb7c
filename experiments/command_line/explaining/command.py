"""``parabourse explain``: what a key means, what it takes, and what it is when nothing is typed."""

import difflib
import inspect
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.command_line.explaining.keys import Key, keys_of
from experiments.command_line.explaining.records import print_records, recorded_words
from experiments.command_line.listing import own_groups, preset_line, registries
from experiments.command_line.sentences import UserError
from experiments.configuration.choices import choices_of
from experiments.configuration.composition import compose_config, set_up_hydra
from experiments.configuration.config_folder import choice_files
from experiments.configuration.plugins import named as plugins
from experiments.figures import FIGURES, Plan
from experiments.figures.sweeps import SWEEP_FIGURES
from experiments.figures.sweeps.plan import SweepPlan
from experiments.findings.summary import METRICS
from experiments.reports.printed import wide_console
from experiments.studies.cross.composition import compose_cross
from experiments.studies.reproduction.composition import compose_experiment
from experiments.studies.textbook import TEXTBOOK
from experiments.studies.textbook.application import compose_preset, set_up_textbook


def _of_run() -> Any:
    set_up_hydra()
    return compose_config([])


def _of_preset(name: str) -> Callable[[], Any]:
    def compose() -> Any:
        set_up_textbook()
        return compose_preset(name, [])

    return compose


COMMANDS: dict[str, Callable[[], Any]] = {
    "run": _of_run,
    "cross": lambda: compose_cross([])[0],
    "reproduce": lambda: compose_experiment("two_organisations", []).config,
    **{f"textbook {name}": _of_preset(name) for name in TEXTBOOK},
}
"""The commands that take keys, each with what composes its configuration when nothing is typed."""


def keys_of_command(command: str) -> list[Key]:
    """Return the keys of a command of `COMMANDS`, composed once; not to be changed."""
    return _keys_of_command(command, tuple(plugins()))


@cache
def _keys_of_command(command: str, own: tuple[str, ...]) -> list[Key]:  # noqa: ARG001 - own classes have keys
    return keys_of(COMMANDS[command]())


def words() -> dict[str, str]:
    """Return figures, presets and metrics, and what each is; of two with one name, the latter."""
    figures: dict[str, Plan | SweepPlan] = {**FIGURES, **SWEEP_FIGURES}
    groups = {"experiment": "a preset", **dict.fromkeys(own_groups(), "a choice")}
    files = [(group, path) for group in groups for path in choice_files(group)]
    return (
        {name: f"a figure. {plan.title}. {plan.caption}" for name, plan in figures.items()}
        | {path.stem: f"{groups[group]}, {group}={path.stem}. {preset_line(path)}" for group, path in files}
        | {name: f"a metric of summaries and sweeps: {meaning}" for name, meaning in METRICS.items()}
    )


def explain(asked: str, command: str | None = None) -> None:
    """Print what a key, a group or a component means.

    Parameters
    ----------
    asked : str
        A key (``broker.alignment``), its last part (``alignment``), a group (``broker``), a component
        (``mcafee``), a metric, figure or preset, a table or column of the records (``records`` for all of
        them), or '' for all keys.
    command : str, optional
        Whose key; by default ``run``, and the others where run has no such key.

    Raises
    ------
    UserError
        If there is no such command, key or component; the nearest are named.
    """
    if command is not None and command not in COMMANDS:
        raise UserError(f"--of must be one of {', '.join(COMMANDS)}; got {command!r}")
    console, path = wide_console(), asked.split("=")[0].strip().strip(".").lstrip("+~").lower()
    recorded = command is None and path in recorded_words()
    # Keys share names with columns and components: whoever asks for one is told of both.
    commands = [command] if command else ["run"] if recorded else list(COMMANDS)
    named = command is None and _print_word(console, path)
    if named:
        commands = ["run"]
    if _print_keys(console, path, commands) or named or recorded or _print_word(console, path):
        if recorded:
            print_records(console, path)
        return
    known = [part for name in commands for key in keys_of_command(name) for part in _names(key)]
    known += [
        *words(),
        *(entry for registry in registries().values() for entry in registry),
        *recorded_words(),
    ]
    near = difflib.get_close_matches(path, sorted(set(known)), n=3, cutoff=0.7)
    hint = f"; the nearest are {', '.join(near)}" if near else ""
    raise UserError(
        f"KEY must be a key that `parabourse explain` lists, a component, metric, figure, preset, or a table "
        f"or column of the records; got {asked!r}{hint}"
    )


def _names(key: Key) -> tuple[str, str]:
    return key.path, key.path.split(".")[-1]


def matching(keys: list[Key], path: str) -> list[Key]:
    """Return the keys that a path names: itself and what lies below it, or else those that end in it."""
    below = [key for key in keys if f"{key.path}.".startswith(f"{path}.")] if path else keys
    return below or [key for key in keys if key.path.endswith(f".{path}")]


def _print_keys(console: Console, path: str, commands: list[str]) -> bool:
    """Print the keys that a path names, of the first command that has any; return whether one has."""
    for command in commands:
        found = matching(keys_of_command(command), path)
        if found:
            _print(console, command, path, found)
            return True
    return False


def _print(console: Console, command: str, path: str, found: list[Key]) -> None:
    if len({key.path for key in found}) == 1:
        for key in _merged(found):
            _print_key(console, command, key)
        return
    head = [key for key in found if key.path == path]
    for key in head:
        _print_key(console, command, key)
    table = Table("key", "of", "takes", "default", box=None, padding=(0, 2, 0, 0))
    for column in table.columns:
        column.overflow = "fold"
    for key in _merged(key for key in found if key not in head):
        table.add_row(key.path, escape(key.owner), escape(key.kind), escape(key.default))
    console.print(table)
    told = f"parabourse explain KEY tells what one means; these are keys of parabourse {command}"
    console.print(told, soft_wrap=True, highlight=False)


def _print_key(console: Console, command: str, key: Key) -> None:
    owner = f"  of {key.owner}" if key.owner else ""
    title = f"[bold]{key.path}[/bold]{escape(owner)}  (parabourse {command})"
    console.print(title, soft_wrap=True, highlight=False)
    console.print(escape(key.meaning), soft_wrap=True)
    console.print(f"takes:   {escape(key.kind)}", soft_wrap=True, highlight=False)
    if key.default:
        console.print(f"default: {escape(key.default)}", soft_wrap=True, highlight=False)
    if choices := choices_of(key.path.split(".")[-1]):
        console.print(f"choices: {', '.join(choices)}", soft_wrap=True, highlight=False)
    console.print()


def _merged(keys: Any) -> list[Key]:
    """Return keys with those that several components share, word for word, in one."""
    owners: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for key in keys:
        owners[key.path, key.kind, key.default, key.meaning].append(key.owner)
    return [
        Key(path, ", ".join(filter(None, dict.fromkeys(own))), kind, default, meaning)
        for (path, kind, default, meaning), own in owners.items()
    ]


def _print_word(console: Console, word: str) -> bool:
    """Print what a component, metric, figure or preset is; return whether the word is one."""
    found = [(kind, registry[word]) for kind, registry in registries().items() if word in registry]
    for kind, cls in found:
        console.print(f"[bold]{word}[/bold]: {kind}\n", highlight=False)
        console.print(escape(inspect.getdoc(cls) or ""), soft_wrap=True, highlight=False)
    known = words()
    if word in known and not found:
        console.print(f"[bold]{word}[/bold]: {escape(known[word])}", soft_wrap=True, highlight=False)
    return bool(found) or word in known
