"""Which models a run writes into its folder, and when.

Core Objects: ModelFiles, final_models, start_files, started_from
"""

import itertools
import shutil
from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path

from experiments.configuration.keys import Config
from sim.cohort import Cohort
from sim.records.atomic import Write
from sim.records.run_folder import MODELS, RecordError, RunFolder
from sim.records.signed_list import digest_of
from sim.saved_models.saving import MarketModels, files_of, models_now
from sim.saved_models.starting import StartFiles

START = "start"
"""The folder within ``models/`` of those that organisations started from."""
ROUNDS = "rounds"
"""The folder within ``models/`` of those that came to the markets of the rounds."""


class ModelFiles:
    """The files of a run's models.

    Parameters
    ----------
    cohort : Cohort
        What is played.
    saved : str
        ``none``, ``final`` or ``every_round``.
    """

    def __init__(self, cohort: Cohort, saved: str) -> None:
        self.cohort, self.saved = cohort, saved
        self._market = MarketModels(cohort)

    def watch(self, phase: str) -> None:
        """Take note that a phase of a round begins."""
        if self.saved == "every_round":
            self._market.watch(phase)

    def of_round(self) -> dict[str, Write]:
        """Return what is written with the tables of the round just played."""
        kept = self._market.kept
        within = f"{MODELS}/{ROUNDS}/{self.cohort.rounds_played:04d}"
        return {} if kept is None else dict(files_of(self.cohort, kept, within))

    def final(self) -> dict[str, Write]:
        """Return what is written at the end."""
        return {} if self.saved == "none" else dict(files_of(self.cohort, models_now(self.cohort)))


def final_models(run: RunFolder) -> list[str]:
    """Return the names of a run's final models, which more rounds replace."""
    own = [name for name in run.entries if name.startswith(f"{MODELS}/")]
    return [name for name in own if name.split("/")[1] not in (ROUNDS, START)]


def start_files(config: Config) -> dict[str, Write]:
    """Return copies of the files that organisations start from: a run's folder has all that it needs."""
    return {f"{MODELS}/{START}/{name}": partial(shutil.copyfile, path) for name, path in _copies(config)}


def start_digests(config: Config) -> dict[str, str]:
    """Return the digests of these files."""
    return {name: _digest(path, path.stat().st_mtime_ns) for name, path in _copies(config)}


def _copies(config: Config) -> Iterable[tuple[str, Path]]:
    if config.start is None:
        return ()
    worlds = itertools.product(config.arms, range(config.replicates))
    return StartFiles(config.start, config.organisations, worlds).copies().items()


@lru_cache
def _digest(path: Path, changed: int) -> str:  # noqa: ARG001 - a file that was changed is another one
    return digest_of(path)


def started_from(run: RunFolder) -> Path:
    """Return where the copies of the files are that a run started from; nobody else's are read again.

    Raises
    ------
    RecordError
        If one is gone or damaged.
    """
    own = [name for name in run.entries if name.startswith(f"{MODELS}/{START}/")]
    for name in own:
        run.file(name)
    if not own:
        raise RecordError(
            f"{run} must have the files that it started from in {MODELS}/{START}; they are gone"
        )
    return run.path / MODELS / START
