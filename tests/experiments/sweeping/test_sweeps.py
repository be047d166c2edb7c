"""Sweeps: the same table whoever plays the cells and whatever stops them, and no finished cell twice."""

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import cloudpickle
import pandas as pd
import pytest
from filelock import FileLock
from hydra.core.singleton import Singleton
from joblib.externals.loky.backend.context import set_start_method

from experiments.command_line.cli import main
from experiments.findings.summary import METRICS
from experiments.runs import runner
from experiments.runs.runner import start
from experiments.sweeping import launchers
from experiments.sweeping.plan import Plan
from experiments.sweeping.sweeps import read_sweep
from sim.records.run_folder import RunFolder
from tests.experiments.own_process import Command
from tests.experiments.tiny_runs import draw_no_figures

# One process plays the sweep that all tests compare with.
pytestmark = pytest.mark.xdist_group("sweeps")

ROOT = Path(__file__).parents[3]
TINY = ["organisations=2", "rounds=2", "replicates=2", "data.examples=300", "network.widths=[8]"]
FOUR = [*TINY, "run=tables_only", "mechanism=first_price,mcafee", "seed=0,1"]
TABLES = ("sweep.parquet", "replicates.parquet", "comparison.csv", "differences.csv")


@pytest.fixture(scope="module")
def whole_and_told(tmp_path_factory):
    """Return the folder and the output of a sweep of four cells, played one by one without a stop."""
    folder = tmp_path_factory.mktemp("basic") / "sweep"
    with redirect_stdout(StringIO()) as told:
        assert main(["run", "-m", *FOUR, "hydra/launcher=basic", f"hydra.sweep.dir={folder}"]) == 0
    return folder, told.getvalue()


@pytest.fixture(scope="module")
def whole(whole_and_told):
    """Return the folder of the sweep alone; not to be changed."""
    return whole_and_told[0]


def sweep(folder, *overrides, launcher="basic"):
    """Repeat the sweep in a folder, in this process, and return the exit code."""
    return main(["run", "-m", *FOUR, f"hydra/launcher={launcher}", f"hydra.sweep.dir='{folder}'", *overrides])


def marks(folder):
    """Return when each finished cell was finished."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("cells/*/summary.csv")}


def assert_same_tables(one, two):
    for name in TABLES:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def copy(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "a sweep"))


def command(folder, *overrides, python=sys.executable):
    command = [python, "-m", "experiments.command_line.cli", "run", "-m"]
    return [*command, *FOUR, f"hydra.sweep.dir={folder}", *overrides]


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_the_table_has_a_row_for_every_cell_and_arm(whole):
    found = read_sweep(whole)
    assert found.keys == ["mechanism"]
    assert found.unfinished == []
    assert len(found.cells) == 8
    assert list(found.cells)[:5] == ["cell", "mechanism", "seed", "arm", "replicates"]
    assert list(found.cells)[5:] == list(METRICS)
    assert list(found.cells["mechanism"].unique()) == ["first_price", "mcafee"]
    assert set(found.cells["cell"]) == {path.name for path in (whole / "cells").iterdir()}
    by = ["cell", "arm"]
    means = found.replicates.groupby(by, sort=False)[list(METRICS)].mean().reset_index()
    pd.testing.assert_frame_equal(means, found.cells[[*by, *METRICS]])


def test_a_sweep_ends_with_a_comparison(whole_and_told, tmp_path, monkeypatch):
    whole, told = whole_and_told
    table = pd.read_csv(whole / "comparison.csv")
    assert set(table["mechanism"]) == {"first_price", "mcafee"}
    assert set(table.loc[table["metric"] == "welfare", "n"]) == {4}
    differences = pd.read_csv(whole / "differences.csv")
    assert set(differences["mechanism"]) == {"mcafee"}
    autarky = differences[(differences["arm"] == "autarky") & (differences["metric"] == "welfare")]
    assert (autarky[["mean", "low", "high"]] == 0).all().all()
    assert "mcafee" in told
    folder = copy(whole, tmp_path)
    draw_no_figures(monkeypatch)
    assert main(["report", str(folder)]) == 0
    assert (folder / "comparison.csv").read_bytes() == (whole / "comparison.csv").read_bytes()


def test_swept_numbers_are_numbers_and_a_larger_sweep_keeps_the_cells_of_a_smaller_one(tmp_path, capsys):
    folder = tmp_path / "sweep"
    small = [*TINY, "rounds=1", "run=tables_only", "hydra/launcher=basic", f"hydra.sweep.dir={folder}"]
    assert main(["run", "-m", *small, "setting.demand.tau=0.05"]) == 0
    before = marks(folder)
    assert main(["run", "-m", *small, "setting.demand.tau=0.05,0.1,.1"]) == 0
    assert "2 cells, 1 finished, 1 to play" in capsys.readouterr().out
    assert before.items() < marks(folder).items()
    found = read_sweep(folder)
    assert list(found.cells["setting.demand.tau"]) == [0.05, 0.05, 0.1, 0.1]
    assert main(["run", "-m", *small, "setting.demand.tau=0.05"]) == 0
    assert len(read_sweep(folder).cells) == 2


@pytest.fixture
def submitit():
    return pytest.importorskip("submitit", reason="submitit is not installed (the extra slurm)")


@pytest.fixture
def in_this_process(submitit, monkeypatch):
    """Let submitit call what it pickled for a process, in this one."""
    launcher = importlib.import_module(
        "hydra_plugins.hydra_submitit_launcher.submitit_launcher"
    ).LocalLauncher
    submitted = submitit.DebugExecutor._internal_process_submissions

    def unpickled(executor, jobs):
        return submitted(executor, [cloudpickle.loads(cloudpickle.dumps(job)) for job in jobs])

    monkeypatch.setattr(submitit.DebugExecutor, "_internal_process_submissions", unpickled)
    monkeypatch.setattr(launcher, "_EXECUTOR", "debug")
    hydras = Singleton.get_state()  # which a job replaces by what was pickled with it
    yield
    Singleton.set_state(hydras)


def assert_submitit_makes_the_same_table(whole, folder, missing):
    for key in sorted(marks(folder))[:missing]:
        shutil.rmtree(folder / "cells" / key)
    assert sweep(folder, launcher="submitit_local") == 0
    assert_same_tables(whole, folder)


@pytest.mark.usefixtures("in_this_process")
def test_submitit_makes_the_same_table(whole, tmp_path):
    assert_submitit_makes_the_same_table(whole, copy(whole, tmp_path), 1)


@pytest.mark.heavy
@pytest.mark.usefixtures("submitit")
@pytest.mark.parametrize("missing", [1, 4])
def test_submitit_makes_the_same_table_in_processes_of_its_own(missing, whole, tmp_path):
    assert_submitit_makes_the_same_table(whole, copy(whole, tmp_path), missing)


def test_ray_makes_the_same_table(whole, tmp_path):
    """Hydra's launcher for Ray is best kept in an environment of its own: PARABOURSE_RAY_PYTHON names it."""
    python = os.environ.get("PARABOURSE_RAY_PYTHON", sys.executable)
    if python == sys.executable:
        pytest.importorskip("ray", reason="Ray is not installed, and PARABOURSE_RAY_PYTHON is not set")
    # Not in `tmp_path`: the names of Ray's sockets would be too long.
    with tempfile.TemporaryDirectory() as own:
        typed = ["hydra/launcher=ray", f"+hydra.launcher.ray.init._temp_dir={own}"]
        # Ray writes a token into the home directory.
        own_home = environment() | {"HOME": own}
        subprocess.run(command(tmp_path / "sweep", *typed, python=python), env=own_home, check=True)
    assert_same_tables(whole, tmp_path / "sweep")


def fork_joblibs_processes():
    """Let joblib fork its processes: to start them anew, and import torch, takes longer than the cells."""
    warnings.filterwarnings("ignore", "`fork` start method")
    set_start_method("fork", force=True)


@pytest.mark.parametrize(
    "before", [fork_joblibs_processes, pytest.param(None, marks=pytest.mark.heavy, id="as users start them")]
)
def test_a_killed_sweep_goes_on_to_the_same_table_and_repeats_no_cell(before, whole, tmp_path):
    """Joblib plays until all of its processes are killed."""
    folder = tmp_path / "sweep"
    typed = ("run", "-m", *FOUR, f"hydra.sweep.dir={folder}")
    command = Command(tmp_path / "printed", *typed, before=before)
    while not marks(folder) and command.runs:
        time.sleep(0.01)
    command.kill_all()
    before = marks(folder)
    assert 1 <= len(before) < 4
    assert sweep(folder) == 0
    assert before.items() <= marks(folder).items()
    assert_same_tables(whole, folder)


def test_damaged_and_half_played_cells_are_played_again_and_no_other(whole, tmp_path, capsys):
    folder = copy(whole, tmp_path)
    truncated, damaged, stopped, *untouched = sorted(marks(folder))
    before = marks(folder)
    path = folder / "cells" / truncated / "rounds.parquet"
    path.write_bytes(path.read_bytes()[:100])
    path = folder / "cells" / damaged / "replicates.csv"
    path.write_text(path.read_text().replace("0", "1"))
    (folder / "cells" / stopped / "summary.csv").unlink()
    (folder / "cells" / stopped / "checkpoint.safetensors").write_bytes(b"half")
    (folder / "sweep.parquet").unlink()
    assert sweep(folder) == 0
    told = capsys.readouterr().out
    assert "4 cells, 1 finished, 3 to play" in told
    assert "2 whose records are damaged" in told
    assert {key for key, when in marks(folder).items() if when == before[key]} == set(untouched)
    assert_same_tables(whole, folder)


def test_a_cell_that_fails_stops_no_other_and_is_played_again(whole, tmp_path, capsys, monkeypatch):
    folder = copy(whole, tmp_path)
    fails, succeeds, *_ = [
        cell.key for cell in Plan.load(RunFolder(folder)).cells if cell.choice == {"mechanism": "mcafee"}
    ]
    for key in (fails, succeeds):
        shutil.rmtree(folder / "cells" / key)

    def start_or_fail(config, text, folder, models):
        if folder.name == fails:
            raise RuntimeError("the device has melted")
        start(config, text, folder, models)

    monkeypatch.setattr(launchers, "start", start_or_fail)
    assert sweep(folder) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "mechanism=mcafee seed=0: the device has melted" in told[0]
    assert "1 of 4 cells" in told[1]
    [unfinished] = read_sweep(folder).unfinished
    assert "RuntimeError" in Path(unfinished, "error.txt").read_text()
    monkeypatch.undo()
    before = marks(folder)
    assert succeeds in before
    assert sweep(folder) == 0
    assert before.items() < marks(folder).items()
    assert_same_tables(whole, folder)


def test_ctrl_c_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(launchers, "start", stop)
    assert sweep(tmp_path / "sweep") == 130
    assert capsys.readouterr().err.strip() == "parabourse: stopped; the same command goes on."


def test_a_second_process_waits_and_plays_nothing(whole, tmp_path, monkeypatch):
    folder = copy(whole, tmp_path)
    [key, *_] = marks(folder)
    cell = folder / "cells" / key
    mark = (cell / "summary.csv").read_bytes()
    (cell / "summary.csv").unlink()
    monkeypatch.setattr(launchers, "start", None)
    second = threading.Thread(target=sweep, args=(folder,))
    with FileLock(cell / ".lock"):
        second.start()
        second.join(2)
        assert second.is_alive()
        (cell / "summary.csv").write_bytes(mark)
    second.join(60)
    assert not second.is_alive()
    assert not (cell / "error.txt").exists()


def test_cells_made_with_other_versions_are_kept_with_a_warning(whole, tmp_path, capsys, monkeypatch):
    folder = copy(whole, tmp_path)
    monkeypatch.setattr(runner, "library_versions", lambda: {"torch": "99"})
    before = marks(folder)
    assert sweep(folder) == 0
    assert "some finished cells were made with other versions (python" in capsys.readouterr().err
    assert marks(folder) == before


def test_the_folder_is_found_again_in_whatever_order_cells_are_typed(whole):
    plan = Plan.load(RunFolder(whole))
    assert Plan(plan.keys, plan.cells[::-1]).key == plan.key
    assert Plan(plan.keys, plan.cells[:-1]).key != plan.key
