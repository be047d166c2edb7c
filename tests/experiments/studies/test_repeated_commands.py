"""Every study goes on where it stopped: what is finished is kept, unless it is of another configuration."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from experiments.command_line.cli import main
from experiments.runs import cells
from experiments.studies import adversaries
from experiments.studies.contests import INDUCED_RULES, RULES

# One process plays the studies that all tests repeat.
pytestmark = pytest.mark.xdist_group("studies")

WORLD = ["data.examples=300", "network.widths=[8]", "replicates=2", "rounds=1"]
STUDIES = {
    "cross": [
        "cross",
        *WORLD,
        "mechanisms=[assignment,first_price]",
        "strategies=[truthful]",
        "settings=[independent]",
        "factors=[0.5]",
        "jobs=1",
        "seed=0",
    ],
    "reproduce": [
        "reproduce",
        "skew",
        "scale=digits8",
        "network=mlp",
        *WORLD,
        "arms=[silo,aligned]",
        "vary={data.kept:[0.1,0.5]}",
        "jobs=1",
        "seed=0",
    ],
    "pricing": ["pricing", "--organisations", "2", "3", "--rounds", "2", "--replicates", "2", "--seed", "0"],
    "adversaries": ["adversaries", "--replicates", "2", "--rounds", "1", "--seed", "0"],
    "textbook": ["textbook", "mcafee", "sizes=[1,3]", "markets=60", "seed=0"],
}
TABLES = {
    "cross": {"cross.csv"},
    "reproduce": {"records.parquet", "summary.csv", "differences.csv", "gains.csv"},
    "pricing": {"prices.csv", "gains.csv"},
    "adversaries": {"replicates.parquet", "harm.parquet", "harm.csv"},
    "textbook": {"results.parquet", "results.csv", "results.md"},
}


def make_small(monkeypatch):
    """Leave one adversary under a rule of either market, and no figure."""
    ring = next(adversary for adversary in adversaries.ADVERSARIES if adversary.name == "ring")
    monkeypatch.setattr(adversaries, "ADVERSARIES", (dataclasses.replace(ring, seats=6),))
    monkeypatch.setattr(adversaries, "CONSPIRATORS", ("ring",))
    rule = "second price, one copy"
    monkeypatch.setattr(adversaries, "RULES", {rule: RULES[rule]})
    monkeypatch.setattr(adversaries, "INDUCED_RULES", {rule: INDUCED_RULES[rule]})
    monkeypatch.setattr("experiments.studies.cross.heat_map.MEASURES", {})
    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: Path(path).touch())


@pytest.fixture(scope="module", params=STUDIES)
def whole(request, tmp_path_factory):
    """The name of a study and the folder in which it was played without a stop; not to be changed."""
    folder = tmp_path_factory.mktemp("study") / request.param
    with pytest.MonkeyPatch.context() as monkeypatch:
        make_small(monkeypatch)
        assert main([*STUDIES[request.param], "--output", str(folder)]) == 0
    return request.param, folder


@pytest.fixture
def stopped(monkeypatch):
    """Return the keys of the cells that were to be played; at each Ctrl-C is pressed."""
    make_small(monkeypatch)
    keys = []

    def stop(cell, _):
        keys.append(cell.key)
        raise KeyboardInterrupt

    monkeypatch.setattr(cells, "_write_tables", stop)
    return keys


def keys_in(folder):
    return {path.name for path in (folder / "cells").iterdir()}


def test_a_second_call_plays_nothing_and_leaves_the_same_tables(whole, stopped, tmp_path, capsys):
    name, folder = whole
    again = Path(shutil.copytree(folder, tmp_path / "again"))
    for table in TABLES[name]:
        (again / table).unlink()
    assert main([*STUDIES[name], "--output", str(again)]) == 0
    assert stopped == []
    assert "0 to play" in capsys.readouterr().out
    for table in TABLES[name]:
        assert (again / table).read_bytes() == (folder / table).read_bytes()


def test_a_call_that_was_stopped_goes_on_from_what_is_finished(whole, stopped, tmp_path, capsys, monkeypatch):
    name, folder = whole
    again = Path(shutil.copytree(folder, tmp_path / "again"))
    lost = sorted(keys_in(folder))[0]
    shutil.rmtree(again / "cells" / lost)
    (again / sorted(TABLES[name])[0]).unlink()
    command = [*STUDIES[name], "--output", str(again)]
    assert main(command) == 130
    assert stopped == [lost]
    assert capsys.readouterr().err == "parabourse: stopped; the same command goes on.\n"
    monkeypatch.undo()
    make_small(monkeypatch)
    assert main(command) == 0
    assert (
        f"{len(keys_in(folder))} cells, {len(keys_in(folder)) - 1} finished, 1 to play"
        in capsys.readouterr().out
    )
    for table in TABLES[name]:
        assert (again / table).read_bytes() == (folder / table).read_bytes()


def test_the_folder_of_a_study_is_no_run_and_named_with_what_draws_it(whole, capsys):
    name, folder = whole
    command = " ".join(STUDIES[name][: 2 if name in ("reproduce", "textbook") else 1])
    assert main(["figures", str(folder)]) == 2
    assert f"for its figures, parabourse {command} --output {folder}" in capsys.readouterr().err


def test_another_version_plays_every_cell_anew(whole, stopped, tmp_path, capsys, monkeypatch):
    name, folder = whole
    again = Path(shutil.copytree(folder, tmp_path / "again"))
    monkeypatch.setattr(cells, "_version", lambda: "99")
    assert main([*STUDIES[name], "--output", str(again)]) == 130
    assert " 0 finished" in capsys.readouterr().out
    assert not keys_in(folder) & set(stopped)


def test_another_configuration_is_another_cell_and_refused_in_the_folder(whole, stopped, own_folder, capsys):
    name, folder = whole
    other = [{"seed=0": "seed=7", "0": "7"}.get(word, word) for word in STUDIES[name]]
    assert main([*other, "--output", str(folder)]) == 2
    assert f"--output must be a new folder or that of `parabourse {name}" in capsys.readouterr().err
    assert main([*other, "--output", str(own_folder / "other")]) == 130
    assert len(stopped) == 1
    assert not keys_in(folder) & set(stopped)
