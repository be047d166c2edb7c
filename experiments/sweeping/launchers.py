"""Launchers: who plays the cells of a sweep, and never more at once than the cores have room for.

Hydra's launchers do the work: ``joblib`` on the cores of this machine (the default), ``basic`` one cell
after the other, ``submitit_slurm`` on a Slurm cluster, ``submitit_local`` the same way here, and ``ray``.

Core Objects: launch, play_cell, prepare_launchers, check_launcher, jobs_at_once
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import joblib
from hydra._internal.callbacks import Callbacks
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from threadpoolctl import threadpool_limits

from experiments.command_line.sentences import UserError
from experiments.configuration.composition import set_up_hydra
from experiments.configuration.keys import Config, parse
from experiments.configuration.loading import forget_composed
from experiments.configuration.overrides import quoted
from experiments.configuration.plugins import Brought
from experiments.runs.cells import CELLS, play_held
from experiments.runs.conclusion import conclude
from experiments.runs.runner import finish, resume, start
from experiments.sweeping.plan import PlannedCell
from sim.records.run_folder import CHECKPOINT, RecordError, RunFolder

EXTRAS = {"submitit_local": "slurm", "submitit_slurm": "slurm", "ray": "ray"}
"""The extra of this package that brings a launcher."""

BOUNDS: dict[str, dict[str, str | int]] = {
    "joblib": {"n_jobs": "${jobs_at_once:${run.threads}}"},
    "submitit_local": {"cpus_per_task": "${run.threads}"},
    "submitit_slurm": {"cpus_per_task": "${run.threads}", "max_num_timeout": 3},
    "ray": {"ray.init.include_dashboard": False, "ray.remote.num_cpus": "${run.threads}"},
}
"""What each launcher is told unless the user says otherwise: the cores of a job, and how often one that runs
out of time is submitted again."""
MODELS_OF_CELLS = "none"
"""Which models cells save unless `run.save_models` says it."""


def prepare_launchers() -> None:
    """Give the launchers that are installed our defaults, and Hydra the resolver that they use."""
    OmegaConf.register_new_resolver("jobs_at_once", jobs_at_once, replace=True)
    Plugins.instance()  # Hydra's plugins store their configurations when they are found.
    store = ConfigStore.instance()
    for name in set(BOUNDS) & _installed():
        node = store.load(f"hydra/launcher/{name}.yaml").node
        before = OmegaConf.to_container(node)
        for key, value in BOUNDS[name].items():
            OmegaConf.update(node, key, value, force_add=True)
        if OmegaConf.to_container(node) != before:
            store.store(group="hydra/launcher", name=name, node=node)
            forget_composed()


def jobs_at_once(threads: int | None) -> int:
    """Return how many jobs of so many threads the cores that this process may use have room for.

    None is torch's own choice, all cores.
    """
    cores = int(joblib.cpu_count())
    return max(1, cores // (threads or cores))


def check_launcher(overrides: Sequence[str]) -> None:
    """Raise ``UserError`` if a launcher is asked for that has to be installed first."""
    for override in overrides:
        key, _, name = override.partition("=")
        if key == "hydra/launcher" and name in EXTRAS and name not in _installed():
            raise UserError(
                f"hydra/launcher={name} needs an extra: pip install 'parabourse[{EXTRAS[name]}]' "
                f"(docs/sweeps.md)"
            )


def launch(master: DictConfig, cells: Sequence[PlannedCell], folder: Path) -> None:
    """Play the cells of a sweep in its folder with the launcher that Hydra composed; needs Hydra initialised.

    Raises
    ------
    Exception
        Whatever the launcher raises; cells that were played are kept.
    """
    context = HydraContext(config_loader=GlobalHydra.instance().config_loader(), callbacks=Callbacks(master))
    launcher = Plugins.instance().instantiate_launcher(context, play_cell, master)
    # Launchers that pickle themselves bring this first; what comes after may be of classes of plug-ins.
    launcher.__dict__ = {"brought": Brought(), **launcher.__dict__}
    size = master.hydra.sweeper.max_batch_size or _batch_size(master, len(cells))
    for at in range(0, len(cells), size):
        launcher.launch([_job(cell, folder) for cell in cells[at : at + size]], initial_job_idx=0)


def play_cell(composed: DictConfig) -> None:
    """Play the cell that Hydra composed, go on with it where it was stopped, or leave a finished one."""
    set_up_hydra()
    composed.run.progress = False  # The sweep shows its own.
    config = parse(composed)
    text = OmegaConf.to_yaml(composed, resolve=True)
    with threadpool_limits(config.run.threads):
        play_held(Path(HydraConfig.get().runtime.output_dir), partial(_play, config, text))


def _play(config: Config, text: str, folder: RunFolder) -> None:
    try:
        if folder.has(CHECKPOINT):
            resume(folder.path, models=MODELS_OF_CELLS)
        else:
            start(config, text, folder.path, MODELS_OF_CELLS)
    except RecordError:
        # What is damaged is as good as nothing.
        start(config, text, folder.path, MODELS_OF_CELLS)
    conclude(folder.path, config.run.figures)
    finish(folder.path)


def _job(cell: PlannedCell, folder: Path) -> list[str]:
    """Return the overrides of a job: the cell's own and its folder."""
    return [
        *cell.overrides,
        f"hydra.sweep.dir={quoted(str(folder.absolute()))}",
        f"hydra.sweep.subdir={CELLS}/{cell.key}",
    ]


def _batch_size(master: DictConfig, cells: int) -> int:
    """Return how many jobs to hand over at once: all, but to submitit's stand-in, which starts all it has."""
    local = str(master.hydra.launcher._target_).endswith("LocalLauncher")
    return jobs_at_once(master.run.threads) if local else cells


def _installed() -> set[str]:
    return {Path(name).stem for name in ConfigStore.instance().list("hydra/launcher")}
