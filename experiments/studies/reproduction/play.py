"""An experiment on disk: play what is missing, join the records.

Core Objects: play_preset, play_experiment
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.configuration.composition import check_world
from experiments.runs.cells import ROWS, play_cells, study_folder
from experiments.studies.reproduction.composition import Experiment, compose_experiment
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

    Writes ``config.yaml``, the cells, and at the end ``records.parquet``. Stopped at any time and called
    again, it goes on with the cells that are not there.

    Parameters
    ----------
    experiment : Experiment
        What to play.
    folder : Path or None
        Where, as for `study_folder`.

    Raises
    ------
    UserError
        If the folder holds something else.
    InputError
        If the data cannot be had or divided; nothing has been written then.
    UnfinishedError
        If a cell fails.
    """
    cells = experiment.cells
    for cell in {cell.key: cell for cell in cells}.values():
        config = cell.arguments["config"]
        check_world(config.market(), config.replicates, config.seed)
    folder = study_folder(folder, f"reproduce {experiment.preset}", experiment.config)
    played = play_cells(folder, cells, experiment.config.jobs)
    labelled = [_labelled(cell.labels, own[ROWS]) for cell, own in zip(cells, played, strict=True)]
    records = pd.concat(labelled, ignore_index=True)
    records = _choose(records, experiment.keys)
    write_atomically(folder / "records.parquet", partial(records.to_parquet, index=False))
    return folder, records


def _labelled(labels: Mapping[str, Any], rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(labels, index=rows.index), rows], axis=1)


def _choose(records: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Mark, for every cell and arm, the rate and strength with the least mean validation loss at the end."""
    tuned = [*keys, "arm", "learning_rate", "pull"]
    last = records[records["round"] == records.groupby(tuned)["round"].transform("max")]
    loss = last.groupby(tuned, sort=False)["validation_loss"].mean().reset_index()
    best = loss.loc[loss.groupby([*keys, "arm"], sort=False)["validation_loss"].idxmin(), tuned]
    joined = records.merge(best.assign(chosen=True), on=tuned, how="left")
    records.insert(len(keys) + 1, "chosen", joined["chosen"].notna().to_numpy())
    return records
