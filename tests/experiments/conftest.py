"""Runs in memory."""

import pandas as pd

from sim.cohort import Cohort
from sim.records import TABLES


def whole_run(config):
    """Return the tables of all rounds of a configuration."""
    cohort = Cohort(config.market(), config.arms, config.replicates, config.seed)
    rounds = [cohort.step() for _ in range(config.rounds)]
    return {name: pd.concat([tables[name] for tables in rounds], ignore_index=True) for name in TABLES}
