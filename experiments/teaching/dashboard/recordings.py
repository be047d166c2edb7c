"""Recorded runs to watch again: those under one folder, and no other file."""

from pathlib import Path

import pandas as pd

from experiments.configuration.keys import Config
from experiments.runs.plugin_records import stood_in
from experiments.runs.runner import read_config
from experiments.teaching.dashboard.chronicle import Chronicle, Tables, beside_autarky
from sim.records.run_folder import RecordError, RunFolder
from sim.records.schema import lacking
from sim.records.tables import read_tables

MOST_SHOWN = 500
"""Most runs that are offered, the newest ones."""


def find_recordings(root: Path) -> dict[str, Path]:
    """Return the folders of the finished runs under a folder by their names within it, the newest first."""
    finished = [
        path.parent for path in root.rglob("rounds.parquet") if (path.parent / "config.yaml").is_file()
    ]
    finished.sort(key=lambda folder: (folder / "rounds.parquet").stat().st_mtime, reverse=True)
    return {str(folder.relative_to(root)): folder for folder in finished[:MOST_SHOWN]}


def read_recording(folder: Path, arm: str, replicate: int) -> Chronicle:
    """Return the story of one world of a run.

    Raises
    ------
    RecordError
        If the records cannot be read, are those of an early version, or hold no such world.
    """
    with stood_in([folder]):
        return _read(folder, arm, replicate)


def _read(folder: Path, arm: str, replicate: int) -> Chronicle:
    config = read_config(folder)
    if arm not in config.arms or not 0 <= replicate < config.replicates:
        raise RecordError(
            f"{folder} must hold the world asked for: arms {', '.join(config.arms)} and replicates 0 to "
            f"{config.replicates - 1}; got {arm!r} and {replicate}"
        )
    recorded = read_tables(RunFolder(folder))
    for name, table in recorded.items():
        if missing := lacking(name, table):
            raise RecordError(
                f"{folder} must be a run of this version of Parabourse; its table {name} has no column "
                f"{missing[0]}"
            )
    of_replicate = {name: table[table["replicate"] == replicate] for name, table in recorded.items()}
    rounds = _by_round({name: table[table["arm"] == arm] for name, table in of_replicate.items()}, config)
    market = config.market().in_setting(arm)
    if "autarky" in config.arms:
        autarky = {name: table[table["arm"] == "autarky"] for name, table in of_replicate.items()}
        alone = _by_round(autarky, config)
        rounds = [beside_autarky(market, *both) for both in zip(rounds, alone, strict=True)]
    return Chronicle(market, rounds)


def _by_round(tables: Tables, config: Config) -> list[Tables]:
    """Return the tables of each round; a table without rows in a round is empty in it."""
    groups = {name: dict(list(table.groupby("round"))) for name, table in tables.items()}
    empty: dict[str, pd.DataFrame] = {name: table.iloc[:0] for name, table in tables.items()}
    return [
        {name: groups[name].get(number, empty[name]) for name in tables}
        for number in range(1, config.rounds + 1)
    ]
