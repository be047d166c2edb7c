"""What all call markets share, and what follows from truth being dominant."""

import dataclasses

import numpy as np
import pytest

from markets.mechanisms import MECHANISMS
from markets.mechanisms.double_auctions.call_market import CallMarket
from markets.orders.variations import vary
from tests.markets.strategies import book, books, random_orders

ON_BOOKS = [{"name": name} for name in MECHANISMS if MECHANISMS[name].venue == "books"] + [
    {"name": "mcafee", "lowest": 0.0, "highest": 1.0},
    {"name": "muda", "rationing": "vickrey"},
    {"name": "sbba", "lottery": "buyers"},
]
CALLS = [spec for spec in ON_BOOKS if isinstance(MECHANISMS.build(spec), CallMarket)]
DOMINANT = [s for s in ON_BOOKS if MECHANISMS.build(s).properties.truthful_sellers == "dominant"]


@pytest.mark.parametrize("spec", ON_BOOKS, ids=str)
def test_a_constant_added_to_all_reports_is_added_to_all_prices(spec):
    rng = np.random.default_rng(3)
    mechanism = MECHANISMS.build(spec)
    moved = MECHANISMS.build(
        spec | {field: spec[field] + 8 for field in mechanism.money_fields if field in spec}
    )
    bids, asks = rng.integers(0, 9, (30, 5)), rng.integers(0, 9, (30, 4))
    trades = mechanism.clear(books(bids, asks), np.random.default_rng(0))
    other = moved.clear(books(bids + 8, asks + 8), np.random.default_rng(0))
    assert other.row.tolist() == trades.row.tolist()
    assert other.paid.tolist() == (trades.paid + 8).tolist()
    assert other.received.tolist() == (trades.received + 8).tolist()
    assert len(trades) > 0


@pytest.mark.parametrize("spec", CALLS, ids=str)
@pytest.mark.parametrize("density", [0.15, 0.6, 1.0])
@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize(
    "seeds", [range(3), pytest.param(range(3, 30), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_positions_clear_together_as_they_would_alone(spec, density, alike, seeds):
    """Dense and sparse books, with gains that are all the same and with gains that decide who meets whom."""
    mechanism = MECHANISMS.build(spec)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        orders = random_orders(
            rng, 9, 24, positions=4, density=density, whole=6, one_quote=True, traders=seed % 2 == 0
        )
        if alike:
            orders = dataclasses.replace(orders, gain=np.full(len(orders), 0.5))
        together = mechanism.clear(orders, np.random.default_rng(seed))
        assert density < 1 or len(together) > 0
        for rows in orders.books(np.arange(len(orders))):
            alone = mechanism.clear(orders.select(rows), np.random.default_rng(seed))
            there = np.isin(together.row, rows)
            assert rows[alone.row].tolist() == together.row[there].tolist()
            assert alone.paid.tolist() == together.paid[there].tolist()
            assert alone.received.tolist() == together.received[there].tolist()


@pytest.mark.parametrize("spec", DOMINANT, ids=str)
def test_winners_pay_and_get_their_critical_values(spec):
    """A rule is truthful iff allocations are monotone and prices critical values (Myerson 1981)."""
    mechanism, rng = MECHANISMS.build(spec), np.random.default_rng(4)
    agents, winners = np.arange(10), 0
    hopeless, lossless = np.where(agents < 5, [[0.0], [1.0]], [[1.0], [0.0]])
    for seed in range(4):
        reports = np.concatenate([0.4 + 0.6 * rng.random(5), 0.6 * rng.random(5)])
        orders = book(reports[:5], reports[5:])

        def outcome(agent, report, orders=orders, reports=reports, seed=seed):
            """Return the price of each agent [M] that reports otherwise [M], NaN without a trade."""
            told = np.where(agents == agent[:, None], report[:, None], reports)
            found = vary(mechanism, orders, told[:, orders.buyer], told[:, orders.seller], seed)
            own = (orders.buyer == agent[:, None]) | (orders.seller == agent[:, None])
            price = np.where(agent[:, None] < 5, found.paid, found.received)
            return np.where((found.won & own).any(axis=1), (price * own).sum(axis=1), np.nan)

        ladder = np.linspace(hopeless, lossless, 21, axis=1)
        won = ~np.isnan(outcome(agents.repeat(21), ladder.ravel())).reshape(ladder.shape)
        assert (np.sort(won, axis=1) == won).all()
        price = outcome(agents, reports)
        agent = np.flatnonzero(~np.isnan(price))
        winners += len(agent)
        win, lose = reports[agent], hopeless[agent]
        for _ in range(20 if len(agent) else 0):
            quarters = np.linspace(lose, win, 5, axis=1)
            wins = ~np.isnan(outcome(agent.repeat(3), quarters[:, 1:4].ravel())).reshape(-1, 3)
            first = np.argmax(np.column_stack([wins, np.ones(len(agent), bool)]), axis=1)
            lose, win = quarters[np.arange(len(agent)), [first, first + 1]]
        assert price[agent] == pytest.approx(win, abs=1e-9)
    assert winners > 0
