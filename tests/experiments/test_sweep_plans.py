"""Sweeps before they are played: their cells and keys, who plays them, and what is refused."""

import dataclasses
from pathlib import Path

import pytest

from experiments.command_line.cli import main
from experiments.configuration.composition import compose_config, set_up_hydra
from experiments.configuration.keys import RunConfig
from experiments.runs.cells import cell_key
from experiments.sweeping import launchers
from experiments.sweeping.command import compose_master
from experiments.sweeping.launchers import jobs_at_once, prepare_launchers
from experiments.sweeping.plan import plan_sweep

ROOT = Path(__file__).parents[2]
TINY = ["organisations=2", "rounds=2", "replicates=2", "data.examples=300", "network.widths=[8]"]


def test_jobs_and_their_threads_fit_the_cores(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    assert [jobs_at_once(threads) for threads in (1, 3, 8, 16, None)] == [8, 2, 1, 1, 1]
    set_up_hydra()
    prepare_launchers()
    master = compose_master(["run.threads=4"])
    assert master.hydra.launcher.n_jobs == 2


def test_what_the_key_of_a_cell_depends_on(monkeypatch):
    set_up_hydra()
    config = compose_config([mix := "population.mix={truthful:2,shading:2}"])
    key = cell_key(config)
    assert cell_key(dataclasses.replace(config, run=RunConfig(figures=False, threads=2))) == key
    others = [[mix, "seed=1"], [mix, "setting.demand.tau=0.06"], ["population.mix={shading:2,truthful:2}"]]
    keys = {cell_key(compose_config(other)) for other in others}
    assert len(keys | {key}) == 4
    monkeypatch.setattr("experiments.runs.cells._version", lambda: "99")
    assert cell_key(config) != key


def test_a_preset_may_sweep_and_what_is_typed_goes_first():
    set_up_hydra()
    prepare_launchers()
    plan = plan_sweep(compose_master(["experiment=closeness", "seed=0,1"]))
    assert plan.keys == ["setting.demand.tau"]
    assert [(cell.choice["setting.demand.tau"], cell.seed) for cell in plan.cells[:3]] == [
        ("0.02", 0),
        ("0.02", 1),
        ("0.05", 0),
    ]
    typed = plan_sweep(compose_master(["experiment=closeness", "setting.demand.tau=0.02,0.3"]))
    assert {cell.key for cell in typed.cells} & {cell.key for cell in plan.cells} == {plan.cells[0].key}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["hydra/launcher=rai"], "hydra/launcher must be one of"),
        (["hydra/launcher=ray"], "pip install 'parabourse[ray]'"),
        (["mechanism=glob(m*)"], "several values must be listed"),
        (["--config-name=mine"], "no flag but -m"),
        (["hydra.sweep.dir=tests"], "hydra.sweep.dir must be a new folder or that of a sweep"),
    ],
)
def test_sweeps_that_cannot_be_played_are_refused(typed, told, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(launchers, "_installed", lambda: {"basic", "joblib"})
    assert main(["run", "-m", *TINY, "seed=0,1", *typed]) == 2
    assert told in capsys.readouterr().err
