"""Records of what the command line does: a run, stopped and resumed or not, and a sweep."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

from experiments.command_line.cli import main
from experiments.configuration.composition import compose_config, expand, set_up_hydra
from sim.cohort import Cohort
from sim.records.run_folder import RunFolder
from sim.records.tables import read_tables
from tests.golden.kinds import Tables


@dataclass(frozen=True)
class Run:
    """A run from the command line: its tables and what is summed up from them.

    Attributes
    ----------
    overrides : tuple of str
        As typed.
    stop_after : int
        Rounds after which the run is interrupted; `parabourse resume` then plays the rest. 0 is never.
    """

    overrides: tuple[str, ...]
    stop_after: int = 0
    portable = True

    def tables(self) -> Tables:
        """Play the run in a folder that is removed afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            command = ["run", *self.overrides, "run=tables_only", f"hydra.run.dir={run}"]
            if self.stop_after:
                with patch.object(Cohort, "step", _interrupted(self.stop_after)):
                    _call(command, expected=130)
                command = ["resume", str(run)]
            _call(command)
            summed = {name: pd.read_csv(run / f"{name}.csv") for name in ("summary", "replicates")}
            return read_tables(RunFolder(run)) | summed

    def configurations(self) -> Iterator[Any]:
        """The worlds of the run, in every arm."""
        set_up_hydra()
        config = compose_config(self.overrides)
        yield from (config.market().in_setting(arm) for arm in config.arms)


@dataclass(frozen=True)
class Sweep:
    """A sweep from the command line: its tables and comparisons."""

    overrides: tuple[str, ...]
    portable = True

    def tables(self) -> Tables:
        """Play the sweep, cell after cell, in a folder that is removed afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            sweep = Path(folder) / "sweep"
            typed = [*self.overrides, "run=tables_only", "hydra/launcher=basic", f"hydra.sweep.dir={sweep}"]
            _call(["run", "-m", *typed])
            tables = {name: pd.read_parquet(sweep / f"{name}.parquet") for name in ("sweep", "replicates")}
            return tables | {
                name: pd.read_csv(sweep / f"{name}.csv") for name in ("comparison", "differences")
            }

    def configurations(self) -> Iterator[Any]:
        """The worlds of the cells."""
        set_up_hydra()
        yield from (compose_config(cell).market() for cell in expand(self.overrides))


def _call(command: list[str], expected: int = 0) -> None:
    """Call the command line in this process, in silence."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        try:
            code = main(command)
        except SystemExit as left:
            code = left.code
    if code != expected:
        raise RuntimeError(f"parabourse {' '.join(command)} ended with {code}:\n{told.getvalue()}")


def _interrupted(rounds: int) -> Callable[..., Tables]:
    """Return a `Cohort.step` that is interrupted, as by Ctrl-C, once it has played so many rounds."""
    step = Cohort.step

    def interrupted(cohort: Cohort, *arguments: Any) -> Tables:
        if cohort.rounds_played == rounds:
            raise KeyboardInterrupt
        return step(cohort, *arguments)

    return interrupted
