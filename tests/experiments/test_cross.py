"""The cross table: what it measures, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from experiments.command_line.cli import main
from experiments.studies.cross.cells import KEYS, MEASURES
from experiments.studies.cross.composition import compose_cross
from experiments.studies.cross.table import aggregate, play_table

TINY = [
    "mechanisms=[assignment,first_price]",
    "strategies=[truthful,shading]",
    "settings=[independent,cooperative]",
    "replicates=2",
    "rounds=2",
    "data.examples=300",
    "learning.local_epochs=3",
    "broker.merge_weights=3",
    "setting.regions=1",
    "factors=[0.5,0.8]",
    "jobs=1",
]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    config, _ = compose_cross(TINY)
    folder = tmp_path_factory.mktemp("cross") / "table"
    return folder, play_table(config, folder)[1]


def value(table, measure, **labels):
    found = table[table["measure"] == measure]
    for name, label in labels.items():
        found = found[found[name] == label]
    return found["mean"].item()


def test_every_cell_has_every_measure(played):
    _, table = played
    assert len(table) == 2 * 2 * 2 * len(MEASURES)
    assert table[["mean", "low", "high"]].notna().all(axis=None)
    assert set(table["licence"]) == {"exclusive"}


def test_replicates_in_which_nothing_could_be_gained_are_left_out_and_counted():
    labels = dict(zip(KEYS, ["first_price", "truthful", "independent", "exclusive"], strict=True))
    samples = pd.DataFrame(
        [labels | dict.fromkeys(MEASURES, 1.0) | {"efficiency": e} for e in (0.5, 0.7, np.nan)]
    )
    table = aggregate(samples).set_index("measure")
    assert table.loc["efficiency", ["mean", "n"]].tolist() == pytest.approx([0.6, 2])
    assert table.loc["welfare", "n"] == 3
    nothing = aggregate(samples.assign(efficiency=np.nan)).set_index("measure")
    assert nothing.loc["efficiency", "n"] == 0
    assert np.isnan(nothing.loc["efficiency", "mean"])


def test_lies_pay_under_first_price_and_not_under_assignment(played):
    """Truth is dominant for an assignment's buyers; monopolists sell at no cost; money is whole."""
    _, table = played
    cell = {"strategy": "truthful", "setting": "independent"}
    assert value(table, "regret", mechanism="first_price", **cell) > 0
    assert value(table, "regret", mechanism="assignment", **cell) < 1e-3


def test_the_yardstick_of_a_strategy_is_the_truth_in_the_same_seats(played):
    _, table = played
    told = table[(table["strategy"] == "truthful") & table["measure"].isin(["advantage", "damage"])]
    assert (told["mean"] == 0).all()


def test_the_command_prints_and_draws_what_was_played(played, capsys, monkeypatch):
    folder, table = played
    monkeypatch.setattr("experiments.studies.cross.heat_map.MEASURES", {"regret": MEASURES["regret"]})
    assert main(["cross", *TINY, "--output", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "2 cells, 2 finished, 0 to play" in told
    assert "first_price" in told
    assert (folder / "cross-regret.png").is_file()
    pd.testing.assert_frame_equal(pd.read_csv(folder / "cross.csv"), table, check_dtype=False)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("mechanisms=[second_prise]", "mechanisms must be [all] or among"),
        ("strategies=[greedy]", "strategies must be [all] or among"),
        ("settings=[autarky,nowhere]", "settings must be [all] or among"),
        ("followers=4", "followers must be fewer than organisations (4); got 4"),
        ("replicates=1", "replicates must be greater than or equal to 2; got 1"),
        ("factors=[-1]", "factors.0 must be greater than or equal to 0"),
        ("colour=blue", "colour is not a key"),
        ("population=shading", "population is not a key"),
        ("--multirun", "parabourse cross takes KEY=VALUE and --output FOLDER; got '--multirun'"),
    ],
)
def test_what_cannot_be_is_refused_with_one_sentence(typed, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["cross", typed]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_licence_that_is_not_served_leaves_cells_empty(tmp_path):
    few = ["mechanisms=[dop,second_price]", "strategies=[truthful]", "settings=[independent]", "rounds=1"]
    config, _ = compose_cross([*TINY, *few, "licence=exclusive"])
    table = play_table(config, tmp_path / "table")[1]
    assert set(table["mechanism"]) == {"second_price"}
