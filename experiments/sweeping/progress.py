"""Progress over a whole sweep, read off its folder, so that it is the same whoever plays the cells."""

import threading
import time
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from experiments.sweeping.cells import is_finished
from experiments.sweeping.plan import CELLS, PlannedCell

POLL, SPEAK = 1.0, 30.0
"""Seconds between two looks at the folder, and between two lines where there is no terminal."""


class SweepProgress:
    """A bar over all cells with the time left; plain lines now and then where there is no terminal.

    Rounds are counted, those of cells that are being played too, so that a few long cells show progress.

    Parameters
    ----------
    cells : list of PlannedCell
        The cells that are played now.
    folder : Path
        The sweep's folder.
    shown : bool
        Whether to show anything.
    """

    def __init__(self, cells: list[PlannedCell], folder: Path, shown: bool) -> None:
        self._folders = {folder / CELLS / cell.key: cell.rounds for cell in cells}
        self._shown = shown
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.fields[done]} of {task.fields[cells]} cells"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not (shown and self._console.is_terminal),
        )
        played, done = self._look()
        self._before = played
        total = sum(self._folders.values()) - played
        self._task = self._bar.add_task("", total=total, done=done, cells=len(cells))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "SweepProgress":
        self._bar.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._update()
        self._bar.stop()

    def _watch(self) -> None:
        told = time.monotonic()
        while not self._stop.wait(POLL):
            self._update()
            if self._shown and not self._console.is_terminal and time.monotonic() - told >= SPEAK:
                told = time.monotonic()
                self._speak()

    def _update(self) -> None:
        played, done = self._look()
        self._bar.update(self._task, completed=played - self._before, done=done)

    def _look(self) -> tuple[int, int]:
        """Return how many rounds have been played, and how many cells have finished."""
        played = done = 0
        for folder, rounds in self._folders.items():
            if is_finished(folder):
                played, done = played + rounds, done + 1
            else:
                played += len(list((folder / "parts").glob("rounds-*.parquet")))
        return played, done

    def _speak(self) -> None:
        task = self._bar.tasks[0]
        told = f", {timedelta(seconds=round(task.time_remaining))} left" if task.time_remaining else ""
        self._console.print(f"{task.fields['done']} of {task.fields['cells']} cells{told}", highlight=False)
