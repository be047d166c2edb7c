"""From what was typed to validated configurations, before any work starts.

Core Objects: check_overrides, check_grammar, check_folder, folder_of, quoted, set_up_hydra
"""

import itertools
import math
import re
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf

from agents.learning.device import resolve_device
from experiments.config import Config, parse, register_schemas
from experiments.known_keys import check_keys, choices
from experiments.sentences import UserError
from experiments.trackers import check_tracker
from sim.atomic import UNFINISHED
from sim.blocks import cut
from sim.config import MarketConfig
from sim.division import divide
from sim.endowments import load_examples
from sim.run_folder import CONFIG, LOCK
from sim.streams import Streams


def set_up_hydra() -> None:
    """Register schemas and the resolvers that the configuration files use."""
    register_schemas()
    OmegaConf.register_new_resolver("unique", lambda: secrets.token_hex(3), use_cache=True, replace=True)
    if not OmegaConf.has_resolver("sweep_key"):  # A sweep gives its own once it is planned.
        OmegaConf.register_new_resolver("sweep_key", lambda: "KEY")
    OmegaConf.register_new_resolver("at_most", lambda most, of: min(int(most), int(of)), replace=True)
    OmegaConf.register_new_resolver("minus", lambda whole, part: int(whole) - int(part), replace=True)
    OmegaConf.register_new_resolver("divide", lambda whole, by: max(1, int(whole) // int(by)), replace=True)
    OmegaConf.register_new_resolver(
        "unless", lambda value, excluded, given: [] if value == excluded else list(given), replace=True
    )
    OmegaConf.register_new_resolver("over_root", lambda scale, of: scale / math.sqrt(of), replace=True)


def check_overrides(overrides: Sequence[str], sweep: bool) -> list[Config]:
    """Compose and validate every configuration that the overrides stand for; a sweep stands for several.

    Also divides the data as each configuration asks, so that data that cannot be had or divided is found
    here.

    Parameters
    ----------
    overrides : sequence of str
        Hydra overrides as typed, without flags.
    sweep : bool
        Whether they are for a sweep, whose cells get folders of their own.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        Whatever is wrong with them.
    """
    cells = expand(overrides)
    GlobalHydra.instance().clear()
    with initialize_config_module("conf", version_base="1.3"):
        check_keys([check_grammar(override) for override in overrides])
        configs = [_composed(cell, sweep or len(cells) > 1) for cell in cells]
    GlobalHydra.instance().clear()
    for config in configs:
        check_world(config.market(), config.replicates, config.seed)
        check_tracker(config.run.tracker)
    return configs


def compose_config(overrides: Sequence[str]) -> Config:
    """Return the configuration that overrides stand for, for use from Python and tests."""
    GlobalHydra.instance().clear()
    with initialize_config_module("conf", version_base="1.3"):
        return _composed(list(overrides), sweep=True)


def check_grammar(override: str) -> Override:
    """Return an override as Hydra reads it; raise ``UserError`` if it cannot."""
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException as error:
        raise UserError(
            f"overrides must be KEY=VALUE in Hydra's grammar, with quotes around what has spaces or colons "
            f"(\"broker.licence='copies: 2'\"); got {override!r}"
        ) from error


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """Return the overrides of every cell that overrides with several values stand for."""
    return [list(cell) for cell in itertools.product(*(choices(check_grammar(o)) for o in overrides))]


def _composed(overrides: list[str], sweep: bool) -> Config:
    composed = compose("config", overrides, return_hydra_config=True)
    if not sweep:
        check_folder(Path(composed.hydra.run.dir))
    return parse(OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"]))


def folder_of(overrides: Sequence[str]) -> Path:
    """Return the folder that a run with these overrides is given, which may be another one the next time."""
    GlobalHydra.instance().clear()
    with initialize_config_module("conf", version_base="1.3"):
        folder = compose("config", list(overrides), return_hydra_config=True).hydra.run.dir
    GlobalHydra.instance().clear()
    return Path(folder)


def quoted(text: str) -> str:
    """Return a text as the value of an override, whatever characters it has."""
    escaped = re.sub(r"(\\*)(?=\'|$)", r"\1\1", text).replace("'", "\\'")
    return "'" + escaped.replace("${", "\\${") + "'"


def check_folder(folder: Path) -> None:
    """Raise ``UserError`` unless a run can make this folder its own; leaves nothing behind.

    It may be one in which a run was killed before it began: with nothing in it but what Hydra wrote.
    """
    if folder.exists() and (not folder.is_dir() or any(not _of_no_run(path) for path in folder.iterdir())):
        going_on = (
            f" (its run goes on with: parabourse resume {folder})" if (folder / CONFIG).is_file() else ""
        )
        raise UserError(
            f"hydra.run.dir must be a new or empty folder, so that no run overwrites another; "
            f"got {str(folder)!r}{going_on}"
        )
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=there):
            pass
    except OSError as error:
        raise UserError(
            f"hydra.run.dir must be a folder that can be written; got {str(folder)!r} ({error.strerror})"
        ) from error


def _of_no_run(path: Path) -> bool:
    """Return whether a file or folder is one that is there before a run has begun."""
    if path.is_symlink():
        return False
    empty_log = path.suffix == ".log" and path.stat().st_size == 0
    return empty_log or path.name in (".hydra", LOCK) or path.match(UNFINISHED)


def check_world(config: MarketConfig, replicates: int, seed: int) -> None:
    """Raise ``InputError`` if there is no such device, or data or models cannot be cut as configured."""
    resolve_device(config.device)
    examples = load_examples(config.data)
    config.broker.tested_classes(examples.classes)
    cut(
        config.network.bind(examples.inputs.shape[1:], examples.classes),
        config.broker.blocks,
        config.broker.bundles,
    )
    for replicate in range(replicates):
        divide(examples, config.data, config.organisations, Streams(seed), replicate)
