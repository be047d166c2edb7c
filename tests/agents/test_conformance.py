"""Every registered strategy passes `check_strategy`, and what breaks the rules is caught."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic.dataclasses import dataclass

from agents.conformance import check_strategy
from agents.strategies import STRATEGIES
from agents.strategies.base import Memory, OutcomeView
from agents.strategies.truthful import Truthful

VARIANTS = [{"name": name} for name in STRATEGIES] + [
    {"name": "policy_gradient", "shared": True},
    {"name": "equilibrium_first_price", "bidders": 3, "reserve": 0.1, "risk_exponent": 0.5, "highest": 0.3},
]


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=2)
def test_every_strategy_keeps_the_rules(spec, seed):
    check_strategy(STRATEGIES.build(spec), seed)


@pytest.mark.slow
@pytest.mark.parametrize("spec", VARIANTS, ids=str)
@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=100)
def test_every_strategy_keeps_the_rules_in_a_hundred_worlds(spec, seed):
    check_strategy(STRATEGIES.build(spec), seed)


@dataclass(frozen=True)
class Negative(Truthful):
    """Bids below nothing."""

    def bid(self, view):
        return -view.value - 1


@dataclass(frozen=True)
class Peeking(Truthful):
    """Bids what others' values make likely."""

    def bid(self, view):
        return np.full(len(view.value), view.value.sum())


@dataclass(frozen=True)
class Conspiring(Peeking):
    """May know its fellows' values."""

    conspires: ClassVar[bool] = True


@dataclass(frozen=True)
class Lucky(Truthful):
    """Bids by luck of its own."""

    def ask(self, view):
        return np.random.default_rng().random(len(view.cost))


@dataclass(frozen=True)
class Meddling(Truthful):
    """Writes into what it is shown."""

    def ask(self, view):
        view.cost[:] = 0
        return view.cost


@dataclass(frozen=True)
class Heavy(Truthful):
    """Merges with more than all."""

    def merge(self, view):
        return view.weight + 1


@dataclass(frozen=True)
class Diary(Truthful):
    """Remembers everybody's limits."""

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:
        return {"limits": np.zeros(organisations)}

    def learn(self, view: OutcomeView) -> Memory:
        return {"limits": view.memory["limits"] + view.limit.sum()}


@dataclass(frozen=True)
class Growing(Diary):
    """Remembers more each round."""

    def learn(self, view: OutcomeView) -> Memory:
        return {"limits": np.append(view.memory["limits"], 0.0)}


@dataclass(frozen=True)
class Text(Diary):
    """Remembers words."""

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:
        return {"limits": np.full(organisations, "none")}


@dataclass(frozen=True)
class Gossip(Diary):
    """Bids by what others remember."""

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:
        return {"limits": np.arange(float(organisations))}

    def bid(self, view):
        return view.memory["limits"][(view.buyer + 1) % view.organisations]


@dataclass(frozen=True)
class Boaster(Truthful):
    """Claims a loss that no model can have."""

    def claim(self, view):
        return view.loss - 10


@dataclass(frozen=True)
class Inventor(Truthful):
    """Teaches classes that do not exist."""

    def teach(self, classes):
        return np.arange(classes) + 1


@pytest.mark.parametrize(
    ("cheat", "told"),
    [
        (Negative, "bid must return quotes that are NaN or finite and not negative"),
        (Peeking, "bid must depend on own rows alone"),
        (Lucky, "ask must return the same for the same generator"),
        (Meddling, "ask must leave what it is shown alone"),
        (Heavy, "merge must return a weight in"),
        (Diary, "'limits' must not depend on what others know"),
        (Growing, "learn must keep names, shapes and types"),
        (Text, "a memory must hold arrays of float64"),
        (Gossip, "bid must not depend on what others know"),
        (Boaster, "claim must return a loss a row that is NaN or not negative"),
        (Inventor, "teach must return one of the 6 classes"),
    ],
)
def test_what_breaks_the_rules_is_caught(cheat, told):
    with pytest.raises(AssertionError, match=told):
        check_strategy(cheat())


def test_conspirators_may_know_their_fellows():
    check_strategy(Conspiring())


def test_the_check_itself_does_not_change_a_strategy():
    strategy = Truthful()
    check_strategy(strategy)
    assert replace(strategy) == strategy
