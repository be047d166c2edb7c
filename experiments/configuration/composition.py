"""From what was typed to validated configurations, before any work starts."""

import copy
import itertools
import math
import os
import re
import secrets
from collections.abc import Sequence

import numpy as np
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from agents.learning.stack.device import resolve_device
from agents.learning.stack.memory import FLOAT_BYTES
from experiments.command_line.sentences import UserError
from experiments.configuration.choices import register_choices
from experiments.configuration.composing import composed, composing, load, without_hydra
from experiments.configuration.keys import Config, parse
from experiments.configuration.known_keys import check_keys, composed_of, is_group
from experiments.configuration.loading import set_keys
from experiments.configuration.overrides import check_grammar, expand
from experiments.configuration.plugins import check_imported
from experiments.runs.jobs import check_job
from experiments.runs.trackers import check_tracker
from sim.config.data import ENDOWMENT, load_examples, takes_sizes
from sim.config.market import MarketConfig
from sim.data.division import divide
from sim.data.endowments import ENDOWMENTS
from sim.laboratory.starts import Starts
from sim.streams import Streams

PLAIN_SEED = re.compile(r"\+{0,2}seed=(\d{1,18})")
"""A seed that is allowed whatever else is, as most cells of large sweeps have one."""


def set_up_hydra() -> None:
    """Register choices and the resolvers that the configuration files use."""
    register_choices()
    OmegaConf.register_new_resolver("unique", lambda: secrets.token_hex(3), use_cache=True, replace=True)
    if not OmegaConf.has_resolver("sweep_key"):  # A sweep gives its own once it is planned.
        OmegaConf.register_new_resolver("sweep_key", lambda: "KEY")
    OmegaConf.register_new_resolver("at_most", lambda most, of: min(int(most), int(of)), replace=True)
    OmegaConf.register_new_resolver("minus", lambda whole, part: int(whole) - int(part), replace=True)
    OmegaConf.register_new_resolver("divide", lambda whole, by: max(1, int(whole) // int(by)), replace=True)
    OmegaConf.register_new_resolver(
        "sizes_for", lambda endowment, sizes: list(sizes) if takes_sizes(endowment) else [], replace=True
    )
    OmegaConf.register_new_resolver("over_root", lambda scale, of: scale / math.sqrt(of), replace=True)


def check_run(overrides: Sequence[str]) -> DictConfig:
    """Return what Hydra composes for a run, all of it checked: keys, values, data, and what the job needs.

    Parameters
    ----------
    overrides : sequence of str
        Hydra overrides as typed, without flags.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        Whatever is wrong with them.
    """
    if len(expand(overrides)) > 1:
        raise UserError(f"several values for one key need the flag -m; got {' '.join(overrides)}")
    with composing():
        check_keys([check_grammar(override) for override in overrides])
        whole = load("config", overrides, RunMode.RUN)
        check_job(whole)
        config = parse(without_hydra(whole))
    _check_worlds([config])
    return whole


def check_cells(overrides: Sequence[str]) -> list[Config]:
    """Return the configurations of a sweep's cells, checked as those of runs are.

    Cost: a hundredth of a second a cell, less where cells differ in the seed alone.

    Parameters
    ----------
    overrides : sequence of str
        Hydra overrides as typed, without flags.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        Whatever is wrong with them.
    """
    with composing():
        check_keys([check_grammar(override) for override in overrides])
        configs = parse_cells(expand(overrides))
    _check_worlds(configs)
    return configs


def _check_worlds(configs: Sequence[Config]) -> None:
    """Divide the data as configurations ask, so that data that cannot be had or divided is found early.

    Of worlds that differ in nothing but the seed, those of the first one.
    """
    worlds = {repr(_world_of(config)): config for config in reversed(configs)}
    for config in worlds.values():
        check_world(config.market(), config.replicates, config.seed)
        check_memory(config)
        check_start(config)
    check_imported(spec for config in configs for spec in config.plugins)
    for tracker in {config.run.tracker for config in configs}:
        check_tracker(tracker)


def _world_of(c: Config) -> tuple[object, ...]:
    """Return what decides whether data and models of a configuration can be had and cut."""
    parts = (c.device, c.data, c.network, c.broker, c.population)
    return (*parts, c.organisations, c.replicates, c.arms, c.start, c.learning.same_start)


def compose_config(overrides: Sequence[str]) -> Config:
    """Return the configuration that overrides stand for, for use from Python and tests."""
    with composing():
        return parse(without_hydra(composed("config", overrides)))


def parse_cells(cells: Sequence[Sequence[str]]) -> list[Config]:
    """Return the validated configurations of cells; needs Hydra initialised.

    Hydra composes once for every choice of groups, and keys are set on a copy, as Hydra sets them; cells that
    differ in the seed alone share all but the seed.
    """
    bases: dict[tuple[str, ...], DictConfig] = {}
    parsed: dict[tuple[str, ...], Config] = {}
    configs = []
    for cell in cells:
        seed = next((found[1] for override in cell if (found := PLAIN_SEED.fullmatch(override))), None)
        others = tuple(override for override in cell if not PLAIN_SEED.fullmatch(override))
        if seed is None or others not in parsed:
            config = parse(_with_keys(bases, cell))
            if seed is not None and "{seed}" not in OmegaConf.to_yaml(_with_keys(bases, cell)):
                parsed[others] = config
        else:
            config = copy.copy(parsed[others])
            object.__setattr__(config, "seed", int(seed))  # Nothing else depends on it.
        configs.append(config)
    return configs


def _with_keys(bases: dict[tuple[str, ...], DictConfig], cell: Sequence[str]) -> DictConfig:
    typed = [check_grammar(override) for override in cell if not override.lstrip("+~").startswith("hydra")]
    groups = tuple(str(override.input_line) for override in typed if is_group(override))
    if groups not in bases:
        bases[groups] = without_hydra(composed_of(groups))
    config = copy.deepcopy(bases[groups])
    keys = [override for override in typed if str(override.input_line) not in groups]
    set_keys(keys, config)
    return config


def check_world(config: MarketConfig, replicates: int, seed: int) -> None:
    """Raise ``InputError`` if there is no such device, or data or models cannot be cut as configured."""
    resolve_device(config.device)
    examples = load_examples(config.data)
    config.broker.trials.tested(examples.classes, config.broker.trial_classes)
    for network in config.networks()[0]:
        config.broker.cut_of_blocks().cut(network.for_task(examples.task))
    own = [group.endowment for group in config.population.groups.values() if group.endowment is not None]
    drawn = config.data.rule().drawn or any(ENDOWMENTS[ENDOWMENT.name_of(one)].drawn for one in own)
    for replicate in range(replicates if drawn else 1):
        divide(examples, config.data, config.organisations, Streams(seed), replicate, config.endowing())


def check_memory(config: Config) -> None:
    """Raise ``UserError`` if the models and their gradients alone need more memory than this machine has."""
    examples = load_examples(config.data)
    networks, family = config.market().networks()
    sizes = np.array([network.for_task(examples.task).parameter_count for network in networks])
    models = config.organisations * config.replicates * len(config.arms)
    parameters = float(sizes[family].sum()) * config.replicates * len(config.arms)
    need, have = 2 * FLOAT_BYTES * parameters, _memory_bytes()
    if need > have:
        told = str(sizes[0]) if len(sizes) == 1 else f"{sizes.min()} to {sizes.max()}"
        raise UserError(
            f"models must fit into memory: {models} of {told} parameters (organisations x "
            f"replicates x arms) and their gradients need {need / 2**30:.0f} GiB; got {have / 2**30:.0f} GiB"
        )


def check_start(config: Config) -> None:
    """Raise ``InputError`` unless there are files of models to start from, and they fit the network."""
    if config.start is not None:
        task, (networks, _) = load_examples(config.data).task, config.market().networks()
        starts = Starts(config.market(), [one.for_task(task) for one in networks], Streams(config.seed))
        each = itertools.product(config.arms, range(config.replicates), range(len(networks)))
        for arm, replicate, number in each:
            starts.of(arm, replicate, number)


def _memory_bytes() -> float:
    """Return how much memory this machine has; inf where it does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return math.inf
