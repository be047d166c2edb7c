import io
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest

from agents.learning.operations.ensembles import AVERAGES
from agents.learning.operators import MERGE_OPERATORS
from experiments.command_line import cli
from experiments.studies.merging import SEARCHES, measure_merging, merging_table

OPERATORS = [name for name in MERGE_OPERATORS if name != "lora_svd"]
"""Those for any network."""


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return measure_merging(organisations=2, epochs=1, replicates=2)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, pd.DataFrame]:
    """What the command prints and saves of the same organisations with a common start."""
    folder = tmp_path_factory.mktemp("merging") / "new"
    command = ["merging", "--organisations", "2", "--epochs", "1", "--replicates", "2", "--same-start"]
    with redirect_stdout(io.StringIO()) as printed:
        assert cli.main([*command, "--output", str(folder)]) == 0
    return printed.getvalue(), pd.read_csv(folder / "merging.csv")


def test_every_operator_with_every_search(rows: pd.DataFrame) -> None:
    weighted = [name for name in OPERATORS if MERGE_OPERATORS[name].weighted]
    ways = [(name, search) for name in OPERATORS for search in (SEARCHES if name in weighted else ["none"])]
    ways += [(f"ensemble of {average}", search) for average in AVERAGES for search in SEARCHES]
    assert list(rows[["operator", "search"]].itertuples(index=False, name=None)) == ways * 2
    assert rows["replicate"].tolist() == [0] * len(ways) + [1] * len(ways)


def test_all_ways_start_from_the_same_losses_and_none_loses(rows: pd.DataFrame) -> None:
    for _, own in rows.groupby("replicate"):
        np.testing.assert_allclose(own["before"], own["before"].iloc[0], rtol=1e-6)
    np.testing.assert_allclose(rows["gain"], rows["before"] - rows["loss"])
    assert (rows["gain"] >= 0).all()
    assert (rows["missed"] >= -1e-3).all()  # a search between the grid's points may find a little more


def test_cheaper_searches_find_nearly_what_the_grid_finds(rows: pd.DataFrame) -> None:
    table = merging_table(rows).set_index(["operator", "search"])
    passes = table["passes"].xs("interpolation")
    assert passes.to_dict() == {"grid": 10, "golden": 8, "quadratic": 3, "half": 1}
    for operator in ("interpolation", "slerp", "fisher"):
        gain = table["gain"].xs(operator)
        assert gain["quadratic"] > 0.9 * gain["grid"]
        assert gain["golden"] > 0.95 * gain["grid"]


@pytest.mark.heavy
def test_the_same_seed_finds_the_same(rows: pd.DataFrame) -> None:
    again = measure_merging(organisations=2, epochs=1, replicates=1)
    first = rows[rows["replicate"] == 0]
    pd.testing.assert_frame_equal(again.drop(columns="ms"), first.drop(columns="ms"), check_exact=True)


@pytest.mark.heavy
def test_a_common_start_is_an_ancestor(rows: pd.DataFrame, told) -> None:
    """After one epoch from the same weights, operators that build on it gain more than without."""
    common, without = (
        one[one["replicate"] == 0].groupby("operator")["gain"].max() for one in (told[1], rows)
    )
    for operator in ("uniform_soup", "ties", "dare"):
        assert common[operator] > without[operator]


@pytest.mark.heavy
def test_the_command_prints_and_saves(told) -> None:
    shown, saved = told
    assert "the same initial weights" in shown
    assert all(name in shown for name in OPERATORS)
    assert set(saved.columns) >= {"operator", "search", "passes", "gain", "missed", "replicate"}


def test_wrong_numbers(capsys) -> None:
    assert cli.main(["merging", "--organisations", "1"]) == 2
    assert "organisations must be a whole number >= 2; got 1" in capsys.readouterr().err
