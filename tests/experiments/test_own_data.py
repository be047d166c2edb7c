"""A user's own data on the command line: played, known again, and told in a sentence where they are wrong."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.command_line.cli import main
from experiments.configuration.composition import compose_config, set_up_hydra
from experiments.runs.cells import cell_key
from markets.user_code import UserCodeError
from sim.data.datasets.own.digests import digest_of_file
from tests.experiments.conftest import assert_same_records, interrupt, refused

FEW = ["organisations=2", "rounds=2", "replicates=2", "network.widths=[8]", "run=tables_only"]
MINE = """
import numpy as np

def load(count=120):
    inputs = np.random.rand(count, 3)
    return inputs, np.where(inputs[:, 0] > 0.5, "high", "low")

def fails():
    return open("absent").read()
"""

pytestmark = pytest.mark.usefixtures("own_folder")


def write(path="mine.npz", seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(120, 3))
    owner = np.where(np.arange(120) % 2, "north", "south")
    np.savez(path, inputs=rows, labels=rows[:, 0] > 0, organisation=owner)
    return rows


@pytest.mark.parametrize(
    "typed",
    [
        ["data=file", "data.path=mine.npz"],
        ["data=file", "data.path=mine.csv", "data.label=price"],
        ["data=module", "data.factory=./mine.py:load", "data.options={count:90}"],
        [
            "data=tabular",
            "data.dataset.table=wine",
            "data.endowment=by_feature",
            "data.endowment.feature=alcohol",
        ],
    ],
    ids=["file", "regression", "module", "tabular"],
)
def test_own_data_are_played_as_they_are_typed(typed, capsys):
    rows = write()
    pd.DataFrame({"age": rows[:, 0], "rich": rows[:, 1] > 0, "price": rows[:, 2]}).to_csv(
        "mine.csv", index=False
    )
    Path("mine.py").write_text(MINE)
    assert main(["run", *FEW, *typed, "hydra.run.dir=run"]) == 0
    learnt = pd.read_parquet("run/organisations.parquet")
    assert np.isfinite(learnt.validation_loss).all()
    told = json.loads(Path("run/manifest.json").read_text())
    assert ("data" in told) == ("tabular" not in typed[0])
    if "data.path=mine.npz" in typed:
        assert told["data"] == digest_of_file(Path("mine.npz"))
        assert main(["run", *FEW, *typed, "organisations=3", "hydra.run.dir=three"]) == 2
        assert "organisations must be 2, those that the data name (north, south)" in capsys.readouterr().err
        assert not Path("three").exists()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["data=file"], "data.path must name a file that ends in .npz, .csv, .tsv, .parquet, from"),
        (["data=file", "data.path=absent.npz"], "got 'absent.npz'"),
        (
            ["data=folder", "data.path=images"],
            "data.path must name a folder that holds one of images for each class",
        ),
        (["data=module", "data.factory=./absent.py:load"], "data.factory must name a .py file that exists"),
        (["data=module", "data.factory=./mine.py:lood"], "got 'lood': did you mean load?"),
        (
            ["data=file", "data.path=mine.npz", "data.task=ranking"],
            "data.task must be one of classification, regr",
        ),
        (["data.path=mine.npz"], "data.path must be left alone for dataset digits"),
        (
            ["data=file", "data.path=mine.npz", "data.lable=x"],
            "data.lable is not a key; did you mean data.label?",
        ),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(typed, told, capsys):
    write()
    Path("mine.py").write_text(MINE)
    assert told in refused(capsys, "run", *FEW, *typed, "hydra.run.dir=run")
    assert not Path("run").exists()


def test_what_a_users_function_raises_has_its_traceback():
    Path("mine.py").write_text(MINE)
    with pytest.raises(UserCodeError, match=r"data.factory=./mine.py:fails raised FileNotFoundError"):
        main(["run", *FEW, "data=module", "data.factory=./mine.py:fails", "hydra.run.dir=run"])


def test_a_stopped_run_goes_on_with_the_same_data_alone(monkeypatch, capsys):
    write()
    typed = ["run", *FEW, "data=file", "data.path=mine.npz"]
    assert main([*typed, "hydra.run.dir=whole"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr("experiments.runs.runner.round_metrics", interrupt)
        with pytest.raises(SystemExit):
            main([*typed, "hydra.run.dir=run"])
    write("mine.npz", seed=1)
    assert "data.path must name the data that run was begun with; got mine.npz" in refused(
        capsys, "resume", "run"
    )
    write("moved.npz")
    assert main(["resume", "run", "data.path=moved.npz"]) == 0
    assert_same_records(Path("run"), Path("whole"))


def test_what_names_a_cell_is_what_data_hold_and_not_where_they_lie():
    """And keys that there were not before name nothing while they are left alone."""
    set_up_hydra()
    write()
    first = cell_key(compose_config(["data=file", "data.path=mine.npz"]))
    Path("mine.npz").rename("moved.npz")
    assert cell_key(compose_config(["data=file", "data.path=moved.npz"])) == first
    write("moved.npz", seed=1)
    assert cell_key(compose_config(["data=file", "data.path=moved.npz"])) != first
