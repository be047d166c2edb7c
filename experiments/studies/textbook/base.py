"""What a textbook preset is.

Core Objects: Preset, TEXTBOOK
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, ClassVar

import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.registry import Registry
from sim.config.market import STRICT
from sim.streams import Streams

Tables = dict[str, pd.DataFrame]
Watch = Callable[[str], None]

RESULTS = "results"
"""The table that every preset makes; its columns are those of `experiments.studies.textbook.findings`."""


@dataclass(frozen=True, config=STRICT)
class Preset(ABC):
    """A published result as an experiment: its fields are its configuration.

    Parameters
    ----------
    seed : int
        Root of all random streams.
    figures : bool
        Whether to draw the figure at the end.
    progress : bool
        Whether to show a progress bar on a terminal.
    """

    name: str = ""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    figures: bool = True
    progress: bool = True

    size_means: ClassVar[str] = "size"
    """What the column `size` of the results counts."""

    varied: ClassVar[str] = "sizes"
    """The field that has an entry for each part of the work, where `parts` does not say otherwise."""

    caption: ClassVar[str] = ""
    """How to read the figure."""

    @property
    def parts(self) -> int:
        """How many parts the work has: how often `run` calls `watch`."""
        return len(getattr(self, self.varied))

    @abstractmethod
    def run(self, streams: Streams, watch: Watch) -> Tables:
        """Play everything and return the tables, `RESULTS` among them; `watch` is told each part's name."""

    @abstractmethod
    def draw(self, tables: Tables) -> Figure:
        """Draw the figure from the tables alone."""


TEXTBOOK: Registry[Preset] = Registry("textbook preset", Preset)
"""Every preset by name."""
