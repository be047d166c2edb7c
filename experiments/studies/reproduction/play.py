"""An experiment on disk: play what is missing, join the records.

Core Objects: play_preset, play_experiment
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from experiments.configuration.composition import check_world
from experiments.runs.saved_cells import Cell, Watch, claim, play_missing, read_cell
from experiments.studies.reproduction.cells import play_cell
from experiments.studies.reproduction.composition import Experiment, PlannedCell, compose_experiment
from experiments.studies.reproduction.config import ReproductionConfig
from sim.records.tables import write_atomically


def play_preset(preset: str, overrides: Sequence[str] = (), folder: Path | None = None) -> pd.DataFrame:
    """Play a preset, or go on with it, and return its records.

    Parameters
    ----------
    preset : str
        A file in ``conf/reproduction``.
    overrides : sequence of str
        As typed after ``parabourse reproduce PRESET``.
    folder : Path, optional
        As for `play_experiment`.

    Returns
    -------
    DataFrame
        One row a cell, learning rate, arm, strength of the proximal term, replicate, round and organisation.
        Its columns: what varies from cell to cell, by the dotted key and as text; `learning_rate`; `chosen`,
        whether the arm has the least validation loss of this cell with this rate and this strength; and those
        of `experiments.studies.reproduction.cells.RECORDS`.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        If the configuration is not allowed; nothing has been written then.
    """
    return play_experiment(compose_experiment(preset, overrides), folder)[1]


def play_experiment(experiment: Experiment, folder: Path | None) -> tuple[Path, pd.DataFrame]:
    """Play the cells that the folder lacks and return the folder and all records.

    Writes ``config.yaml``, ``cells/DIGEST.parquet`` as each cell is done, and at the end ``records.parquet``.
    Stopped at any time and called again, it goes on with the cells that are not there.

    Parameters
    ----------
    experiment : Experiment
        What to play.
    folder : Path or None
        Where; by default ``runs/reproduction/PRESET-`` and a name made of the configuration, so that the same
        command finds what it began.

    Raises
    ------
    UserError
        If the folder holds something else.
    InputError
        If the data cannot be had or divided; nothing has been written then.
    """
    distinct = {cell.digest: cell for cell in experiment.cells}
    for cell in distinct.values():
        check_world(cell.config.market(), cell.config.replicates, cell.config.seed)
    text = f"# parabourse reproduce {experiment.preset}\n{experiment.text}"
    if folder is None:
        name = hashlib.sha256(text.encode()).hexdigest()[:10]
        folder = Path("runs") / "reproduction" / f"{experiment.preset}-{name}"
    claim(folder, text, "an experiment")
    work = [
        Cell(_path(folder, cell), partial(_play, cell.config), _parts(cell.config))
        for cell in distinct.values()
    ]
    play_missing(work, experiment.config.jobs, "round")
    records = pd.concat([_labelled(folder, cell) for cell in experiment.cells], ignore_index=True)
    records = _choose(records, experiment.keys)
    write_atomically(folder / "records.parquet", partial(records.to_parquet, index=False))
    return folder, records


def _play(config: ReproductionConfig, watch: Watch) -> pd.DataFrame:
    return play_cell(config, watch)


def _parts(config: ReproductionConfig) -> int:
    """Return the rounds of all cohorts of a cell."""
    alignments = {arm.alignment for arm in config.markets.values()}
    return config.rounds * (len(alignments) + bool(config.baselines))


def _path(folder: Path, cell: PlannedCell) -> Path:
    return folder / "cells" / f"{cell.digest}.parquet"


def _labelled(folder: Path, cell: PlannedCell) -> pd.DataFrame:
    rows = read_cell(_path(folder, cell))
    first = {**cell.labels, "learning_rate": cell.config.learning.optimiser.lr}
    return pd.concat([pd.DataFrame(first, index=rows.index), rows], axis=1)


def _choose(records: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Mark, for every cell and arm, the rate and strength with the least mean validation loss at the end."""
    tuned = [*keys, "arm", "learning_rate", "pull"]
    last = records[records["round"] == records.groupby(tuned)["round"].transform("max")]
    loss = last.groupby(tuned, sort=False)["validation_loss"].mean().reset_index()
    best = loss.loc[loss.groupby([*keys, "arm"], sort=False)["validation_loss"].idxmin(), tuned]
    joined = records.merge(best.assign(chosen=True), on=tuned, how="left")
    records.insert(len(keys) + 1, "chosen", joined["chosen"].notna().to_numpy())
    return records
