"""Small markets to play in."""

import pytest

from sim.market import ParameterMarket
from sim.textbook.induced_market import InducedMarket


def small_market(**choices):
    """Four organisations with enough to gain from each other, half a second to play."""
    given = {
        "organisations": 4,
        "mechanism": "first_price",
        "broker": {"licence": "exclusive"},
        "data": {"examples": 400, "endowment": "class_skew", "groups": 4, "kept": 0.3},
        "learning": {"local_epochs": 6, "optimiser": {"name": "adamw", "lr": 0.01}},
        "network": {"name": "mlp", "widths": [8]},
        "setting": {"name": "competitive", "demand": {"mass": 100.0, "tau": 0.1}},
        "population": {"cash": 10.0},
    }
    return ParameterMarket(**(given | choices), seed=3)


def small_book(**choices):
    """Three buyers and two sellers with cards, at one price."""
    given = {"markets": 1, "buyers": 3, "sellers": 2, "mechanism": "k_double_auction"}
    return InducedMarket(**(given | choices), seed=1)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()
