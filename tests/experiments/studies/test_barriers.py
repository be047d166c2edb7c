from pathlib import Path

import pandas as pd
import pytest

from agents.learning.networks.module import Module
from experiments.command_line import cli
from experiments.studies.barriers.command import OURS

NETS = """
from torch import nn

def make(shape, classes):
    hidden = nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 9), nn.ReLU()
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(9, classes))
"""


def test_aligned_models_of_a_module_have_a_lower_barrier(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    factory = f"{tmp_path / 'nets.py'}:make"
    arguments = ["--epochs", "4", "--replicates", "2", "--markdown", "--output", str(tmp_path)]
    assert cli.main(["barriers", factory, *arguments]) == 0
    table = pd.read_csv(tmp_path / "barriers.csv").set_index(["replicate", "alignment"])
    assert (table.permutations == 2).all()
    for replicate in (0, 1):
        apart, aligned = (table.loc[replicate, name] for name in ("none", "weight_matching"))
        assert apart.alone == pytest.approx(aligned.alone)
        assert apart.barrier == pytest.approx(apart.half_way - apart.alone)
        assert 0 < aligned.barrier < apart.barrier
    shown = capsys.readouterr().out
    assert shown.startswith("| module | permutations |")
    assert "| make | 2 |" in shown


@pytest.mark.parametrize(("factory", "found"), list(zip(OURS, (3, 3, 7, 1), strict=True)))
def test_modules_of_the_study_are_traced(factory: str, found: int) -> None:
    architecture = Module(factory=factory).bind((1, 8, 8), 10)
    assert not architecture.untraced
    assert len(architecture.permutations) == found


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--replicates", "1"], "replicates must be a whole number >= 2; got 1"),
        (["./absent.py:make"], "./absent.py"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["barriers", *arguments]) == 2
    assert told in capsys.readouterr().err
