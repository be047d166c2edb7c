"""Runs in memory, and the folders of tiny runs, played once."""

import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from experiments.command_line.cli import main
from sim.cohort import Cohort
from sim.records.tables import TABLES

TINY_RUN = [
    "organisations=2",
    "rounds=2",
    "replicates=1",
    "data.examples=300",
    "network.widths=[8]",
    "run=tables_only",
]


def whole_run(config):
    """Return the tables of all rounds of a configuration."""
    cohort = Cohort(config.market(), config.arms, config.replicates, config.seed)
    rounds = [cohort.step() for _ in range(config.rounds)]
    return {name: pd.concat([tables[name] for tables in rounds], ignore_index=True) for name in rounds[0]}


def play(folder, *overrides):
    """Play a tiny run and return its folder."""
    assert main(["run", *TINY_RUN, f"hydra.run.dir={folder}", *overrides]) == 0
    return folder


def interrupt(_):
    raise KeyboardInterrupt


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """Type commands in a new folder, as a user would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["parabourse"])
    return tmp_path


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """The folder of a run of two rounds that has finished; not to be changed."""
    return play(tmp_path_factory.mktemp("runs") / "finished")


@pytest.fixture(scope="session")
def stopped_run(tmp_path_factory):
    """The folder of the same run, stopped after its first round; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "stopped"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("experiments.runs.runner.round_metrics", interrupt)
        with pytest.raises(SystemExit) as end:
            main(["run", *TINY_RUN, f"hydra.run.dir={folder}"])
    assert end.value.code == 130
    return folder


@pytest.fixture(scope="session")
def saved_run(tmp_path_factory):
    """The folder of the same run with the models of every round; not to be changed."""
    return play(tmp_path_factory.mktemp("runs") / "saved", "run.save_models=every_round")


@pytest.fixture
def run(finished_run, tmp_path):
    """A copy of the finished run."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


@pytest.fixture
def half(stopped_run, tmp_path):
    """A copy of the stopped run."""
    return Path(shutil.copytree(stopped_run, tmp_path / "half"))


def refused(capsys, *command):
    """Return the one sentence with which a command is refused."""
    capsys.readouterr()
    assert main(list(map(str, command))) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [sentence] = captured.err.strip().splitlines()
    return sentence


def assert_same_records(one, two):
    """Compare the files of two runs byte for byte."""
    for name in (*(f"{table}.parquet" for table in TABLES), "summary.csv", "replicates.csv"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    models = [
        sorted(path.relative_to(folder) for path in folder.glob("models/**/*.*")) for folder in (one, two)
    ]
    assert models[0] == models[1]
    assert models[0]
    for name in models[0]:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
