"""``parabourse run -m``: plan a sweep, play what is missing, and compare its cells.

Core Objects: run_sweep, compose_master
"""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from experiments.command_line.sentences import UserError
from experiments.configuration.composing import composing, load
from experiments.configuration.known_keys import check_keys
from experiments.configuration.overrides import check_grammar
from experiments.reports.sweep_conclusion import conclude_sweep
from experiments.runs.cells import CELLS, is_finished, play_missing, tell_unfinished
from experiments.runs.jobs import check_logs
from experiments.runs.output_folders import claim
from experiments.sweeping.launchers import check_launcher, launch, prepare_launchers
from experiments.sweeping.plan import PLAN, plan_sweep
from sim.records.run_folder import RunFolder


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
    # Another sweep's folder will do: its cells are kept.
    claim(folder, "hydra.sweep.dir", "a sweep", (folder / PLAN).is_file())
    own = RunFolder(folder)
    with own.held(wait=True):
        plan.save(own, OmegaConf.to_yaml(master))
    cells = {folder / CELLS / cell.key: cell for cell in plan.unique}

    def launch_them(paths: Sequence[Path]) -> None:
        with composing():
            HydraConfig.instance().set_config(master)
            launch(master, [cells[path] for path in paths], folder)

    rounds = {path: cell.rounds for path, cell in cells.items()}
    play_missing(folder, rounds, launch_them, master.run.progress)
    if any(map(is_finished, cells)):
        with own.held(wait=True):
            conclude_sweep(folder, master.run.figures)
    return int(tell_unfinished({path: cell.name for path, cell in cells.items()}) > 0)


def compose_master(overrides: Sequence[str]) -> DictConfig:
    """Return what all cells share, and Hydra's own configuration."""
    with composing():
        check_keys([check_grammar(override) for override in overrides])
        return load("config", overrides, RunMode.MULTIRUN)
