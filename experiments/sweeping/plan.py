"""The plan of a sweep: which cells it has, under which keys, with which values of the swept keys.

A cell is keyed by a hash of its resolved configuration, so that a repeated command finds what it has played
before, and a larger sweep in the same folder finds the cells of a smaller one.

Core Objects: Plan, PlannedCell, plan_sweep
"""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from pydantic import Field, TypeAdapter, ValidationError

from experiments.command_line.sentences import one_sentence
from experiments.configuration.composition import check_cells
from experiments.configuration.overrides import check_grammar, expand
from experiments.configuration.plain_data import read_json
from experiments.runs.cells import cell_key, hash_of, named
from sim.records.atomic import filled
from sim.records.run_folder import RecordError, RunFolder

PLAN = "sweep.json"
MULTIRUN = "multirun.yaml"
"""What was typed and Hydra's own configuration of a sweep."""


@dataclass(frozen=True)
class PlannedCell:
    """One configuration of a sweep.

    Attributes
    ----------
    key : str
        Hash of the resolved configuration; the name of the cell's folder.
    overrides : list of str
        What to type to play it alone.
    choice : dict
        The swept keys and their values, as typed, the seed apart.
    seed, rounds : int
        Of its configuration.
    """

    key: Annotated[str, Field(pattern=r"^[\w-]+$")]
    overrides: list[str]
    choice: dict[str, str]
    seed: int
    rounds: int

    @property
    def name(self) -> str:
        """What was chosen in it."""
        return named({**self.choice, "seed": self.seed})


@dataclass(frozen=True)
class Plan:
    """All cells of a sweep, in the order in which they were typed, and the keys that differ between them."""

    keys: list[str]
    cells: list[PlannedCell]

    @cached_property
    def key(self) -> str:
        """Return a hash of the set of cells, whatever the order in which they were typed."""
        return hash_of(sorted(cell.key for cell in self.cells))

    @property
    def unique(self) -> list[PlannedCell]:
        """Return the cells that differ in more than name: two ways to type one configuration are one."""
        return list({cell.key: cell for cell in reversed(self.cells)}.values())[::-1]

    def save(self, folder: RunFolder, command: str) -> None:
        """Write the plan and the command, as YAML, into the sweep's folder."""
        text = json.dumps(dataclasses.asdict(self), indent=1)
        folder.change({PLAN: filled(text), MULTIRUN: filled(command)})

    @classmethod
    def load(cls, folder: RunFolder) -> "Plan":
        """Return the plan of the last command in a sweep's folder.

        Raises
        ------
        RecordError
            If there is none, it is damaged or it cannot be read.
        """
        if not folder.has(PLAN):
            raise RecordError(f"{folder} must be the folder of a sweep, with {PLAN} in it; there is none")
        found = read_json(folder, PLAN)
        try:
            return TypeAdapter(cls).validate_python(found)
        except ValidationError as error:
            path = folder.path / PLAN
            raise RecordError(
                f"{path} must be the plan of a sweep; it cannot be read ({one_sentence(error)})"
            ) from error


def plan_sweep(master: DictConfig) -> Plan:
    """Return the plan of what Hydra composed for a multirun; every cell has been composed and checked.

    Keys that a preset sweeps (``hydra.sweeper.params``) count like typed ones, and what was typed goes first.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        If any of the configurations is not allowed.
    """
    typed: Any = OmegaConf.to_container(master.hydra.overrides.task)
    own = {check_grammar(override).get_key_element() for override in typed}
    preset = [f"{k}={v}" for k, v in (master.hydra.sweeper.params or {}).items() if k not in own]
    overrides = preset + typed
    swept = _swept(overrides)
    cells = [
        PlannedCell(
            key=cell_key(config),
            overrides=choices,
            choice={key: value for key, value in _values(choices).items() if key in swept},
            seed=config.seed,
            rounds=config.rounds,
        )
        for choices, config in zip(expand(overrides), check_cells(overrides), strict=True)
    ]
    # A value that was typed twice is one cell.
    return Plan(swept, list({(cell.key, *cell.choice.values()): cell for cell in cells}.values()))


def _swept(overrides: Sequence[str]) -> list[str]:
    """Return the keys that are given more than one value, the seed apart."""
    chosen: dict[str, set[str]] = {}
    for choices in expand(overrides):
        for key, value in _values(choices).items():
            chosen.setdefault(key, set()).add(value)
    return [key for key, values in chosen.items() if len(values) > 1 and key != "seed"]


def _values(choices: Iterable[str]) -> dict[str, str]:
    pairs = (choice.partition("=") for choice in choices)
    return {key.lstrip("+~"): value.strip("'\"") for key, _, value in pairs}
