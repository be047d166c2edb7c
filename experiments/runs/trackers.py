"""Trackers: the metrics of every round, arm by arm, in TensorBoard, MLflow or Weights & Biases.

``run.tracker`` chooses one. It is told after each round what the table `rounds` says, as the mean over
replicates; it changes no number and no record. TensorBoard writes into the run's folder, MLflow and Weights &
Biases where their environment variables say.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.command_line.sentences import UserError

PROJECT = "parabourse"
TRACKER_FOLDERS = ("tensorboard", "wandb")
"""Folders within a run's that trackers write into."""


class Tracker:
    """What is told of every round; this one keeps nothing."""

    def log(self, round_number: int, metrics: dict[str, float]) -> None:
        """Take the metrics of a round, counted from 1, by ``arm/metric``."""

    def close(self) -> None:
        """End the run; what was logged is kept."""


class TensorBoardTracker(Tracker):
    """Event files in the run's folder `tensorboard/`: ``tensorboard --logdir RUN`` shows them."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(log_dir=str(folder / "tensorboard"))
        self._writer.add_text("config", f"```\n{config}\n```")

    def log(self, round_number: int, metrics: dict[str, float]) -> None:
        """Write one scalar a metric."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, round_number)

    def close(self) -> None:
        """Flush and close the event file."""
        self._writer.close()


class MlflowTracker(Tracker):
    """A run in the experiment `parabourse`, where ``MLFLOW_TRACKING_URI`` says."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        import mlflow

        self._mlflow = mlflow
        mlflow.set_experiment(PROJECT)
        mlflow.start_run(run_name=folder.name)
        mlflow.log_dict(config, "config.json")

    def log(self, round_number: int, metrics: dict[str, float]) -> None:
        """Log the metrics with the round as their step."""
        self._mlflow.log_metrics(metrics, step=round_number)

    def close(self) -> None:
        """End the run."""
        self._mlflow.end_run()


class WandbTracker(Tracker):
    """A run in the project `parabourse`; with ``WANDB_MODE=offline`` it stays on this machine."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        import wandb

        self._run = wandb.init(project=PROJECT, name=folder.name, dir=str(folder), config=config)

    def log(self, round_number: int, metrics: dict[str, float]) -> None:
        """Log the metrics with the round as their step."""
        self._run.log(metrics, step=round_number)

    def close(self) -> None:
        """End the run."""
        self._run.finish()


TRACKERS: dict[str, Callable[[Path, dict[str, Any]], Tracker]] = {
    "tensorboard": TensorBoardTracker,
    "mlflow": MlflowTracker,
    "wandb": WandbTracker,
}


def check_tracker(name: str) -> None:
    """Raise ``UserError`` if the library behind a tracker is not installed."""
    if name in TRACKERS and importlib.util.find_spec(name) is None:
        raise UserError(f"run.tracker={name} needs a library: pip install {name}")


def open_tracker(name: str, folder: Path, config: dict[str, Any]) -> Tracker:
    """Return the tracker of a run.

    Parameters
    ----------
    name : str
        ``none``, ``tensorboard``, ``mlflow`` or ``wandb``.
    folder : Path
        The run's folder; its name is the run's name.
    config : dict
        The run's configuration, shown beside its metrics.
    """
    check_tracker(name)
    return TRACKERS[name](folder, config) if name in TRACKERS else Tracker()


def round_metrics(rounds: pd.DataFrame) -> dict[str, float]:
    """Return the means over replicates of one round's rows of the table `rounds`, by ``arm/metric``.

    What does not apply to an arm (NaN) is left out.
    """
    means = rounds.drop(columns=["replicate", "round"]).groupby("arm", sort=False).mean()
    return {
        f"{arm}/{metric}": float(value)
        for arm, row in means.iterrows()
        for metric, value in row.items()
        if np.isfinite(value)
    }
