"""``parabourse run -m``: plan a sweep, play what is missing, and compare its cells.

Core Objects: run_sweep, compose_master
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from experiments.command_line.sentences import UserError, one_sentence
from experiments.configuration.composing import composing, load
from experiments.configuration.known_keys import check_keys
from experiments.configuration.overrides import check_grammar
from experiments.reports.sweep_conclusion import conclude_sweep
from experiments.runs.jobs import check_logs
from experiments.runs.output_folders import check_writable
from experiments.sweeping.cells import failure, is_finished, made_by_other_versions, withdraw_damaged
from experiments.sweeping.launchers import check_launcher, launch, prepare_launchers
from experiments.sweeping.plan import CELLS, PLAN, Plan, PlannedCell, plan_sweep
from experiments.sweeping.progress import SweepProgress
from sim.records.run_folder import RunFolder
from sim.records.signed_list import NAME


def run_sweep(overrides: Sequence[str]) -> int:
    """Play the cells that the overrides stand for and that are missing, and return the exit code.

    The code is 0 where all cells have finished, 1 where one has not, and 130 after Ctrl-C; the same command
    goes on, whatever stopped it.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        If any configuration is not allowed; nothing has been written then.
    """
    prepare_launchers()
    check_launcher(overrides)
    master = compose_master(overrides)
    plan = plan_sweep(master)
    OmegaConf.register_new_resolver("sweep_key", lambda: plan.key, replace=True)
    folder = Path(str(master.hydra.sweep.dir))
    check_logs(master, folder)
    if (most := master.hydra.sweeper.get("max_batch_size")) is not None and most < 1:
        raise UserError(f"hydra.sweeper.max_batch_size must be at least 1, or null for all; got {most}")
    _claim(folder)
    own = RunFolder(folder)
    with own.held(wait=True):
        plan.save(own, OmegaConf.to_yaml(master))
    try:
        _play_missing(plan, folder, master)
    except KeyboardInterrupt:
        print("parabourse: stopped; the same command goes on.", file=sys.stderr)
        return 130
    if any(is_finished(folder / CELLS / cell.key) for cell in plan.cells):
        with own.held(wait=True):
            conclude_sweep(folder, master.run.figures)
    return _tell_failures(plan, folder)


def compose_master(overrides: Sequence[str]) -> DictConfig:
    """Return what all cells share, and Hydra's own configuration."""
    with composing():
        check_keys([check_grammar(override) for override in overrides])
        return load("config", overrides, RunMode.MULTIRUN)


def _claim(folder: Path) -> None:
    """Make the sweep's folder, or accept that of another sweep, whose cells are then kept."""
    check_writable(folder, "hydra.sweep.dir")
    # Hidden files, and a list without what it names, are a command's that was killed at its start.
    known = not folder.exists() or (folder / PLAN).is_file()
    if not known and any(not path.name.startswith(".") and path.name != NAME for path in folder.iterdir()):
        raise UserError(f"hydra.sweep.dir must be a new folder or that of a sweep; got {str(folder)!r}")
    folder.mkdir(parents=True, exist_ok=True)


def _play_missing(plan: Plan, folder: Path, master: DictConfig) -> None:
    folders = {cell.key: folder / CELLS / cell.key for cell in plan.unique}
    damaged = withdraw_damaged(list(folders.values()))
    missing = [cell for cell in plan.unique if not is_finished(folders[cell.key])]
    kept = [path for path in folders.values() if is_finished(path)]
    print(f"sweep {folder}: {len(folders)} cells, {len(kept)} finished, {len(missing)} to play", flush=True)
    if damaged:
        print(f"{len(damaged)} whose records are damaged are played again", flush=True)
    if others := made_by_other_versions(kept):
        told = ", ".join(f"{name} {version}" for name, version in others.items())
        print(
            f"parabourse: some finished cells were made with other versions ({told}) and are kept; delete "
            f"{folder / CELLS} to play them again.",
            file=sys.stderr,
        )
    if not missing:
        return
    with (
        composing(),
        SweepProgress(list(plan.unique), folder, master.run.progress),
    ):
        HydraConfig.instance().set_config(master)
        try:
            launch(master, missing, folder)
        except Exception as error:
            # Cells answer for themselves; this is the launcher's own, and finished cells are kept.
            print(f"parabourse: the launcher failed: {one_sentence(error)}.", file=sys.stderr)


def _tell_failures(plan: Plan, folder: Path) -> int:
    failed = [cell for cell in plan.unique if not is_finished(folder / CELLS / cell.key)]
    for cell in failed:
        path = folder / CELLS / cell.key
        print(f"parabourse: not finished: {_name(cell)}: {failure(path)} ({path}).", file=sys.stderr)
    if failed:
        print(
            f"parabourse: {len(failed)} of {len(plan.unique)} cells have not finished; the same command "
            f"plays them again.",
            file=sys.stderr,
        )
    return 1 if failed else 0


def _name(cell: PlannedCell) -> str:
    return " ".join([*(f"{key}={value}" for key, value in cell.choice.items()), f"seed={cell.seed}"])
