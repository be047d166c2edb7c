"""A small cohort that several tests look at."""

import pytest

from sim.cohort import Cohort
from sim.config.market import MarketConfig

ARMS = ("autarky", "independent", "competitive", "cooperative")


def small(**choices):
    defaults = {
        "organisations": 4,
        "data": {"examples": 500, "endowment": "class_skew", "kept": 0.2},
        "network": {"name": "mlp", "widths": [16]},
        "learning": {"optimiser": {"name": "adamw", "lr": 0.02}},
        "setting": {"name": "competitive", "regions": 2, "demand": {"tau": 0.02}},
        "mechanism": "nash_bargaining",
    }
    return MarketConfig(**(defaults | choices))


def tables_of(cohort, rounds):
    """Return the tables of each of the next rounds."""
    return [cohort.step() for _ in range(rounds)]


@pytest.fixture(scope="session")
def played():
    """A cohort of four arms and two replicates after four rounds, and the tables of each round."""
    cohort = Cohort(small(), ARMS, replicates=2, seed=3)
    return cohort, tables_of(cohort, 4)
