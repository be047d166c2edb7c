"""Which models a run writes into its folder, and when.

Core Objects: ModelFiles, final_models
"""

from sim.cohort import Cohort
from sim.records.atomic import Write
from sim.records.run_folder import MODELS, RunFolder
from sim.saved_models.saving import MarketModels, files_of, models_now

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
