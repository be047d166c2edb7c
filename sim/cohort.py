"""The cohort: all worlds of a comparison, arms x replicates, stepped together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from markets.refusals import InputError
from sim.config.market import MarketConfig
from sim.laboratory import Laboratory
from sim.market import ParameterMarket
from sim.play import play
from sim.records.tables import TABLES


class Cohort:
    """Worlds that share data, initial weights and random streams, so that arms differ in pairs.

    One arm or replicate more adds rows to batched computations and shares the data, the workers and the
    compiled code; it costs far less than a process of its own.

    Parameters
    ----------
    config : MarketConfig
        The world; the setting's demand, regions, delivery and royalties hold in every arm.
    arms : sequence of str
        Settings to play, each in its own world for every replicate.
    replicates : int
        How many independent repetitions.
    seed : int
        Root of all random streams.
    """

    def __init__(self, config: MarketConfig, arms: Sequence[str], replicates: int, seed: int) -> None:
        self.config = config
        self.arms = tuple(arms)
        configs = {arm: config.in_setting(arm) for arm in arms}
        self.laboratory = Laboratory(config, seed, range(replicates), len(self.arms), self.arms)
        self.worlds = [
            ParameterMarket(configs[arm], replicate=r, world=w, laboratory=self.laboratory, seed=seed)
            for r in range(replicates)
            for w, arm in enumerate(self.arms)
        ]

    @property
    def rounds_played(self) -> int:
        """How many rounds all worlds have played."""
        return self.worlds[0].steps

    def step(self, watch: Callable[[str], None] | None = None) -> dict[str, pd.DataFrame]:
        """Play one round in every world and return its tables, `arm`, `replicate` and `round` first.

        `watch` is called with the name of each phase as it begins.
        """
        play(self.worlds, watch)
        return {table: _frame(self.worlds, table) for table in (*TABLES, *self.worlds[0].further_tables)}

    def run(self, rounds: int) -> dict[str, pd.DataFrame]:
        """Play some rounds, at least one, in every world and return the tables of all of them."""
        played = [self.step() for _ in range(rounds)]
        return {
            table: pd.concat([tables[table] for tables in played], ignore_index=True) for table in played[0]
        }

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold: arrays and tensors by flat names."""
        state: dict[str, Any] = {f"fleet.{k}": v for k, v in self.laboratory.stock.state().items()}
        for number, world in enumerate(self.worlds):
            state |= {f"world.{number}.{name}": column for name, column in world.state().items()}
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state that `state` returned.

        Raises
        ------
        InputError
            If it is that of another cohort, or no state at all.
        """
        self.laboratory.stock.restore(_within(state, "fleet."))
        for number, world in enumerate(self.worlds):
            own = {name: np.asarray(column) for name, column in _within(state, f"world.{number}.").items()}
            _check_columns(f"world {number}", own, world.state())
            world.restore(own)
        if len({world.steps for world in self.worlds}) > 1:
            raise InputError("all worlds must have played equally many rounds; they have not")


def _within(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}


def _check_columns(whose: str, found: Mapping[str, np.ndarray], own: Mapping[str, np.ndarray]) -> None:
    """Raise ``InputError`` unless columns have the names, types and dimensions of a state.

    What was taken up in mid-run, the strategies and their memories, a fresh world does not have.
    """
    differing = found.keys() ^ own.keys()
    if any(name != "strategies" and not name.startswith("memory.") for name in differing):
        raise InputError(f"{whose} must have {', '.join(own)}; got {', '.join(found)}")
    for name in found.keys() & own.keys():
        column, expected = found[name], np.asarray(own[name])
        grows = name.startswith("mechanism.") or name == "ledger.journal"
        alike = column.ndim == expected.ndim if grows else column.shape == expected.shape
        if not (alike and column.dtype == expected.dtype):
            raise InputError(
                f"{name} of {whose} must be {expected.dtype}{list(expected.shape)}; got "
                f"{column.dtype}{list(column.shape)}"
            )


def _frame(worlds: Sequence[ParameterMarket], table: str) -> pd.DataFrame:
    """Return a table of the round just played, the worlds' rows in turn."""
    parts = [world.report.tables[table] for world in worlds if world.report is not None]
    lengths = [len(next(iter(columns.values()))) for columns in parts]
    key = {
        "arm": np.array([world.config.setting.name for world in worlds], dtype=object),
        "replicate": np.array([world.replicate for world in worlds], dtype=np.int64),
        "round": np.array([world.steps for world in worlds], dtype=np.int64),
    }
    repeated = {name: np.repeat(column, lengths) for name, column in key.items()}
    # Joined before they become a frame: making a frame takes as long as playing a small world's round.
    joined = {name: np.concatenate([columns[name] for columns in parts]) for name in parts[0]}
    # An empty column of texts has no type to infer: without this, a table's schema would depend on its rows.
    return pd.DataFrame(
        {
            name: pd.array(column, dtype="str") if column.dtype == object else column
            for name, column in (repeated | joined).items()
        }
    )
