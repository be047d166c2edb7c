"""The one progress bar of all commands, the wall time of each phase, and progress over cells.

Core Objects: new_bar, Progress, CellProgress
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)

POLL, SPEAK = 1.0, 30.0
"""Seconds between two looks at cells, and between two lines where there is no terminal."""


def new_bar(shown: bool = True) -> Bar:
    """Return a bar with what is done and the time left; silent when the output is no terminal."""
    console = Console(stderr=True)
    return Bar(
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not (shown and console.is_terminal),
    )


class Progress:
    """A bar over the rounds of a run; it also adds up the seconds of each phase.

    Parameters
    ----------
    rounds, played : int
        Rounds to play, and those that were played before.
    shown : bool
        Whether to show the bar where there is a terminal.
    """

    def __init__(self, rounds: int, played: int, shown: bool) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._bar = new_bar(shown)
        self._task = self._bar.add_task("round", total=rounds, completed=played)
        self._phase, self._since = "", time.perf_counter()

    def __enter__(self) -> "Progress":
        self._bar.start()
        self._since = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.phase("")
        self._bar.stop()

    def phase(self, name: str) -> None:
        """Enter a phase; the seconds since the last call go to the phase that ends."""
        now = time.perf_counter()
        if self._phase:
            self.seconds[self._phase] += now - self._since
        self._phase, self._since = name, now
        self._bar.update(self._task, description=f"round: {name:<9}")

    def round_done(self) -> None:
        """Count a round."""
        self._bar.advance(self._task)


class CellProgress:
    """A bar over all cells with the time left; plain lines now and then where there is no terminal.

    Parts of the work are counted, those of cells that are being played too, so that a few long cells show
    progress.

    Parameters
    ----------
    look : callable
        Returns how many parts have been played and how many cells have finished, whoever plays them.
    parts, cells : int
        How many there are.
    shown : bool
        Whether to show anything.
    """

    def __init__(self, look: Callable[[], tuple[int, int]], parts: int, cells: int, shown: bool) -> None:
        self._look, self._cells, self._shown = look, cells, shown
        self._bar = new_bar(shown)
        self._task = self._bar.add_task("", total=parts, completed=look()[0])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._update()
        self._bar.start()
        self._thread.start()

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
            if self._shown and not self._bar.console.is_terminal and time.monotonic() - told >= SPEAK:
                told = time.monotonic()
                [task] = self._bar.tasks
                left = (
                    f", {timedelta(seconds=round(task.time_remaining))} left" if task.time_remaining else ""
                )
                self._bar.console.print(task.description + left, highlight=False)

    def _update(self) -> None:
        played, done = self._look()
        self._bar.update(self._task, completed=played, description=f"{done} of {self._cells} cells")
