from pathlib import Path

import pandas as pd
import pytest
import torch

from agents.learning.networks.mlp import MLP
from agents.learning.networks.resnet import ResNet
from agents.learning.stack.memory import training_bytes, training_size, working_bytes
from experiments.benchmarks import memory as benchmark_memory
from experiments.benchmarks.memory import BUDGET_MB, Case
from experiments.command_line import cli

CPU = torch.device("cpu")


def small(organisations: int) -> list[Case]:
    return [Case("small", ResNet(depth=10, channels=2), organisations, 8, 2, 3, 4)]


def test_every_task_has_a_row_and_stays_within_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark_memory, "cases", small)
    arguments = ["--tasks", "memory", "--organisations", "3", "--output", str(tmp_path), "--markdown"]
    assert cli.main(["benchmark", *arguments]) == 0
    table = pd.read_csv(tmp_path / "memory.csv")
    assert table.task.tolist() == ["training", "evaluation", "trials"]
    assert set(table.organisations) == {3}
    # parameters and two moments of AdamW, float32
    assert table.stack_mib[0] == pytest.approx(3 * 3 * 4 * table.parameters[0] / 2**20)
    assert ((table.tensors_mib > 0) & (table.tensors_mib < BUDGET_MB)).all()
    assert (table.process_mib > table.tensors_mib).all()
    shown = capsys.readouterr().out
    assert shown.startswith("| network | N |")
    assert "3 models of" in shown


def test_more_than_the_budget_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_memory, "cases", small)
    monkeypatch.setattr(benchmark_memory, "BUDGET_MB", 0.1)
    with pytest.raises(RuntimeError, match=r"training of 2 models \(small\) must take at most 0.1 MiB; took"):
        benchmark_memory.run_memory_benchmark(2, "cpu", 1, None)
    with pytest.raises(ValueError, match="organisations must be a whole number >= 2; got 1"):
        benchmark_memory.run_memory_benchmark(1, "cpu", 1, None)


def test_the_networks_are_those_of_the_literature() -> None:
    """He et al. (2016): 0.27 million parameters; Zagoruyko and Komodakis (2016) widen by 6."""
    classical, wide, adapted = (case.network.bind((3, 32, 32), 10) for case in benchmark_memory.cases(256))
    assert classical.parameter_count == pytest.approx(0.27e6, rel=0.02)
    assert 30 < wide.parameter_count / classical.parameter_count < 36
    assert (adapted.parameter_count, adapted.module({}, 0).base.weight.numel()) == (17_226, 3072 * 352)


def test_an_accelerator_trains_a_thousand_organisations_in_one_step() -> None:
    accelerator = torch.device("cuda")
    published = MLP(widths=[32, 32, 32, 16]).bind((1, 28, 28), 10)
    for architecture, batch, budget in ((MLP().bind((1, 8, 8), 10), 64, 512), (published, 512, 4096)):
        each = training_bytes(architecture, batch, accelerator)
        assert training_size(working_bytes(budget, accelerator), each, accelerator) >= 1024
        assert training_size(working_bytes(budget, CPU), each, CPU) < 1024
