"""Every shell line of every document is what a shell makes of it, and what the command line takes."""

import os
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

import conf
from agents.strategies import STRATEGIES
from experiments.command_line.explaining.command import explain, words
from experiments.configuration import plugins
from experiments.configuration.arguments import make_parser
from experiments.configuration.composing import composing
from experiments.configuration.composition import expand, parse_cells, set_up_hydra
from experiments.figures import FIGURES
from experiments.figures.sweeps import SWEEP_FIGURES
from experiments.findings.summary import METRICS
from experiments.studies.cross.composition import compose_cross
from experiments.studies.reproduction.composition import compose_experiment
from experiments.studies.textbook.application import compose_preset, set_up_textbook
from tests.experiments.own_plugins import nets_folder, plugin_folder  # noqa: F401 - fixtures

FOLDER = Path(__file__).parents[1]
PAGES = sorted(
    page for page in [FOLDER / "README.md", *FOLDER.glob("docs/**/*.md"), *FOLDER.glob("experiments/**/*.md")]
)
PROGRAMS = ("parabourse", "make", "pip", "pytest", "register-python-argcomplete")
STUB = """#!/bin/sh
{ printf '%s\\037' "${0##*/}" "$@"; echo; } >> "$HEARD"
"""
PLACEHOLDER = re.compile(r"[\[A-Z_\]]+")

pytestmark = pytest.mark.xdist_group("explaining")


def shell_lines(page):
    """Return the lines of a page that are for a shell: indented ones, and code in running text."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"```python\n.*?```", "", text, flags=re.DOTALL)
    begin = rf"(?:\.venv/bin/)?(?:{'|'.join(PROGRAMS)}|eval) "
    indented = re.findall(rf"^    ({begin}.*|(?:{'|'.join(PROGRAMS)}))$", text, re.MULTILINE)
    inline = re.findall(rf"`({begin}[^`]*)`", re.sub(r"^    .*$", "", text, flags=re.MULTILINE))
    # In running text a command without arguments is a name: there is nothing to type.
    lines = [*indented, *(" ".join(one.split()) for one in inline if len(one.split()) > 2)]
    return [line for line in lines if "..." not in line and "fish" not in line]


def write_data(page):
    """Make the files that a page makes: its last block writes data, one before it is ``nets.py``."""
    *nets, block = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for net in nets:
        Path("nets.py").write_text(net, encoding="utf-8")
    exec(compile(block, page.name, "exec"), {})


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """What each program was given when bash ran every line, by page."""
    folder = tmp_path_factory.mktemp("shell")
    programs = [folder / "bin" / name for name in PROGRAMS] + [folder / ".venv" / "bin" / "pytest"]
    for program in programs:
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(STUB)
        program.chmod(0o755)
    found = {}
    for page in PAGES:
        log, lines = folder / "heard", shell_lines(page)
        log.write_text("")
        told = subprocess.run(
            ["bash", "-eu", "-c", "\n".join(lines)],
            cwd=folder,
            env={"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HEARD": str(log), "SHELL": "/bin/bash"},
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0, (page, told.stderr)
        found[page] = [line.split("\037")[:-1] for line in log.read_text().splitlines()]
        assert len(found[page]) == len(lines), (page, lines, found[page])
    return found


def test_there_is_something_to_run(heard):
    assert len(heard[FOLDER / "README.md"]) > 30
    assert sum(len(given) for given in heard.values()) > 100


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(FOLDER)))
def test_the_command_line_takes_every_line(heard, page, capsys, request):
    names: dict = {}
    if page.name == "plugins.md":
        request.getfixturevalue("plugin_folder")
    if page.name == "language.md":
        request.getfixturevalue("nets_folder")
    if page.name in ("data.md", "models.md"):
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
        write_data(page)
    if page.name == "README.md" and page.parent == FOLDER:
        block = re.search(
            r"```python\n([^`]*class Frugal.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        )
        exec(compile(block[1], page.name, "exec"), names)
    try:
        for program, *given in heard[page]:
            check(program, tuple(given))
    finally:
        STRATEGIES._classes.pop("frugal", None)


@cache
def check(program, given):
    """Raise unless a program takes what it is given; pages that repeat a line do not compose it again."""
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (FOLDER / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert set(given) <= set(targets)
    elif program == "pip":
        extras = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for extra in re.findall(r"\[(.*?)\]", " ".join(given)):
            assert set(extra.split(",")) <= set(extras["optional-dependencies"])
    elif program == "parabourse":
        command, rest = make_parser().parse_known_args(plugins.begin(given))
        check_command(command, rest + (plugins.typed() if command.command == "run" else []))


def check_command(command, rest):
    """Raise unless a command can start with these arguments, as far as that can be known without playing."""
    overrides = [argument for argument in rest if "=" in argument]
    if command.command == "run" or getattr(command, "lecture", False):
        assert {argument for argument in rest if "=" not in argument} <= {"-m", "--help"}
        set_up_hydra()
        cells = expand([one for one in overrides if not one.startswith("hydra/launcher=ray")])
        typed = {tuple(one for one in cell if not one.startswith("hydra")) for cell in (cells[0], cells[-1])}
        with composing():
            parse_cells(list(typed))
    elif command.command == "cross":
        compose_cross(overrides)
    elif command.command == "textbook" and command.preset and not PLACEHOLDER.fullmatch(command.preset):
        set_up_textbook()
        compose_preset(command.preset, overrides)
    elif command.command == "reproduce" and command.preset not in ("", "all", "PRESET"):
        files = [f"reproduction/{command.preset}", *(one.replace("=", "/") for one in overrides)]
        if not all((Path(conf.__file__).parent / f"{file}.yaml").is_file() for file in files):
            compose_experiment(command.preset, overrides)
    elif command.command == "explain" and not PLACEHOLDER.fullmatch(command.key):
        if command.key not in words():
            explain(command.key, command.of)
    elif command.command in ("figures", "report"):
        named = [name for name in getattr(command, "names", []) if not PLACEHOLDER.fullmatch(name)]
        assert set(named) <= {*FIGURES, *SWEEP_FIGURES}
        assert set(command.outcome) <= set(METRICS)
