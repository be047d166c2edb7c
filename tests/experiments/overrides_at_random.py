"""Lists of overrides as a careless or hostile hand might type them: real keys and groups, nasty values."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from unittest import mock

from omegaconf import DictConfig, OmegaConf

from experiments.command_line import application
from experiments.command_line.cli import main
from experiments.configuration.choices import CONF, choices_of
from experiments.configuration.composing import composed, composing
from experiments.configuration.composition import set_up_hydra
from experiments.sweeping import command
from markets.choices import CHOICES

PLAYED = "all was well until something would have been played"

VALUES = [
    *[
        "0",
        "1",
        "2",
        "3",
        "-1",
        "0.5",
        "1e-300",
        "1e300",
        "-0.0",
        "inf",
        "-inf",
        "nan",
        "99999999999999999999",
        "2.0",
        "a",
        "a/b",
        "../x",
        "/",
        "läufe",
        "true",
        "null",
    ],
    *[
        "''",
        "'\\0'",
        "'null'",
        "'{'",
        "'${'",
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "[inf,1]",
        "[1,2]",
        "[a]",
        "{a:1}",
        "{1:2}",
        "{a:{b:[]}}",
        "[[[[[1]]]]]",
    ],
    *[
        "${seed}",
        "${nope}",
        "${oc.env:HOME}",
        "${now:%Y}",
        "${rounds}",
        "${data}",
        "${.}",
        "${unique:}",
        "${${a}}",
    ],
    *[
        "0,1",
        "a,b",
        "range(0,3)",
        "range(3)",
        "range(0,1e9)",
        "choice(a,b)",
        "interval(0,1)",
        "glob(*)",
        "sort(3,1)",
        "shuffle(1,2)",
    ],
    *("' '", "'a b'", "'a\0b'", "x" * 300),
]
SYNTAX = [
    "=",
    "a",
    "=1",
    "a=",
    "~",
    "~a",
    "~seed",
    "+",
    "++",
    "a==b",
    "a=b=c",
    "@=1",
    "data@x=digits",
    "a.=1",
    ".a=1",
    "['",
]


def lists_of_overrides(count: int, seed: int) -> Iterator[list[str]]:
    """Yield so many lists of arguments of ``parabourse run``, some of them sweeps."""
    random = Random(seed)
    keys, hydras, groups = _names()
    for _ in range(count):
        typed = [_override(random, keys, hydras, groups) for _ in range(random.choice([1, 1, 1, 2, 3]))]
        yield ["-m", *typed] if random.random() < 0.25 else typed


def try_arguments(arguments: list[str], folder: Path, told: Path) -> None:
    """Answer arguments in a folder and end this process with the exit code; what would be played is not.

    What is printed goes into the file `told`.
    """
    os.chdir(folder)
    with told.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["parabourse", *arguments]
    with mock.patch.object(application, "start", _play), mock.patch.object(command, "launch", _play):
        sys.exit(main(arguments))


def _play(*_: object) -> None:
    print(PLAYED)
    sys.exit(0)


def _override(random: Random, keys: list[str], hydras: list[str], groups: dict[str, list[str]]) -> str:
    kind = random.random()
    if kind < 0.05:
        return random.choice(SYNTAX)
    plus = random.choice(["", "", "", "", "+", "++"])
    if kind < 0.3:
        group = random.choice(list(groups))
        return f"{plus}{group}={random.choice(groups[group] + random.sample(VALUES, 3))}"
    if kind < 0.4:
        return f"~{random.choice(keys + hydras)}"
    key = random.choice(keys if kind < 0.8 else hydras)
    return f"{plus}{key}={random.choice(VALUES)}"


def _names() -> tuple[list[str], list[str], dict[str, list[str]]]:
    """Return the keys of a run, those of Hydra, and the groups with their choices."""
    set_up_hydra()
    with composing():
        whole = composed("config", [])
    paths = list(_paths(whole))
    names = [folder.parent.name for folder in CONF.glob("*/__init__.py")]
    chosen = [choice.group for choice in CHOICES.values()]
    groups = {name: found for name in sorted({*names, *chosen, "venue"}) if (found := choices_of(name))}
    groups |= {"hydra/launcher": ["basic", "joblib"], "hydra/job_logging": ["none", "colorlog"], "hydra": []}
    own = [path for path in paths if not path.startswith("hydra")]
    return own, [path for path in paths if path.startswith("hydra")], groups


def _paths(node: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in node:
        yield f"{prefix}{key}"
        child = node._get_node(key)
        if OmegaConf.is_dict(child) and not child._is_missing() and not child._is_none():
            yield from _paths(child, f"{prefix}{key}.")
