from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from agents.learning import match_weights
from agents.learning.alignment.weight_matching import permute
from agents.learning.networks.mlp import MLP
from agents.learning.training.optimisers import SGD, AdamW, Optimiser
from experiments.benchmarks import command as benchmark
from experiments.benchmarks import plain_learning as plain
from experiments.benchmarks import tasks as benchmark_tasks
from experiments.benchmarks.command import run_benchmark
from experiments.benchmarks.learning import cost_figure
from experiments.benchmarks.task import PAIRS, TASKS, Task
from experiments.command_line import cli
from experiments.runs import machine

COLUMNS = [
    *["task", "organisations", "item", "items", "plain_ms", "fleet_ms", "ratio", "ratio_min", "ratio_max"],
    *["difference", "gflops", "fleet_tensors_mib", "peak_share", "peak_gflops"],
    *["network", "clock", "repeats", "device", "threads", "torch", "peak_memory_mib"],
]
CPU = torch.device("cpu")


pytestmark = pytest.mark.xdist_group("benchmark")


@pytest.fixture(autouse=True, scope="module")
def _little_work() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(benchmark_tasks.NETWORK_CHOICES, "mlp", MLP(widths=[16, 16]))
        patch.setattr(benchmark_tasks, "EPOCHS_BEFORE", 1)
        patch.setattr(benchmark, "SHORTEST_TURN", 1e-4)
        patch.setattr(machine, "PEAK_TURNS", 2)
        yield


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark") / "new" / "folder"
    run_benchmark([2], 1, "cpu", 1, folder)
    return folder


def test_the_saved_table_has_a_row_a_task(saved: Path) -> None:
    table = pd.read_csv(saved / "benchmark.csv")
    assert list(table.columns) == COLUMNS
    assert tuple(table.task) == TASKS
    assert table["items"].tolist() == [2] * 9  # two organisations, each the only seller of the other
    assert table.item.tolist() == ["organisation"] * 5 + ["pair"] * 4
    assert ((table.difference >= 0) & (table.difference <= 1e-3)).all()
    assert (table[["plain_ms", "fleet_ms"]] > 0).all(axis=None)
    # one turn: its ratio is the median, the least and the greatest
    for column in ("ratio", "ratio_min", "ratio_max"):
        np.testing.assert_allclose(table[column], table.plain_ms / table.fleet_ms)
    assert (table.peak_memory_mib > 50).all()
    assert table.gflops.isna().tolist() == [False] * 6 + [True] * 3  # the others are not a matter of products
    np.testing.assert_allclose(table.peak_share, table.gflops / table.peak_gflops)
    # two MLPs of 1,482 float32 parameters train with moments, gradients and activations of their own
    assert (table.fleet_tensors_mib[:2] > 2 * 3 * 1482 * 4 / 2**20).all()
    assert set(table.torch) == {torch.__version__}


def test_files_are_whole_and_alone(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["benchmark.csv", "benchmark.png"]
    assert (saved / "benchmark.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"  # PNG specification, 5.2


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads of torch that nothing computes with: on shared cores they would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_one_organisation_has_nobody_to_trade_with(capsys: pytest.CaptureFixture[str]) -> None:
    run_benchmark([1, 1], 1, "cpu", 1, None)
    shown = capsys.readouterr().out
    assert torch.get_num_threads() == 2
    assert f"mlp, cpu, 1 thread, torch {torch.__version__}, peak memory" in shown
    assert all(task in shown for task in TASKS[: -len(PAIRS)])
    assert not any(task in shown for task in PAIRS)


def test_the_ratios_in_markdown(capsys: pytest.CaptureFixture[str], saved: Path) -> None:
    benchmark.print_learning(pd.read_csv(saved / "benchmark.csv"), markdown=True)
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[:2] == ["| task | N=2 |", "| --- | --- |"]
    assert [line.split("|")[1].strip() for line in lines[2:]] == list(TASKS)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("error", [2e-3, np.nan])
def test_a_way_that_computes_something_else_stops_the_benchmark(
    error: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = plain.evaluate_one_by_one
    monkeypatch.setattr(
        benchmark_tasks, "evaluate_one_by_one", lambda *given: (right(*given)[0] + error, right(*given)[1])
    )
    with pytest.raises(RuntimeError, match=r"evaluation of 1 organisations must give the same.*0\.001; got"):
        run_benchmark([1], 1, "cpu", 1, tmp_path)
    assert torch.get_num_threads() == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--organisations", "2", "0"], r"organisations must be .* >= 1; got \[2, 0\]"),
        (["--repeats", "0"], "repeats must be a whole number >= 1; got 0"),
        (["--threads", "-3"], "threads must be a whole number >= 1; got -3"),
        (["--device", "abacus"], "device must be one of auto, .*; got 'abacus'"),
        (["--output", __file__], "--output must be a folder.*; got .*test_command.py"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["benchmark", *given]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    with pytest.raises(ValueError, match=f"^parabourse: {message}"):
        raise ValueError(captured.err)
    assert captured.err.count("\n") == 1


def test_no_organisations_at_all() -> None:
    with pytest.raises(ValueError, match="organisations must be one or more"):
        run_benchmark([], 1, "cpu", 1, None)


def test_the_ways_take_turns_from_the_same_start(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    now = iter([0, 100, 0, 100, *[0, 8, 0, 2], *[0, 3, 0, 3], *[0, 9, 0, 1]])  # seconds on the clock
    for clock in ("perf_counter", "process_time"):
        monkeypatch.setattr(benchmark.time, clock, lambda: next(now))

    def way(name: str, value: float) -> np.ndarray:
        done.append(name)
        return np.array([value])

    task = Task(
        "t", "pair", 4, lambda: way("A", 5.0), lambda: way("B", 5.002), lambda: done.append("reset"), 10.0
    )
    row = benchmark._measured(task, 7, 3, CPU, lambda: done.append("tick"))
    assert done == [*["reset", "A", "B", "tick"] * 4, "reset", "B"]  # at last for its memory
    # the first turn does not count; ratios 4, 1, 9; medians of 8, 3, 9 and 2, 3, 1 seconds over 4 pairs
    assert (row["ratio_min"], row["ratio"], row["ratio_max"]) == (1, 4, 9)
    assert (row["plain_ms"], row["fleet_ms"]) == (2000, 500)
    assert row["difference"] == pytest.approx(2e-4)  # in units of the scale


def test_what_takes_no_time_is_done_several_times_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "SHORTEST_TURN", 0.02)
    now = iter([0, 0.006, 0, 0.008, *[0, 0.08, 0, 0.04]])
    for clock in ("perf_counter", "process_time"):
        monkeypatch.setattr(benchmark.time, clock, lambda: next(now))
    calls = {"plain": 0, "fleet": 0}

    def way(name: str) -> np.ndarray:
        calls[name] += 1
        return np.zeros(1)

    row = benchmark._measured(
        Task("t", "pair", 1, lambda: way("plain"), lambda: way("fleet")), 1, 1, CPU, lambda: None
    )
    assert calls == {"plain": 5, "fleet": 6}  # once before, 20 ms / 6 ms rounded up, once for its memory
    assert (row["plain_ms"], row["fleet_ms"]) == (pytest.approx(20), pytest.approx(10))


def test_the_figure_has_a_line_a_task_on_logarithmic_axes(saved: Path) -> None:
    cost, ratio = cost_figure(pd.read_csv(saved / "benchmark.csv")).axes
    for axes in (cost, ratio):
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert axes.get_xlabel() == "organisations"
    assert ratio.get_ylabel() == "time of plain loops / time of the fleet"
    lines, names = cost.get_legend_handles_labels()
    assert tuple(names) == TASKS[:-1]  # the auction is for accelerators
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 8


@pytest.mark.parametrize("network", ["convnet", pytest.param("resnet", marks=pytest.mark.heavy)])
def test_plain_loops_and_the_fleet_agree_for_every_network(network: str) -> None:
    for task in benchmark_tasks.benchmark_tasks(2, CPU, network):
        if task.name in ("evaluation", "alignment", "merging"):
            (task.reset or (lambda: None))()
            np.testing.assert_allclose(task.plain() / task.scale, task.fleet() / task.scale, atol=1e-3)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("optimiser", [SGD(weight_decay=1e-3, nesterov=True), AdamW()])
def test_an_optimiser_that_forgets_starts_as_a_new_one(optimiser: Optimiser, fused: bool) -> None:
    x, y = torch.rand(8, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
    module = MLP(widths=[4]).bind((1, 1, 5), 3).skeleton()
    start = {name: leaf.clone() for name, leaf in module.state_dict().items()}
    used = plain.torch_optimiser(optimiser, module, fused)

    def epoch(stepper: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
        module.load_state_dict(start)
        plain.train_one_by_one([module], [stepper], x, y, [torch.arange(8)], 3)
        return {name: leaf.clone() for name, leaf in module.state_dict().items()}

    first, remembering = epoch(used), epoch(used)
    plain.forget(used)
    again = epoch(used)
    assert all(torch.equal(again[name], leaf) for name, leaf in first.items())
    assert any(not torch.equal(remembering[name], leaf) for name, leaf in first.items())
    assert not torch.equal(first["head.weight"], start["head.weight"])


def test_only_known_optimisers_have_a_torch_counterpart() -> None:
    with pytest.raises(TypeError, match="optimiser must be SGD or AdamW; got object"):
        plain.torch_optimiser(object(), torch.nn.Linear(1, 1))  # type: ignore[arg-type]


def test_the_plain_alignment_finds_a_planted_permutation_and_agrees_with_the_fleet() -> None:
    rng = np.random.default_rng(3)
    architecture = MLP(widths=[16, 12]).bind((1, 4, 4), 5)
    drawn = [architecture.initial(rng) for _ in range(2)]
    two = {name: torch.from_numpy(np.stack([model[name] for model in drawn])) for name in drawn[0]}
    own = {name: leaf[:1] for name, leaf in two.items()}
    orders = {"layer0.units": rng.permutation(16), "layer1.units": rng.permutation(12)}
    planted = permute(architecture, own, {n: torch.from_numpy(o)[None] for n, o in orders.items()})
    stack = {name: torch.cat([leaf, planted[name]]) for name, leaf in two.items()}
    modules = [architecture.module(stack, slot) for slot in range(3)]
    other, recovered = plain.align_one_by_one(architecture, modules, [0], np.array([[1, 2]]))
    # a model that is aligned with itself: the squared norm, the greatest inner product (Cauchy and Schwarz)
    assert recovered == pytest.approx(sum(float(leaf.double().square().sum()) for leaf in own.values()))
    fleet = match_weights(architecture, own, {name: leaf[1:2] for name, leaf in stack.items()}).objective
    assert other == pytest.approx(fleet[-1, 0], rel=1e-12)
    assert fleet[-1, 0] > fleet[0, 0]
