"""Progress on a terminal, and the wall time of each phase."""

import time
from collections import defaultdict
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """A bar with round, phase and time left; silent when the output is no terminal.

    It also adds up the seconds of each phase.

    Parameters
    ----------
    rounds : int
        Rounds to play.
    played : int
        Rounds that were played before.
    shown : bool
        Whether to show the bar where there is a terminal.
    unit : str
        What the work is counted in.
    """

    def __init__(self, rounds: int, played: int, shown: bool, unit: str = "round") -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn(unit),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[phase]:<9}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console,
            disable=not (shown and console.is_terminal),
        )
        self._task = self._bar.add_task("rounds", total=rounds, completed=played, phase="")
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
        self._bar.update(self._task, phase=name)

    def round_done(self) -> None:
        """Count a round."""
        self._bar.advance(self._task)
