"""Whether tables are those of a configuration: their columns, the types of these, and whom their rows are of.

What a reader of records may rely on, whoever wrote them.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from experiments.configuration.keys import Config
from sim.records.run_folder import RecordError
from sim.records.schema import RECORD_TABLES, Kind, lacking

DTYPES: dict[Kind, str] = {"text": "str", "whole number": "int64", "number": "float64", "yes or no": "bool"}
"""The type in memory of each kind of column."""
WHO = ("organisation", "buyer", "seller", "region")
"""Columns of numbers of organisations, or of no more places than there are organisations."""


def check_tables(folder: Path, config: Config, tables: dict[str, pd.DataFrame]) -> None:
    """Raise ``RecordError`` unless the tables are those of a run of this configuration.

    Parameters
    ----------
    folder : Path
        Where they are from.
    config : Config
        What was played.
    tables : dict of DataFrame
        By name.
    """
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        _check_columns(path, name, table)
        _check_keys(path, config, table, first=0 if name == "ledger" else 1)
    worlds = len(config.arms) * config.replicates * config.rounds
    _check_rows(folder / "rounds.parquet", config, tables["rounds"], worlds, 1)
    _check_rows(
        folder / "organisations.parquet", config, tables["organisations"], worlds, config.organisations
    )


def _check_columns(path: Path, name: str, table: pd.DataFrame) -> None:
    if missing := lacking(name, table):
        raise RecordError(f"{path} must have the column {missing[0]}; it has {list(table)}")
    if not table.columns.is_unique:
        raise RecordError(f"{path} must have every column once; it has {list(table)}")
    for column, of in RECORD_TABLES[name].columns.items():
        values, expected = table[column], DTYPES[of.kind]
        if str(values.dtype) != expected or (expected == "str" and values.isna().any()):
            raise RecordError(
                f"{path} must hold a {of.kind} in every row of {column}; it holds something else"
            )


def _check_keys(path: Path, config: Config, table: pd.DataFrame, first: int) -> None:
    """Check that every row is of an arm, a replicate, a round and organisations that there are."""
    if strange := set(table["arm"].unique()) - set(config.arms):
        raise RecordError(f"{path} must be of the arms {', '.join(config.arms)}; got {min(strange)!r}")
    most = {"replicate": config.replicates - 1, "round": config.rounds}
    most |= {column: config.organisations - 1 for column in WHO if column in table}
    for column, last in most.items():
        least = first if column == "round" else 0
        if not table[column].between(least, last).all():
            strange_one = table[column][~table[column].between(least, last)].iloc[0]
            raise RecordError(f"{path} must have {column} from {least} to {last}; got {strange_one}")


def _check_rows(path: Path, config: Config, table: pd.DataFrame, worlds: int, each: int) -> None:
    """Check that there are as many rows for every world and round as there must be, in order."""
    if len(table) != worlds * each:
        raise RecordError(f"{path} must have {worlds * each} rows by its config.yaml; got {len(table)}")
    arms, replicates = len(config.arms), config.replicates
    place = np.arange(worlds)
    expected = {
        "arm": np.array(config.arms, dtype=object)[place % arms],
        "replicate": place // arms % replicates,
        "round": place // (arms * replicates) + 1,
    }
    found = {name: np.repeat(column, each) for name, column in expected.items()}
    if "organisation" in table:
        found["organisation"] = np.tile(np.arange(each), worlds)
    for name, column in found.items():
        if not (table[name].to_numpy() == column).all():
            raise RecordError(f"{path} must have one row for each world, round and organisation, in order")
