"""Ways to merge adapters of a language model."""

import io
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest

from experiments.command_line import cli
from experiments.studies import adapters
from experiments.studies.adapters import adapters_table, measure_adapters


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, pd.DataFrame]:
    """What the command prints and saves of two organisations, in small."""
    folder = tmp_path_factory.mktemp("adapters")
    command = ["merging", "--adapters", "--organisations", "2", "--epochs", "2", "--replicates", "2"]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as printed:
        for name, value in {"SENTENCES": 32, "HELD_OUT": 20, "BASE_STEPS": 10}.items():
            patch.setattr(adapters, name, value)
        assert cli.main([*command, "--output", str(folder)]) == 0
        again = measure_adapters(2, 2, 1)
    saved = pd.read_csv(folder / "adapters.csv")
    pd.testing.assert_frame_equal(saved[saved["replicate"] == 0], again)
    return printed.getvalue(), saved


def test_all_ways_start_alike_and_none_loses(told: tuple[str, pd.DataFrame]) -> None:
    printed, rows = told
    assert "adapters of rank 4 from different initial weights" in printed
    for _, own in rows.groupby("replicate"):
        assert own["way"].tolist() == ["factors", "factors, unaligned", "svd", "linear", "cat"]
        np.testing.assert_allclose(own["before"], own["before"].iloc[0], rtol=1e-5)
    assert (rows["gain"] >= 0).all()
    table = adapters_table(rows).set_index("way")
    assert table.loc["cat", "less"] == 0
    assert table.loc["svd", "less"] == pytest.approx(table.loc["svd", "gain"] - table.loc["cat", "gain"])


@pytest.mark.parametrize("wrong", [["--rank", "0"], ["--organisations", "1"]])
def test_wrong_numbers(capsys: pytest.CaptureFixture[str], wrong: list[str]) -> None:
    assert cli.main(["merging", "--adapters", *wrong]) == 2
    assert f"{wrong[0][2:]} must be" in capsys.readouterr().err


def test_what_is_not_installed_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters.importlib.util, "find_spec", lambda _: None)
    assert cli.main(["merging", "--adapters"]) == 2
    assert "needs peft and transformers, not installed here" in capsys.readouterr().err
