"""Trackers hear of every round, arm by arm; where a library is missing, a sentence says what to install."""

import importlib.machinery
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from experiments.command_line.cli import main
from experiments.runs.trackers import open_tracker, round_metrics
from sim.records.run_folder import RunFolder
from sim.records.tables import read_tables

TINY = ["organisations=2", "rounds=2", "replicates=2", "data.examples=300", "network.widths=[8]"]


def run(folder, tracker):
    typed = ["run=tables_only", f"run.tracker={tracker}", f"hydra.run.dir={folder}"]
    return main(["run", *TINY, *typed])


@pytest.fixture
def library(monkeypatch):
    """Put a module in the place of a library, with given functions."""

    def install(name, **functions):
        module = ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        vars(module).update(functions)
        monkeypatch.setitem(sys.modules, name, module)

    return install


def test_tensorboard_holds_every_round_of_every_arm(tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert run(tmp_path / "run", "tensorboard") == 0
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    rounds = read_tables(RunFolder(tmp_path / "run"))["rounds"]
    for arm in ("autarky", "competitive"):
        scalars = events.Scalars(f"{arm}/welfare")
        assert [scalar.step for scalar in scalars] == [1, 2]
        means = rounds[rounds["arm"] == arm].groupby("round")["welfare"].mean()
        assert [scalar.value for scalar in scalars] == pytest.approx(list(means))


def test_metrics_are_means_over_replicates_and_leave_out_what_does_not_apply():
    rounds = pd.DataFrame(
        {
            "arm": ["a", "a", "b"],
            "replicate": [0, 1, 0],
            "round": 1,
            "x": [1, 2, 3.0],
            "y": [4, 6, np.nan],
        }
    )
    assert round_metrics(rounds) == {"a/x": 1.5, "a/y": 5.0, "b/x": 3.0}


def test_mlflow_hears_of_every_round(tmp_path, library):
    """The functions have the names and parameters of MLflow's fluent interface."""
    calls = []
    library(
        "mlflow",
        set_experiment=lambda experiment_name: calls.append(("experiment", experiment_name)),
        start_run=lambda *, run_name: calls.append(("start", run_name)),
        log_dict=lambda dictionary, artifact_file: calls.append(("dict", dictionary["seed"], artifact_file)),
        log_metrics=lambda metrics, step: calls.append(("metrics", sorted(metrics), step)),
        end_run=lambda: calls.append(("end",)),
    )
    tracker = open_tracker("mlflow", tmp_path, {"seed": 3})
    tracker.log(1, {"autarky/welfare": 0.5})
    tracker.close()
    assert calls == [
        ("experiment", "parabourse"),
        ("start", tmp_path.name),
        ("dict", 3, "config.json"),
        ("metrics", ["autarky/welfare"], 1),
        ("end",),
    ]


def test_weights_and_biases_hears_of_every_round(tmp_path, library):
    """The functions have the names and parameters of `wandb.init` and of the run that it returns."""
    calls = []

    class Run:
        def log(self, data, step):
            calls.append((data, step))

        def finish(self):
            calls.append("finish")

    def init(*, project, name, dir, config):  # noqa: A002
        calls.append((project, name, dir, config))
        return Run()

    library("wandb", init=init)
    tracker = open_tracker("wandb", tmp_path, {"seed": 3})
    tracker.log(1, {"autarky/welfare": 0.5})
    tracker.close()
    assert calls == [
        ("parabourse", tmp_path.name, str(tmp_path), {"seed": 3}),
        ({"autarky/welfare": 0.5}, 1),
        "finish",
    ]


def test_a_missing_library_is_named_before_any_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(tmp_path / "run", "wandb") == 2
    assert capsys.readouterr().err == "parabourse: run.tracker=wandb needs a library: pip install wandb.\n"
    assert not (tmp_path / "run").exists()
