"""From a preset and what was typed after it to the validated configuration of every cell."""

import copy
import dataclasses
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from experiments.command_line.sentences import UserError
from experiments.configuration.choices import choices_of, register_schema
from experiments.configuration.composing import composed, composing, without_hydra
from experiments.configuration.composition import set_up_hydra
from experiments.configuration.overrides import check_grammar
from experiments.runs.cells import Cell
from experiments.studies.reproduction.cells import play_cell
from experiments.studies.reproduction.config import ReproductionConfig

RATE = "learning.optimiser.lr"
NOT_OF_A_CELL: dict[str, Any] = {"vary": {}, "choices": {}, "learning_rates": [], "targets": []}
"""Keys that do not change what is played in a cell, and their values in it."""


@dataclass(frozen=True)
class Experiment:
    """A preset as typed: its configuration, the same as YAML, and its cells, one a combination and rate."""

    preset: str
    config: ReproductionConfig
    text: str
    cells: list[Cell]

    @property
    def keys(self) -> list[str]:
        """What varies from cell to cell."""
        return list(self.config.vary)


def compose_experiment(preset: str, overrides: Sequence[str]) -> Experiment:
    """Return the experiment that a preset and overrides stand for, every cell validated.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        Whatever is wrong with them.
    """
    typed = [check_grammar(override) for override in overrides]
    sweeps = [str(o.input_line) for o in typed if o.is_sweep_override()]
    if sweeps:
        raise UserError(
            f"a key must have one value, and what varies is in vary={{KEY:[...]}}; got {sweeps[0]!r}"
        )
    _register()
    with composing():
        chosen = [f"reproduction={preset}", *overrides]
        whole = without_hydra(composed("reproduce", chosen))
        config = _parse(whole)
        fixed = {o.get_key_element() for o in typed} & set(config.vary)
        if fixed:
            raise UserError(
                f"{min(fixed)} varies in preset {preset}: set its values with vary={{{min(fixed)}:[...]}}"
            )
        # Composing takes a fifth of a second: cells that differ in keys alone share it.
        anew = cache(
            lambda groups: without_hydra(composed("reproduce", [*chosen, *groups])) if groups else whole
        )
        cells = [_cell(anew, values, rate) for values in _combinations(config) for rate in _rates(config)]
    text = OmegaConf.to_yaml(whole, resolve=True)
    return Experiment(preset=preset, config=config, text=text, cells=cells)


def _register() -> None:
    set_up_hydra()
    register_schema("schema_reproduce", ReproductionConfig)


def _parse(whole: DictConfig) -> ReproductionConfig:
    return ReproductionConfig(**OmegaConf.to_container(whole, resolve=True))  # type: ignore[arg-type]


def _rates(config: ReproductionConfig) -> list[float | None]:
    return list(config.learning_rates) or [None]


def _combinations(config: ReproductionConfig) -> list[dict[str, Any]]:
    return [
        dict(zip(config.vary, values, strict=True)) for values in itertools.product(*config.vary.values())
    ]


def _typed(value: Any) -> str:
    """Return a value in Hydra's grammar."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_typed(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_typed, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)


def _cell(anew: Callable[[tuple[str, ...]], DictConfig], values: dict[str, Any], rate: float | None) -> Cell:
    """Return the cell with some values: composed anew where a group is chosen, else with keys set."""
    labels = {key: _typed(value) for key, value in values.items()}
    groups = tuple(f"{key}={labels[key]}" for key in values if choices_of(key))
    whole = copy.deepcopy(anew(groups))
    keys = {key: value for key, value in values.items() if not choices_of(key)}
    for key, value in keys.items() if rate is None else [*keys.items(), (RATE, rate)]:
        try:
            OmegaConf.update(whole, key, value, merge=False)
        except (ConfigAttributeError, ConfigKeyError) as error:
            raise UserError(f"vary must name keys or groups that can be set; got {key}") from error
    config = dataclasses.replace(_parse(whole), **NOT_OF_A_CELL)
    cohorts = len({arm.alignment for arm in config.markets.values()}) + bool(config.baselines)
    rounds = config.rounds * cohorts
    return Cell(
        {**labels, "learning_rate": config.learning.optimiser.lr}, play_cell, {"config": config}, rounds
    )
