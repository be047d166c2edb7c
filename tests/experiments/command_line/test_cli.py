"""The command line: runs on real data, refuses bad input in one sentence, and never overwrites."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.command_line.cli import main
from experiments.command_line.listing import registries
from experiments.configuration.composing import without_hydra
from experiments.configuration.composition import check_run, set_up_hydra
from experiments.configuration.keys import parse
from sim.records.tables import TABLES
from tests.experiments.conftest import refused as refusal
from tests.experiments.own_process import Command, wait_in_the_third_round

TINY = [
    "organisations=2",
    "rounds=2",
    "replicates=2",
    "data.examples=300",
    "network.widths=[8]",
]


pytestmark = pytest.mark.usefixtures("own_folder")


def refused(capsys, *arguments):
    """Return the one sentence with which arguments are refused; no run has begun."""
    sentence = refusal(capsys, *arguments)
    assert "Traceback" not in sentence
    assert not Path("runs").exists()
    return sentence


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("organisation=4", ["organisation", "did you mean organisations?"]),
        ("+sede=1", ["sede", "did you mean seed?"]),
        ("++setting.demand.tao=1", ["setting.demand.tao", "did you mean setting.demand.tau?"]),
        ("++data.nope.deep=3", ["data.nope.deep is not a key (`parabourse explain`"]),
        ("+hydra.launcher.n_job=1", ["hydra.launcher.n_job"]),
        ("+experiment=duopoly", ["leave out the plus", "experiment=duopoly"]),
        ("mechanism.reserve=1", ["reserve"]),
        ("mechanism=dutch", ["dutch", "first_price"]),
        ("organisations=many", ["organisations", "many"]),
        ("organisations=1", ["organisations", "greater than or equal to 2", "got 1"]),
        ("organisations=5000", ["organisations", "5000"]),
        ("rounds=0", ["rounds", "greater than or equal to 1", "got 0"]),
        ("seed=-1", ["seed", "greater than or equal to 0", "got -1"]),
        ("arms=[autarky,anarchy]", ["arms", "anarchy", "competitive"]),
        ("arms=[]", ["arms", "none"]),
        ("device=abacus", ["device", "abacus", "cpu"]),
        ("data.kept=1.5", ["data.kept", "less than or equal to 1", "got 1.5"]),
        ("data.endowment=hoard", ["data.endowment", "iid", "class_skew", "dirichlet", "hoard"]),
        ("data.examples=12", ["examples", "validation", "endowment", "got 1"]),
        ("data.dataset=imagenet", ["dataset", "imagenet", "digits"]),
        ("network.widths=[0]", ["widths", "got 0"]),
        ("learning.optimiser.lr=-0.1", ["lr", "greater than", "got -0.1"]),
        ("learning.batch_size=2.5", ["batch_size", "2.5"]),
        ("broker.licence=lease", ["licence", "lease", "exclusive"]),
        ("setting.delivery=-1", ["delivery", "greater than or equal to 0", "got -1"]),
        ("setting.demand.tau=0", ["tau", "greater than or equal to 0.000000001", "got 0"]),
        ("setting.regions=3", ["regions", "3"]),
        ("venue=books", ["venue", "listings", "second_price", "books"]),
        ("population.mix={truthful:1}", ["population.mix", "2", "1"]),
        ("population.mix={honest:2}", ["honest", "altruist"]),
        ("run.threads=0", ["run.threads", "greater than or equal to 1", "got 0"]),
        ("seed=0,1", ["-m", "seed=0,1"]),
        ("seed==", ["seed"]),
    ],
)
def test_bad_input_is_refused_in_one_sentence(capsys, override, told):
    sentence = refused(capsys, "run", *TINY, override)
    for word in told:
        assert word in sentence


def test_negative_prices_are_refused(capsys):
    sentence = refused(capsys, "run", *TINY, "mechanism=posted_price", "mechanism.price=-1")
    assert "price" in sentence
    assert "greater than or equal to 0; got -1" in sentence


def test_a_bad_cell_stops_a_sweep_before_it_starts(capsys):
    assert "rounds" in refused(capsys, "run", "-m", *TINY, "rounds=1,0")


def test_new_entries_of_open_mappings_are_keys():
    set_up_hydra()
    typed = ["+population.mix.shading=2", "+population.parameters.shading.fraction=0.5", "++seed=3"]
    config = parse(without_hydra(check_run([*TINY, *typed])))
    assert config.seed == 3
    assert config.population.mix == {"shading": 2}


def test_an_output_folder_must_be_empty(capsys, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    sentence = refused(capsys, "run", *TINY, "hydra.run.dir=mine")
    assert "hydra.run.dir must be a new or empty folder" in sentence
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_run_that_is_none_has_no_report(capsys, tmp_path):
    assert "no folder nowhere" in refused(capsys, "report", "nowhere")
    assert "config.yaml" in refused(capsys, "resume", "nowhere")


def run(folder, *overrides):
    assert main(["run", *TINY, "run=tables_only", f"hydra.run.dir={folder}", *overrides]) == 0
    return Path(folder)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """The folder of a tiny run; not to be changed."""
    return run(tmp_path_factory.mktemp("runs") / "once")


def test_a_run_writes_everything_and_twice_the_same(capsys, once):
    one, two = once, run("two")
    for name in TABLES:
        assert (one / f"{name}.parquet").read_bytes() == (two / f"{name}.parquet").read_bytes(), name
    assert (one / "summary.csv").read_bytes() == (two / "summary.csv").read_bytes()
    manifest = json.loads((one / "manifest.json").read_text())
    assert manifest["device"] == "cpu"
    assert set(manifest["commits"]) == {"parabourse", "folder"}
    assert {"train", "try", "merge", "evaluate", "market", "record"} <= set(manifest["seconds"])
    assert not list(one.glob("*parts*"))
    assert "test accuracy" in capsys.readouterr().out


def test_corrupt_records_are_named(capsys, once):
    folder = Path(shutil.copytree(once, "run"))
    path = folder / "trades.parquet"
    path.write_bytes(path.read_bytes()[:80])
    sentence = refused(capsys, "report", "run")
    assert "trades.parquet must be what SHA256SUMS says" in sentence


def test_records_of_another_run_are_named(capsys, once):
    folder = Path(shutil.copytree(once, "run"))
    (folder / "organisations.parquet").write_bytes((folder / "trades.parquet").read_bytes())
    assert "organisations.parquet must be what SHA256SUMS says" in refused(capsys, "report", "run")


@pytest.mark.slow
def test_python_that_drops_docstrings_plays(tmp_path):
    tiny = [
        "rounds=1",
        "replicates=1",
        "organisations=2",
        "data.examples=300",
        f"hydra.run.dir={tmp_path}/one",
    ]
    for words in (["--help"], ["list"], ["explain", "first_price"], ["run", *tiny]):
        command = [sys.executable, "-OO", "-m", "experiments.command_line.cli", *words]
        assert subprocess.run(command, capture_output=True, check=True).stdout


def test_runs_get_folders_of_their_own():
    for _ in range(2):
        assert main(["run", *TINY, "rounds=1", "run=tables_only"]) == 0
    assert len(list(Path("runs").glob("*/*/summary.csv"))) == 2


LONGER = [*TINY, "rounds=5", "run=tables_only"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a longer run that was not stopped."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main(["run", *LONGER, f"hydra.run.dir={folder}"]) == 0
    return folder


@pytest.mark.xdist_group("stopped")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_goes_on_and_ends_the_same(whole, stop):
    command = Command(
        Path("printed"), "run", *LONGER, "hydra.run.dir=stopped", before=wait_in_the_third_round
    )
    while not Path("stopped/checkpoint.safetensors").exists() and command.runs:
        time.sleep(0.01)
    command.send(stop)
    code, told = command.ended()
    if stop == signal.SIGINT:
        assert code == 130
        assert "parabourse resume" in told
        assert "Traceback" not in told
    assert not Path("stopped/rounds.parquet").exists()
    assert main(["resume", "stopped"]) == 0
    for name in TABLES:
        assert Path(f"stopped/{name}.parquet").read_bytes() == (whole / f"{name}.parquet").read_bytes()
    assert main(["resume", "stopped"]) == 2


def test_a_new_process_lists_what_this_one_lists():
    """Which has imported everything already."""
    told = "from experiments.command_line.listing import registries; print(list(registries()))"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    listed = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, env=environment)
    assert listed.stdout.strip() == str(list(registries()))


def test_list_names_every_component(capsys):
    assert main(["list"]) == 0
    told = capsys.readouterr().out
    for name in ("first_price", "truthful", "cooperative", "convnet", "mnist", "quickstart"):
        assert name in told
