"""What strategies learn from a round is what happened to them, and it survives a checkpoint."""

from typing import ClassVar

import numpy as np
import pytest
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES, Memory, OutcomeView, Strategy
from agents.strategies.truthful import Truthful
from sim.config.market import MarketConfig
from sim.exchange.outcomes import public_tape
from sim.market import ParameterMarket

SMALL = {"organisations": 3, "data": {"examples": 300, "endowment": "class_skew"}, "setting": "independent"}


@dataclass(frozen=True)
class Scribe(Truthful):
    """Tells the truth and keeps what it is told."""

    name: str = "scribe"
    seen: ClassVar[list[OutcomeView]] = []

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:
        """Remember luck and no rounds."""
        return {"luck": rng.random(organisations), "rounds": np.zeros((organisations, positions), np.int64)}

    def learn(self, view: OutcomeView) -> Memory:
        """Count the rounds."""
        self.seen.append(view)
        return view.memory | {"rounds": view.memory["rounds"] + 1}


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(STRATEGIES._classes, "scribe", Scribe)


def world_of(strategy: Strategy, mechanism: str) -> ParameterMarket:
    market = ParameterMarket(MarketConfig(**SMALL, mechanism=mechanism), seed=3)
    for index in range(3):
        market.members.choose(index, strategy)
    return market


@pytest.mark.parametrize("mechanism", ["first_price", "k_double_auction"])
def test_outcomes_are_the_rounds_trades(mechanism):
    Scribe.seen.clear()
    market = world_of(Scribe(), mechanism)
    for _ in range(2):
        market.step()
    trades, orders = (market.report.tables[name] for name in ("trades", "orders"))
    view = Scribe.seen[-1]
    assert len(trades["buyer"]) > 0
    for is_buyer, who, money in ((True, "buyer", "paid"), (False, "seller", "received")):
        side = view.is_buyer == is_buyer
        for number in range(3):
            own = side & (view.organisation == number)
            settled = trades[who] == number
            assert view.units[own].sum() == settled.sum()
            spent = np.nansum(view.price[own] * view.units[own])
            np.testing.assert_allclose(spent, trades[money][settled].sum())
            if settled.any():
                best = np.nanmax(view.quote[own])
                said = orders["bid" if is_buyer else "ask"][orders[who] == number]
                np.testing.assert_allclose(best, said.max())
    assert np.array_equal(np.isnan(view.price), view.units == 0)
    assert len(view.tape) == (view.units > 0).sum()


def test_memory_is_part_of_the_state():
    market, other = (world_of(Scribe(), "first_price") for _ in range(2))
    market.step()
    other.restore(market.state())
    for name, array in market.memories["scribe"].items():
        np.testing.assert_array_equal(other.memories["scribe"][name], array)
        assert other.memories["scribe"][name].dtype == array.dtype
    assert (other.memories["scribe"]["rounds"] == 1).all()


def test_an_open_market_shows_quotes_that_did_not_trade():
    sides = {
        "position": np.array([0, 0, 0]),
        "is_buyer": np.array([True, True, False]),
        "quote": np.array([2.0, 5.0, 3.0]),
        "units": np.array([0, 1, 1]),
        "price": np.array([np.nan, 4.0, 4.0]),
    }
    np.testing.assert_array_equal(public_tape(sides, open_outcry=True).quote, [2, 5, 3])
    np.testing.assert_array_equal(public_tape(sides, open_outcry=False).quote, [4, 4])
