"""Choices of a user's own folder: found, played, told, kept in records, and never imported from them."""

import json
import pickle
import re
import shutil
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from experiments.command_line.cli import main
from experiments.command_line.completion import candidates
from experiments.configuration import plugins
from experiments.configuration.arguments import make_parser
from experiments.configuration.config_folder import own_folder, use_folder
from experiments.configuration.overrides import quoted
from experiments.runs.plugin_records import PLUGINS
from markets.mechanisms import MECHANISMS
from markets.user_code import UserCodeError
from sim.settings import SETTINGS
from tests.experiments import own_plugins
from tests.experiments.conftest import assert_same_records, interrupt, refused
from tests.experiments.own_plugins import plugin_folder  # noqa: F401 - a fixture

OWN = ["plugins=[./my_rules.py]", "--config-dir=presets"]
FEW = ["network.widths=[8]", "replicates=1", "run.figures=false"]

pytestmark = pytest.mark.usefixtures("plugin_folder")


@pytest.fixture(scope="module")
def thrift(tmp_path_factory):
    """The folder of a run of the preset, whose plug-in is no longer known; not to be changed."""
    folder = tmp_path_factory.mktemp("own")
    own_plugins.write(folder)
    with pytest.MonkeyPatch.context() as patch, own_plugins.as_before():
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["parabourse"])
        assert main(["run", OWN[1], "experiment=thrift", *FEW, "hydra.run.dir=thrift"]) == 0
    assert "split" not in MECHANISMS
    return folder / "thrift"


@pytest.fixture
def run(thrift, tmp_path):
    return Path(shutil.copytree(thrift, tmp_path / "run"))


def digest(path="my_rules.py"):
    return sha256(Path(path).read_bytes()).hexdigest()


def test_a_preset_plays_its_own_rule_and_strategy_and_the_manifest_names_them(run):
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["mechanism"] == {"name": "split", "share": 0.5}
    assert config["population"]["mix"] == {"thrifty": 2}
    assert json.loads((run / "manifest.json").read_text())["plugins"] == {"./my_rules.py": [digest()]}


def test_they_are_listed_explained_and_shown(capsys):
    Path("presets/network").mkdir()
    Path("presets/network/small.yaml").write_text("# Eight units.\ndefaults: [mlp]\nwidths: [8]\n")
    for command, told in {
        "list": ["split", "thrifty", "thrift", "save their cash", "Eight units"],
        "explain split": ["a share of the way from ask to bid"],
        "explain mechanism.share": ["of split", "0.5"],
        "explain thrift": ["a preset, experiment=thrift"],
        "explain small": ["a choice, network=small. Eight units."],
        "explain trade_counts": ["Trades a round"],
    }.items():
        assert main([*command.split(), *OWN]) == 0
        printed = capsys.readouterr().out
        assert all(part in printed for part in told), printed


@pytest.mark.parametrize(
    ("prefix", "offered"),
    [
        ("mechanism=sp", "mechanism=split"),
        ("population=thr", "population=thrifty"),
        ("experiment=thr", "experiment=thrift"),
        ("plugins=", "plugins=[./my_rules.py]"),
    ],
)
def test_completion_reads_them_without_executing_anything(monkeypatch, prefix, offered):
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    Path("my_rules.py").write_text(Path("my_rules.py").read_text() + "\nraise RuntimeError\n")
    typed = make_parser().parse_args(["run", *OWN])
    assert candidates(prefix, parsed_args=typed) == [offered]


PAIRED = """

from sim.consumers.payoffs import DownstreamMarket


@SETTINGS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Paired(Competitive):
    \"\"\"Neighbours are rivals, whatever setting.regions says.\"\"\"

    name: str = "paired"
    distance: float = 1.0

    def downstream(self, organisations, region=None):
        return DownstreamMarket(np.arange(organisations) // 2, self.demand)
"""


def test_every_kind_of_component_can_be_a_plug_in_and_be_absent_from_a_report(capsys, monkeypatch):
    """The README's examples, in one module of a package, and a setting that places organisations itself."""
    rules = Path("my_lab/rules.py")
    rules.write_text(rules.read_text() + PAIRED)
    chosen = "network=shallow merge_operator=clipped data=wine setting=paired mechanism=half_way"
    chosen += " population=frugal arms=[autarky,carefree,paired] organisations=4 rounds=1 replicates=1"
    asked = ["plugins=[my_lab.rules]", *chosen.split(), "run.figures=false", "hydra.run.dir=all"]
    with own_plugins.as_before():
        assert main(["run", *asked]) == 0
    told = json.loads(Path("all", PLUGINS).read_text())
    names = {"shallow", "clipped", "wine", "carefree", "half_way", "frugal", "paired"}
    assert {entry["name"] for entry in told["classes"]} == names
    assert {one["name"]: one["region"] for one in told["classes"] if one["region"]} == {
        "paired": [0, 0, 1, 1]
    }
    played = Path("all/summary.csv").read_bytes()
    Path("all/summary.csv").unlink()
    rules.unlink()
    assert "paired" not in SETTINGS
    for name in set(own_plugins.FIGURES) - {"welfare"}:
        monkeypatch.delitem(own_plugins.FIGURES, name)  # Drawing all of them takes ten seconds.
    assert main(["report", "all"]) == 0
    assert "my_lab.rules is not imported" in capsys.readouterr().err
    assert Path("all/summary.csv").read_bytes() == played


def test_a_run_goes_on_with_the_plug_ins_named_again_and_tells_what_changed(run, capsys):
    assert "plugins must name ./my_rules.py again" in refused(capsys, "resume", run, "rounds=3")
    named = f"plugins=[{quoted(str(Path('my_rules.py').absolute()))}]"
    assert main(["resume", str(run), "rounds=3", named]) == 0
    assert capsys.readouterr().err == ""
    assert main(["run", *OWN, "experiment=thrift", *FEW, "rounds=3", "hydra.run.dir=three"]) == 0
    assert_same_records(run, Path("three"))
    capsys.readouterr()
    before = digest()
    Path("changed").mkdir()
    Path("changed/my_rules.py").write_text(Path("my_rules.py").read_text() + "\n# changed\n")
    with own_plugins.as_before():
        for name in ("split", "thrifty"):
            for registry, _ in own_plugins.registries():
                registry._classes.pop(name, None)
        own_plugins.FIGURES.pop("trade_counts")
        assert main(["resume", str(run), "rounds=4", "plugins=[changed/my_rules.py]"]) == 0
    assert "parabourse: ./my_rules.py was changed after the run" in capsys.readouterr().err
    kept = json.loads((run / "manifest.json").read_text())["plugins"]
    assert kept == {"./my_rules.py": [before, digest("changed/my_rules.py")]}


def test_a_stopped_run_says_how_it_goes_on(monkeypatch, capsys):
    monkeypatch.setattr("experiments.runs.runner.round_metrics", interrupt)
    with pytest.raises(SystemExit):
        main(["run", OWN[1], "experiment=thrift", *FEW, "hydra.run.dir=half"])
    told = "go on with: parabourse resume {} 'plugins=[./my_rules.py]'"
    assert told.format(Path("half").resolve()) in capsys.readouterr().err


def test_a_report_without_the_plug_in_is_made_from_the_records(run, capsys, monkeypatch):
    for name in set(own_plugins.FIGURES) - {"welfare"}:
        monkeypatch.delitem(own_plugins.FIGURES, name)  # Drawing all of them takes ten seconds.
    assert main(["report", str(run)]) == 0
    assert "./my_rules.py is not imported" in capsys.readouterr().err
    absent = {name: (run / name).read_bytes() for name in ("summary.csv", "replicates.csv", "report.html")}
    assert b"a share of the way from ask to bid" in absent["report.html"]
    command = re.search(rb"parabourse run --config-dir=\S*/presets [^<]*", absent["report.html"])[0]
    assert b"experiment=thrift" in command
    assert b"plugins=[./my_rules.py]" in command
    assert "split" not in MECHANISMS
    assert "figures must be among" in refused_after_a_line(capsys, "figures", run, "trade_counts")
    assert main(["figures", str(run), "trade_counts", OWN[0]]) == 0
    assert (run / "figures" / "trade_counts.svg").is_file()
    del own_plugins.FIGURES["trade_counts"]
    assert main(["report", str(run), OWN[0]]) == 0
    assert {name: (run / name).read_bytes() for name in absent} == absent


def test_a_textbook_market_takes_them_and_is_reported_without_them(capsys):
    few = ["mechanism=split", "markets=20", "figures=false", "--output", "market"]
    with own_plugins.as_before():
        assert main(["textbook", "market", OWN[0], *few]) == 0
    assert json.loads(Path("market/manifest.json").read_text())["plugins"] == {"./my_rules.py": [digest()]}
    capsys.readouterr()
    assert main(["report", "market"]) == 0
    assert "./my_rules.py is not imported" in capsys.readouterr().err


def refused_after_a_line(capsys, *command):
    capsys.readouterr()
    assert main(list(map(str, command))) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_what_a_folder_says_of_plug_ins_is_data(run, capsys):
    told = json.loads((run / PLUGINS).read_text())
    for strange in ({"traits": {"clear": True}}, {"properties": {"budget": "gift"}}, {"fields": ["a b"]}):
        one = [{**entry, **strange} for entry in told["classes"] if entry["kind"] == "mechanism"]
        (run / PLUGINS).write_text(json.dumps({**told, "classes": one}))
        assert PLUGINS in refused_after_a_line(capsys, "report", run, "--damaged")


def test_another_process_is_brought_what_the_command_names():
    plugins.begin(OWN)
    brought = pickle.dumps(plugins.Brought())
    plugins.begin([])
    assert (dict(plugins.named()), own_folder()) == ({}, None)
    pickle.loads(brought)
    assert plugins.named() == {"./my_rules.py": digest()}
    assert own_folder() == Path("presets").resolve()
    Path("my_rules.py").write_text(Path("my_rules.py").read_text() + "\n# changed\n")
    with pytest.raises(ValueError, match="must stay as it is while it is in use"):
        pickle.loads(brought)


def test_the_same_file_twice_is_one_plug_in():
    plugins.begin(["plugins=[./my_rules.py,my_rules]"])
    plugins.begin(["plugins=[my_rules]", f"plugins=[{quoted(str(Path('my_rules.py').absolute()))}]"])
    assert set(plugins.named().values()) == {digest()}


CLASH = "class First(FirstPrice):\n    'A rule.'\n    name: str = 'first_price'\n"
UNTOLD = "class Untold(FirstPrice):\n    name: str = 'untold'\n"
RULE = """
from pydantic.dataclasses import dataclass
from markets.mechanisms import MECHANISMS
from markets.mechanisms.auctions.first_price import FirstPrice
@MECHANISMS.register
@dataclass(frozen=True)
"""
FIGURE = "from experiments.figures import FIGURES, Plan, register\n"
LATE = "# @package _global_\ndefaults:\n  - override /network: late\n"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("plugins=[./none.py]", ["plugins must name a .py file", "./none.py"]),
        ("plugins=[no_lab.rules]", ["plugins must name a module", "no_lab"]),
        ("plugins=[./notes.txt]", ["plugins must name a .py file", "notes.txt"]),
        ("plugins={a:1}", ["plugins must be a list in brackets", "{a:1}"]),
        ("plugins=./a.py,./b.py", ["plugins must be a list in brackets", "./a.py,./b.py"]),
        ("plugins=[1]", ["plugins must be a list in brackets", "[1]"]),
        ("plugins=[./clash.py]", ["./clash.py", "mechanism 'first_price'", "registered twice"]),
        ("plugins=[./untold.py]", ["./untold.py", "mechanism Untold must have a docstring"]),
        ("plugins=[./figure.py]", ["./figure.py", "'welfare' is taken"]),
        ("--config-dir=nowhere", ["--config-dir must be a folder", "nowhere"]),
        ("--config-dir", ["--config-dir must name a folder"]),
        ("--config-dir=ours", ["a name of its own", "ours/experiment/duopoly.yaml"]),
        ("--config-dir=classes", ["a name of its own", "classes/mechanism/mcafee.yaml"]),
        ("--config-dir=bad experiment=bad", ["plugins must be a list", "bad/experiment/bad.yaml"]),
        ("--config-dir=bad experiment=late", ["imported before anything", "./my_rules.py"]),
    ],
)
def test_what_cannot_be_is_refused(capsys, typed, told):
    for name, text in {
        "notes.txt": "",
        "clash.py": RULE + CLASH,
        "untold.py": RULE + UNTOLD,
        "figure.py": FIGURE + "register(Plan('welfare', '', '', lambda view: None))",
        "ours/experiment/duopoly.yaml": "# Mine.",
        "classes/mechanism/mcafee.yaml": "name: mcafee",
        "bad/experiment/bad.yaml": "# @package _global_\nplugins: {a: 1}",
        "bad/experiment/late.yaml": LATE,
        "bad/network/late.yaml": "# @package _global_\nplugins: [./my_rules.py]\nnetwork: {name: mlp}",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    sentence = refused(capsys, "run", *typed.split())
    assert all(part in sentence for part in told), sentence
    assert not Path("runs").exists()
    use_folder(None)


def test_what_a_plug_in_raises_has_its_own_traceback():
    Path("broken.py").write_text("open('no such file')\n")
    with pytest.raises(UserCodeError, match=r"broken\.py") as raised:
        main(["list", "plugins=[./broken.py]"])
    assert isinstance(raised.value.__cause__, FileNotFoundError)


@pytest.mark.heavy
def test_two_processes_of_a_sweep_import_them(capsys):
    few = [*FEW, "rounds=1", "data.examples=200", "hydra.launcher.n_jobs=2", "hydra.sweep.dir=sweep"]
    command = ["run", "-m", OWN[1], "experiment=thrift", "mechanism=split,first_price", *few]
    assert main(command) == 0
    cells = sorted(Path("sweep/cells").iterdir())
    assert len(cells) == 2
    for cell in cells:
        assert json.loads((cell / "manifest.json").read_text())["plugins"] == {"./my_rules.py": [digest()]}
    assert main(["report", "sweep"]) == 0
    capsys.readouterr()
    assert main(command) == 0
    assert "2 cells, 2 finished, 0 to play" in capsys.readouterr().out
