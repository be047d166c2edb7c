"""A network of the user's own on the command line: played, told in the records, and named again to go on."""

import json
import re
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from experiments.command_line.cli import main
from sim.records.atomic import filled
from sim.records.run_folder import RunFolder
from tests.experiments.conftest import refused
from tests.experiments.own_plugins import FIGURES, as_before

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
NETS, DATA = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(RUN,) = re.findall(r"^    parabourse (run .*)$", PAGE, re.MULTILINE)
SORTED = """

class Sorted(nn.Module):
    def __init__(self, shape, answers):
        super().__init__()
        self.below = nn.Linear(torch.Size(shape).numel(), 6)
        self.head = nn.Linear(6, answers)

    def forward(self, x):
        return self.head(self.below(x.flatten(1)).cummax(1)[0])
"""
FEW = ["rounds=1", "replicates=1", "organisations=2", "run.figures=false", "data.examples=300"]
FACTORY = "network.factory=./nets.py:make"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "nets.py").write_text(NETS + SORTED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["parabourse"])
    exec(DATA, {})
    with as_before():
        yield tmp_path


def test_a_run_names_the_file_and_goes_on_when_it_is_named_again(folder, capsys):
    assert main([*RUN.split(), *FEW, "learning.local_epochs=1", "hydra.run.dir=run"]) == 0
    digests = {"./nets.py": [sha256(Path("nets.py").read_bytes()).hexdigest()]}
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert (manifest["plugins"], manifest["untraced"]) == (digests, [])
    assert "plugins must name ./nets.py again" in refused(capsys, "resume", Path("run"), "rounds=2")
    other = refused(capsys, "resume", Path("run"), "rounds=2", "network.factory=./nets.py:Sorted")
    assert "changes no other key; got network.factory=./nets.py:Sorted" in other
    assert main(["resume", "run", "rounds=2", FACTORY]) == 0
    Path("else").mkdir()
    Path("nets.py").rename("else/nets.py")
    with as_before():
        assert main(["resume", "run", "rounds=3", "network.factory=else/nets.py:make"]) == 0
    assert json.loads(Path("run/manifest.json").read_text())["plugins"] == digests
    with as_before():
        FIGURES.clear()  # Drawing all of them takes ten seconds.
        assert main(["report", "run"]) == 0


def test_a_folder_from_a_stranger_cannot_choose_the_file(folder, capsys):
    """Nor can one that is called alike and lies elsewhere be meant by what the folder says."""
    assert main([*RUN.split(), *FEW, "learning.local_epochs=1", "hydra.run.dir=run"]) == 0
    run = RunFolder(Path("run"))
    config = Path("run/config.yaml").read_text()
    Path("evil").mkdir()
    Path("evil/nets.py").write_text("raise SystemExit(99)")
    evil = filled(config.replace("./nets.py:make", "evil/nets.py:make"))
    run.change({"config.yaml": evil}, dropped=["plugins.json"])
    assert "plugins must name evil/nets.py again" in refused(capsys, "resume", "run", "rounds=2")
    assert main(["resume", "run", "rounds=2", "plugins=[./nets.py]"]) == 0


def test_what_is_not_traced_is_told_once(folder, capsys):
    assert main(["run", "network=module", "network.factory=./nets.py:Sorted", *FEW, "hydra.run.dir=run"]) == 0
    assert capsys.readouterr().err.count("hidden units that go through cummax are merged as they come") == 1
    assert json.loads(Path("run/manifest.json").read_text())["untraced"] == ["cummax"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("nets.py", "network.factory must"),
        ("./none.py:make", "network.factory must name a .py file that exists"),
        ("./nets.py:mak", "network.factory must name something that is in ./nets.py; got 'mak'"),
        ("./nets.py:torch", "network.factory must name a function; ./nets.py:torch is none"),
    ],
)
def test_what_is_no_factory_is_refused(folder, capsys, typed, told):
    assert told in refused(capsys, "run", "network=module", f"network.factory={typed}", "hydra.run.dir=run")
    assert not Path("run").exists()
