import doctest
from typing import Annotated, ClassVar

import numpy as np
import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.strategies import Strategy
from agents.strategies.classical.zero_intelligence import ZeroIntelligence
from agents.strategies.recluse import Recluse
from agents.strategies.shading import Shading
from agents.strategies.truthful import Truthful
from markets.books.gode_sunder_book import GodeSunderBook
from markets.books.order_book import OrderBook
from markets.theory.schedules import Schedules, smith_schedules
from sim.streams import Streams
from sim.textbook import trading_session
from sim.textbook.trading_session import SessionConfig, TradingSession

VARIANTS = ("persistent", "gode_sunder")
SEVERAL = ([[9, 7, 4], [8, 8, np.nan], [6, 2, 1]], [[2, 5], [3, np.nan], [1, 8]])


@dataclass(frozen=True)
class Whole(Strategy):
    """Quotes whole credits at random, sometimes nothing, and writes down all that it is told."""

    name: str = "whole"
    silence: Annotated[float, Field(ge=0, le=1)] = 0.2
    seen: ClassVar[list] = []
    asked: ClassVar[list] = []

    def ask(self, view):
        self.asked.append(view)
        draws = view.rng.random((view.organisations, 2))[view.seller]
        return np.where(draws[:, 0] < self.silence, np.nan, view.cost + np.floor(4 * draws[:, 1]))

    def bid(self, view):
        self.asked.append(view)
        draws = view.rng.random((view.organisations, 2))[view.buyer]
        return np.where(draws[:, 0] < self.silence, np.nan, np.floor((view.value + 0.99) * draws[:, 1]))

    def begin(self, organisations, positions, rng):
        return {"count": np.zeros(organisations, dtype=np.int64)}

    def learn(self, view):
        self.seen.append(view)
        count = view.memory["count"].copy()
        count[view.organisation] += view.units
        return {"count": count}


def play(schedules, strategies, variant="persistent", seed=0, **config):
    session = TradingSession(schedules, strategies, SessionConfig(variant=variant, **config), Streams(seed))
    return session, session.run()


def rows_of(columns, **where):
    keep = np.logical_and.reduce([columns[name] == value for name, value in where.items()])
    return {name: column[keep].tolist() for name, column in columns.items()}


def play_again(tape, variant):
    """Play a tape with an event-driven book; return price and counterparty of each quote, and the best."""
    book = OrderBook() if variant == "persistent" else GodeSunderBook()
    order_of, owner, outcome = {}, {}, []
    for order, (trader, is_bid, quote) in enumerate(
        zip(tape["trader"], tape["is_bid"], tape["quote"], strict=True)
    ):
        standing = order_of.get(trader)
        if variant == "persistent" and standing is not None and book.quantity(standing):
            fills = book.replace(standing, quote, 1)
        else:
            fills = book.submit(order, trader, is_bid, quote)
            order_of[trader], owner[order] = order, trader
        outcome.append((fills[0].price, owner[fills[0].standing]) if fills else (np.nan, -1))
    return outcome, (book.best_bid, book.best_ask)


@pytest.mark.parametrize("variant", VARIANTS)
def test_lockstep_books_are_event_driven_books(variant):
    """Several units a trader, prices that tie, silence, and quotes that replace each other."""
    schedules = Schedules.of(*SEVERAL, markets=12)
    session, record = play(schedules, [Whole()] * 6, variant, periods=2, steps=60)
    columns = record.columns()
    for period in range(2):
        for market in range(12):
            tape = rows_of(columns, period=period, market=market)
            outcome, best = play_again(tape, variant)
            np.testing.assert_array_equal([price for price, _ in outcome], tape["price"])
            assert [party for _, party in outcome] == tape["counterparty"]
            if period == 1:
                np.testing.assert_equal(
                    best, (session._books.best_bid[market], session._books.best_ask[market])
                )
    assert (~np.isnan(columns["price"])).sum() > 50


@pytest.mark.parametrize("variant", VARIANTS)
def test_profits_and_units_are_those_of_the_tape(variant):
    schedules = Schedules.of(*SEVERAL, markets=5)
    _, record = play(schedules, [Whole()] * 6, variant, periods=2, steps=60)
    limit, profit, units = schedules.limit, np.zeros((2, 5, 6)), np.zeros((2, 5, 6), int)
    columns = {name: column.tolist() for name, column in record.columns().items()}
    for i in np.flatnonzero(~np.isnan(columns["price"])):
        at = columns["period"][i], columns["market"][i]
        for party in (columns["trader"][i], columns["counterparty"][i]):
            gain = limit[at[1], party, units[*at, party]] - columns["price"][i]
            profit[*at, party] += gain if party < 3 else -gain
            units[*at, party] += 1
    np.testing.assert_allclose(record.profit, profit)
    np.testing.assert_array_equal(record.units, units)
    assert (record.units.sum(axis=2) % 2 == 0).all()
    traded = ~np.isnan(record.shouts.price)
    assert (record.units.sum(axis=2) == 2 * traded.sum(axis=1)).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_zero_intelligence_above_the_costs_is_efficient(variant):
    """Every buyer above every seller, in a box or as many of both: efficiency 1 (Gode and Sunder 1993)."""
    box = Schedules.of([200.0] * 8, [50.0] * 5, markets=40)
    even = Schedules.of(np.arange(120.0, 142.0, 2.0), np.arange(60.0, 82.0, 2.0), markets=40)
    for schedules in (box, even):
        _, record = play(
            schedules, [ZeroIntelligence(highest=200.0)] * schedules.traders, variant, steps=2000
        )
        np.testing.assert_allclose(record.efficiency, 1.0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_zero_intelligence_in_smiths_market(variant):
    """Mean efficiency of ZI-C in eleven against eleven, in 0.93 to 1 (Gode and Sunder 1993)."""
    _, record = play(smith_schedules(400), [ZeroIntelligence(highest=200.0)] * 22, variant)
    assert 0.93 < record.efficiency.mean() < 1
    assert 0.015 < record.efficiency.std() < 0.05
    assert record.efficiency.max() <= 1 + 1e-12
    assert 5 < record.alpha.mean() < 30
    assert 10 < record.dispersion.mean() < 30


def test_markets_do_not_depend_on_how_many_there_are():
    few, many = (
        play(smith_schedules(markets), [ZeroIntelligence(highest=200.0)] * 22, steps=80)[1]
        for markets in (3, 7)
    )
    for name, column in vars(few.shouts).items():
        np.testing.assert_array_equal(column, getattr(many.shouts, name)[:, :, :3])


def test_same_seed_same_session():
    first, again, other = (
        play(Schedules.of(*SEVERAL), [Whole()] * 6, seed=seed, steps=50)[1].columns() for seed in (1, 1, 2)
    )
    assert all(np.array_equal(first[name], again[name], equal_nan=True) for name in ("quote", "price"))
    assert first["quote"].tolist() != other["quote"].tolist()


def test_periods_begin_anew_and_memory_stays():
    Whole.seen.clear()
    Whole.asked.clear()
    session, record = play(Schedules.of(*SEVERAL, markets=3), [Whole()] * 6, periods=3, steps=80)
    assert session.memories["whole"]["count"].reshape(3, 6).tolist() == record.units.sum(axis=0).tolist()
    assert (record.units <= (~np.isnan(record.schedules.limit)).sum(axis=2)).all()
    assert (record.units[1:].sum(axis=(1, 2)) > 0).all()
    assert np.isnan(record.shouts.price[:, 0]).all()


def test_strategies_learn_what_everybody_heard():
    Whole.seen.clear()
    _, record = play(Schedules.of(*SEVERAL, markets=3), [Whole()] * 6, steps=80)
    columns = record.columns()
    heard = {
        name: np.concatenate([getattr(view.tape, name) for view in Whole.seen]) for name in ("quote", "price")
    }
    np.testing.assert_array_equal(heard["quote"], columns["quote"])
    np.testing.assert_array_equal(heard["price"], columns["price"])
    for view in Whole.seen:
        assert np.array_equal(view.position, view.organisation // 6)
        assert np.array_equal(view.is_buyer, view.organisation % 6 < 3)
        assert np.array_equal(np.isnan(view.price), view.units == 0)
        assert not np.isnan(view.limit).any()
        assert set(view.tape.position) >= set(view.position[view.units > 0])
        assert np.isin(np.bincount(view.position, view.units), [0, 2]).all()
        spoke = ~np.isnan(view.quote) & (view.units == 0)
        untraded = np.isnan(view.tape.price)
        np.testing.assert_array_equal(view.quote[spoke], view.tape.quote[untraded])


def test_traders_see_the_standing_quotes():
    """Truthful buyers at 9 and 8, a recluse and a seller at 20 that nobody can pay."""
    schedules = Schedules.of([9.0, 8.0], [20.0, 1.0])
    Whole.asked.clear()
    _, record = play(schedules, [Truthful(), Truthful(), Whole(silence=1.0), Recluse()], steps=60)
    assert {view.standing_bid[0] for view in Whole.asked[10:]} == {9.0}
    assert np.isnan([view.standing_ask[0] for view in Whole.asked]).all()
    assert record.units.sum() == 0
    assert record.efficiency.tolist() == [[0.0]]


def test_mixed_strategies_ask_each_for_its_own():
    mix = [Truthful(), Shading(fraction=0.5), Truthful(), Shading(fraction=0.5)]
    _, record = play(Schedules.of([8.0, 8.0], [2.0, 2.0], markets=20), mix, steps=50)
    quoted = record.columns()
    for trader, quote in enumerate([8.0, 4.0, 2.0, 3.0]):
        assert set(quoted["quote"][quoted["trader"] == trader]) == {quote}


def test_bad_sessions_are_refused():
    schedules, streams = Schedules.of([9.0], [1.0]), Streams(0)
    with pytest.raises(ValueError, match="strategies must name one for each of the 2 traders; got 1"):
        TradingSession(schedules, [Truthful()], SessionConfig(), streams)
    with pytest.raises(ValueError, match="strategies of one name must be the same"):
        TradingSession(schedules, [Shading(fraction=0.1), Shading(fraction=0.2)], SessionConfig(), streams)
    with pytest.raises(ValueError, match="steps"):
        SessionConfig(steps=0)
    broken = type("Broken", (Truthful,), {"bid": lambda self, view: view.value * np.inf})()
    with pytest.raises(ValueError, match="quote must be finite and not negative; got inf"):
        play(schedules, [broken] * 2)


def test_the_example_runs():
    assert doctest.testmod(trading_session) == (0, 4)
