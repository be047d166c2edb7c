"""What a textbook preset is.

Core Objects: Preset, TEXTBOOK, play_part, joined
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.registry import Registry
from sim.config.market import STRICT
from sim.streams import Streams

Tables = dict[str, pd.DataFrame]

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
    def parts(self) -> Sequence[Any]:
        """What is played apart from the rest; text and numbers."""
        parts: Sequence[Any] = getattr(self, self.varied)
        return parts

    @abstractmethod
    def run(self, part: Any, streams: Streams) -> Tables:
        """Play one of the parts and return its rows of the tables, of `RESULTS` at least."""

    def play(self) -> Tables:
        """Play all parts here and now, and return the tables, of `RESULTS` at least."""
        return joined([play_part(self, part) for part in self.parts])

    @abstractmethod
    def draw(self, tables: Tables) -> Figure:
        """Draw the figure from the tables alone."""


TEXTBOOK: Registry[Preset] = Registry("textbook preset", Preset)
"""Every preset by name."""


def play_part(preset: Preset, part: Any) -> Tables:
    """Return a part's rows of the tables of a preset."""
    return preset.run(part, Streams(preset.seed))


def joined(parts: Sequence[Tables]) -> Tables:
    """Return the tables of a preset from the rows of all its parts."""
    names = dict.fromkeys(name for tables in parts for name in tables)
    return {
        name: pd.concat([tables[name] for tables in parts if name in tables], ignore_index=True)
        for name in names
    }
