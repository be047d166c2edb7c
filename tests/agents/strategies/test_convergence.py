"""In Smith's market the adaptive traders find the equilibrium price, and zero intelligence does not."""

from functools import cache

import numpy as np
import pytest

from agents.strategies import STRATEGIES
from markets.theory.schedules import smith_schedules
from sim.streams import Streams
from sim.textbook.trading_session import SessionConfig, TradingSession

ADAPTIVE = ("zip", "gd", "gdx", "aa")


def session(name, markets, periods, steps, variant="persistent"):
    """Return the record of a session of Smith's market in which all follow one strategy."""
    fields = {"unit": 1.0} if name == "zip" else {"highest": 200.0}
    strategy = STRATEGIES.build({"name": name} | fields)
    schedules = smith_schedules(markets=markets)
    config = SessionConfig(variant=variant, periods=periods, steps=steps)
    return TradingSession(schedules, [strategy] * schedules.traders, config, Streams(0)).run()


@cache
def play(name, markets, periods, steps, variant="persistent"):
    """Return efficiency and Smith's alpha by trading day, means over markets."""
    record = session(name, markets, periods, steps, variant)
    return record.efficiency.mean(axis=1), np.nanmean(record.alpha, axis=1)


@pytest.mark.parametrize("name", ADAPTIVE)
def test_prices_converge(name):
    """Within a few days prices scatter less than on the first, and than zero intelligence's."""
    efficiency, alpha = play(name, markets=3, periods=4, steps=80)
    _, random_alpha = play("zero_intelligence", markets=3, periods=4, steps=80)
    assert efficiency[-2:].mean() > 0.9
    assert alpha[-2:].mean() < alpha[0]
    assert alpha[-2:].mean() < 0.6 * random_alpha.mean()


@pytest.mark.parametrize(
    ("markets", "steps"),
    [pytest.param(10, 250, marks=pytest.mark.heavy), pytest.param(25, 1000, marks=pytest.mark.slow)],
)
def test_aa_never_falls_silent(markets, steps):
    """With time enough the first day is efficient everywhere: who aims too low shouts, and learns by it."""
    record = session("aa", markets=markets, periods=1, steps=steps)
    assert record.efficiency.mean() > 0.95
    assert record.efficiency.min() > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["persistent", "gode_sunder"])
@pytest.mark.parametrize(("name", "most"), [("zip", 6), ("gd", 7), ("gdx", 7), ("aa", 5)])
def test_prices_converge_at_full_size(name, most, variant):
    """Cliff 1997, Gjerstad and Dickhaut 1998, Vytelingum et al. 2008: nearly all gains, steady prices."""
    efficiency, alpha = play(name, markets=10, periods=6, steps=900, variant=variant)
    print(name, variant, efficiency.round(3), alpha.round(1))
    assert efficiency[-3:].mean() > 0.96
    assert alpha[-3:].mean() < most
    assert alpha[-3:].mean() < 0.6 * alpha[0]


def test_the_unconstrained_trade_beyond_the_equilibrium():
    """Gode and Sunder (1993): without the constraint everybody trades, and much of the gains is lost."""
    constrained, _ = play("zero_intelligence", markets=20, periods=1, steps=200)
    unconstrained, _ = play("zero_intelligence_unconstrained", markets=20, periods=1, steps=200)
    assert constrained[0] > 0.93
    assert unconstrained[0] < 0.9
