"""What a figure is before it is drawn.

Core Objects: Plan
"""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from experiments.configuration.keys import Config
from experiments.figures.bands import Tables
from experiments.findings.summary import Findings
from sim.settings import SETTINGS


@dataclass(frozen=True)
class Plan:
    """A figure by name.

    Attributes
    ----------
    name : str
        Also the name of its files.
    title : str
        What it shows, in a few words.
    caption : str
        How to read it.
    draw : callable
        (config, tables, findings) -> Figure, or None where the figure does not apply to the run.
    intervals : bool
        Whether it shows intervals over replicates, where there are several.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Config, Tables, Findings], Figure | None]
    intervals: bool = True


def trading_arms(config: Config) -> list[str]:
    """Return the arms that have a market."""
    return [arm for arm in config.arms if SETTINGS[arm].trades]


def priced_arms(config: Config) -> list[str]:
    """Return the arms in which a mechanism makes prices; those who cooperate allocate without one."""
    return [arm for arm in trading_arms(config) if not SETTINGS[arm].cooperates]


def regions(tables: Tables, arm: str) -> list[int]:
    """Return the region of every organisation in an arm, from its records."""
    table = tables["organisations"]
    of_arm = table[table["arm"] == arm].drop_duplicates("organisation").sort_values("organisation")
    return [int(region) for region in of_arm["region"]]
