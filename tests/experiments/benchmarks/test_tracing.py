from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from agents.learning.symmetries.members import Member, Permutation
from agents.learning.symmetries.tracing import Derived
from experiments.benchmarks import tracing
from experiments.benchmarks.tracing import ROUNDING, Candidate, candidates, measured
from experiments.command_line import cli

SHAPE = (3, 8, 8)


def understood() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 7), nn.ReLU(), nn.Linear(7, 5))


class Sorted(nn.Module):
    """Sorts its hidden units, which nobody has a rule for, and takes pictures of one size alone."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(192, 7), nn.Linear(7, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.two(self.one(x.flatten(1)).sort(-1)[0])


def few(_: str) -> list[Candidate]:
    found = {"understood": understood, "sorted": Sorted, "absent": lambda: nn.Linear(0, 5)}
    return [Candidate("torch", name, make, lambda _: [(3, 4, 4), SHAPE]) for name, make in found.items()]


def test_models_have_rows_and_libraries_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracing, "candidates", few)
    arguments = ["--tasks", "tracing", "--models", "torch", "--verify", "--output", str(tmp_path)]
    assert cli.main(["benchmark", *arguments, "--markdown"]) == 0
    table = pd.read_csv(tmp_path / "tracing.csv").set_index("model")
    assert table.permutations["understood"] == 1
    assert table.permutations["sorted"] == 0
    assert table.moved["understood"] == pytest.approx((192 * 7 + 7 + 7 * 5) / (192 * 7 + 7 + 7 * 5 + 5))
    assert table.changed["understood"] < ROUNDING < 1e-3 < table.broken["understood"]
    assert table.reasons["sorted"] == "sort"
    assert table.error["absent"].startswith("RuntimeError: ")
    shown = capsys.readouterr().out
    assert shown.startswith("| library | models | traced wholly |")
    assert "| 3 | 1 (33%) | 99.6% (99.6%) |" in shown
    assert "| sort | sorted |" in shown


def test_a_permutation_that_changes_answers_ends_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Derived((Permutation(7, (Member("1.weight", 0),)),), ())
    monkeypatch.setattr(tracing, "candidates", lambda _: [replace(few("")[0], shapes=lambda _: [SHAPE])])
    monkeypatch.setattr(tracing, "derive_symmetries", lambda *_: wrong)
    with pytest.raises(RuntimeError, match=r"answers of torch 2\S+'s understood must stay as they are"):
        tracing.run_tracing_benchmark(["torch"], True, 1, None)


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ("keras", "models must be of torchvision or timm, as timm or timm:vit_*; got 'keras'"),
        pytest.param(
            "timm",
            "models must be of a library that is installed (pip install torchvision timm); got 'timm'",
            marks=pytest.mark.skipif(find_spec("timm") is not None, reason="timm is installed"),
        ),
    ],
)
def test_models_that_there_are_not_are_one_sentence(
    models: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["benchmark", "--tasks", "tracing", "--models", models]) == 2
    assert told in capsys.readouterr().err


PUBLISHED = {
    "torchvision": [
        "densenet121",
        "googlenet",
        "inception_v3",
        "mnasnet0_5",
        "mobilenet_v3_small",
        "regnet_y_400mf",
        "resnet18",
        "resnext50_32x4d",
        "shufflenet_v2_x0_5",
        "squeezenet1_1",
        "swin_v2_t",
    ],
    "timm": [
        "cait_xxs24_224",
        "convnext_atto",
        "eva02_tiny_patch14_224",
        "gmixer_12_224",
        "resnest14d",
        "tiny_vit_5m_224",
        "vit_tiny_patch16_224",
    ],
}
"""A few of each library, small ones, where it is installed; the benchmark takes all."""


@pytest.mark.parametrize(
    ("library", "name"), [(library, name) for library, names in PUBLISHED.items() for name in names]
)
def test_published_models_are_traced_and_answer_alike(library: str, name: str) -> None:
    pytest.importorskip(library)
    (candidate,) = candidates(f"{library}:{name}")
    row = measured(candidate, verified=True)
    assert not row["reasons"]
    assert not row["error"]
    assert row["permutations"]
    assert float(row["changed"]) < ROUNDING < 1e-3 < float(row["broken"])
