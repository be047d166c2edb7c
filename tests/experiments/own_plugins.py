"""A user's own folder, with the files that docs/plugins.md shows and the README's examples in one module."""

import re
import sys
from pathlib import Path

import pytest

from agents.strategies import STRATEGIES
from experiments.configuration import plugins
from experiments.figures import FIGURES
from experiments.figures.sweeps import SWEEP_FIGURES
from markets import user_code
from markets.choices import CHOICES

FOLDER = Path(__file__).parents[2]
FILES = dict(
    re.findall(
        r"^`([\w./]+)`:\n\n```\w+\n(.*?)```",
        (FOLDER / "docs" / "plugins.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)
EXAMPLES = [
    text
    for text in re.findall(r"```python\n(.*?)```", (FOLDER / "README.md").read_text("utf-8"), re.DOTALL)
    if ".register" in text
]


@pytest.fixture
def plugin_folder(tmp_path, monkeypatch):
    """Type commands in the folder; what they register is gone afterwards."""
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["parabourse"])
    with as_before():
        yield tmp_path


@pytest.fixture
def nets_folder(tmp_path, monkeypatch):
    """Type commands in a folder with a file of networks, which need not be executed."""
    (tmp_path / "nets.py").write_text("def make(shape, answers):\n    raise NotImplementedError\n")
    monkeypatch.chdir(tmp_path)
    with as_before():
        yield tmp_path


def write(folder):
    """Write the files of the folder."""
    for name, text in (FILES | {"my_lab/__init__.py": "", "my_lab/rules.py": "".join(EXAMPLES)}).items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


def registries():
    """Return every registry with the classes that it has now."""
    every = [STRATEGIES, *(choice.registry for choice in CHOICES.values())]
    return [(registry, dict(registry._classes)) for registry in every]


class as_before:  # noqa: N801 - used like a function
    """Take out of this process what is imported in the block."""

    def __enter__(self):
        self.classes = registries()
        self.copies = [(known, known.copy()) for known in (FIGURES, SWEEP_FIGURES, plugins._IMPORTED)]
        self.copies += [(user_code._BY_FILE, user_code._BY_FILE.copy())]
        self.modules, self.path = set(sys.modules), sys.path.copy()

    def __exit__(self, *_):
        for registry, classes in self.classes:
            registry._classes = classes
        for known, before in self.copies:
            known.clear()
            known.update(before)
        for name in set(sys.modules) - self.modules:
            if name.startswith(("my_lab", "user_code_")):
                del sys.modules[name]
        sys.path[:] = self.path
        plugins.begin([])
