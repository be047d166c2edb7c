"""A run as those see it who show it."""

from dataclasses import dataclass

import pandas as pd

from experiments.configuration.keys import Config
from experiments.findings.summary import Findings
from sim.settings import SETTINGS


@dataclass(frozen=True)
class RunView:
    """A run and what was found.

    Attributes
    ----------
    config : Config
        The run's configuration.
    tables : dict of DataFrame
        Its records by name.
    findings : Findings
        Their summary.
    """

    config: Config
    tables: dict[str, pd.DataFrame]
    findings: Findings

    @property
    def trading_arms(self) -> list[str]:
        """The arms that have a market."""
        return [arm for arm in self.config.arms if SETTINGS[arm].trades]

    @property
    def priced_arms(self) -> list[str]:
        """The arms in which a mechanism makes prices; those who cooperate allocate without one."""
        return [arm for arm in self.trading_arms if not SETTINGS[arm].cooperates]

    def regions(self, arm: str) -> list[int]:
        """Return the region of every organisation in an arm, from its records."""
        table = self.tables["organisations"]
        of_arm = table[table["arm"] == arm].drop_duplicates("organisation").sort_values("organisation")
        return [int(region) for region in of_arm["region"]]
