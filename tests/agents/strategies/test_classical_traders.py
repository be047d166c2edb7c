"""What the classical traders have in common: no loss, and the same learning in any kind of market."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.strategies import STRATEGIES
from sim.market import ParameterMarket
from sim.textbook.induced_market import InducedMarket
from tests.agents.strategies.scenes import ask_view, bid_view, outcome, tape_of
from tests.sim.conftest import small

LEARNERS = ("aa", "gd", "gdx", "zip")

shouted = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["bid", "ask"]),
    st.floats(0, 0.2),
    st.one_of(st.none(), st.floats(0, 0.2)),
)
standing = st.one_of(st.just(np.nan), st.floats(0, 0.2))


def learned(strategy, shouts, limits, refused):
    """Return the memory of four organisations in two markets after a round that they heard."""
    memory = strategy.begin(4, 2, np.random.default_rng(0))
    who, market, side = (a.ravel() for a in np.meshgrid(range(4), range(2), range(2), indexing="ij"))
    view = outcome(
        memory, who, side == 0, limits, tape_of(*shouts), 4, position=market, positions=2, quote=refused
    )
    return strategy.learn(view)


@pytest.mark.parametrize("name", ["zero_intelligence", *LEARNERS])
@settings(max_examples=12, deadline=None)
@given(
    st.lists(shouted, max_size=8),
    st.lists(st.floats(0, 0.2), min_size=16, max_size=16),
    st.lists(standing, min_size=16, max_size=16),
    st.tuples(standing, standing, st.integers(1, 5)),
)
def test_nobody_quotes_a_loss(name, shouts, limits, refused, moment):
    """Whatever was heard, bids stay within values and asks cover costs; only the unconstrained lose."""
    strategy = STRATEGIES.build(name)
    memory = learned(strategy, shouts, limits, refused)
    who, limit = [0, 0, 1, 2, 3], np.array([0.0, 0.05, 0.2, 0.01, 0.15])
    rows = {
        "position": [0, 1, 0, 1, 0],
        "positions": 2,
        "standing_bid": np.full(5, moment[0]),
        "standing_ask": np.full(5, moment[1]),
        "opportunities": np.full(5, moment[2]),
    }
    bids = strategy.bid(bid_view(memory, who, limit, 4, **rows))
    asks = strategy.ask(ask_view(memory, who, limit, 4, **rows))
    assert np.isnan(bids[0])
    assert np.all(np.isnan(bids) | ((bids >= 0) & (bids <= limit)))
    assert np.all(np.isnan(asks) | (np.isfinite(asks) & (asks >= limit)))


def test_the_unconstrained_quote_losses():
    """Gode and Sunder (1993): ZI-U draws from the whole range, whatever the value."""
    strategy = STRATEGIES.build({"name": "zero_intelligence_unconstrained", "highest": 2.0})
    many = 2000
    who, limit = np.arange(many), np.ones(many)
    for quotes in (
        strategy.bid(bid_view({}, who, limit, many)),
        strategy.ask(ask_view({}, who, limit, many, listing=who, listings=many)),
    ):
        assert (quotes > limit).mean() == pytest.approx(0.5, abs=0.04)
        assert quotes.min() >= 0
        assert quotes.max() <= 2
        assert quotes.std() == pytest.approx(2 / np.sqrt(12), abs=0.04)


@pytest.mark.parametrize("name", LEARNERS)
def test_learning_leaves_its_input_alone_and_keeps_shapes(name):
    strategy = STRATEGIES.build(name)
    memory = strategy.begin(4, 2, np.random.default_rng(0))
    before = {key: array.copy() for key, array in memory.items()}
    rows = np.zeros(4, int)
    tape = tape_of((0, "bid", 0.05, None), (0, "ask", 0.04, 0.05), (1, "ask", 0.02, None))
    after = strategy.learn(outcome(memory, np.arange(4), rows == 0, np.full(4, 0.1), tape, 4, positions=2))
    for key, array in before.items():
        np.testing.assert_array_equal(memory[key], array)
        assert after[key].shape == array.shape
        assert after[key].dtype == array.dtype
    assert any(not np.array_equal(after[key], before[key], equal_nan=True) for key in before)


@pytest.mark.parametrize("name", LEARNERS)
def test_organisations_learn_from_their_own_rows_and_the_tape_alone(name):
    """What an organisation remembers, and so what it quotes, stays the same without the others' rows."""
    strategy = STRATEGIES.build(name)
    memory = strategy.begin(4, 1, np.random.default_rng(0))
    tape = tape_of((0, "bid", 0.05, 0.05), (0, "ask", 0.05, 0.05))
    limits, quotes = np.array([0.1, 0.02, 0.07, 0.01]), np.array([0.04, 0.06, np.nan, 0.09])
    is_buyer = np.array([True, False, True, False])
    whole = strategy.learn(outcome(memory, np.arange(4), is_buyer, limits, tape, 4, quote=quotes))
    for own in range(4):
        part = strategy.learn(
            outcome(memory, [own], is_buyer[[own]], limits[[own]], tape, 4, quote=quotes[[own]])
        )
        for view, question in ((bid_view, strategy.bid), (ask_view, strategy.ask)):
            np.testing.assert_array_equal(*(question(view(kept, [own], [0.08], 4)) for kept in (whole, part)))


@pytest.mark.parametrize("name", [*LEARNERS, "zero_intelligence_unconstrained"])
@pytest.mark.parametrize("mechanism", ["k_double_auction", "second_price"])
def test_they_trade_parameters_and_go_on_after_a_stop(name, mechanism):
    """On parameters each trades; one stopped after some rounds remembers and quotes what it would have."""
    scale = {"unit": 1e-5} if name == "zip" else {"highest": 1e-3}  # values of models that know little yet
    config = small(mechanism=mechanism, population={"mix": {name: 4}, "parameters": {name: scale}})
    through, stopped, taken_up = (ParameterMarket(config, seed=1) for _ in range(3))
    traded = 0
    for _ in range(3):
        through.step()
        stopped.step()
        traded += len(through.report.tables["trades"]["buyer"])
    taken_up.laboratory = stopped.laboratory
    taken_up.restore(stopped.state())
    for market in (through, taken_up):
        market.step()
    for table in ("orders", "trades"):
        for column, values in through.report.tables[table].items():
            np.testing.assert_array_equal(taken_up.report.tables[table][column], values)
    for key, array in through.memories[name].items():
        np.testing.assert_array_equal(taken_up.memories[name][key], array)
    assert traded + len(through.report.tables["trades"]["buyer"]) > 0


@pytest.mark.parametrize("mechanism", ["k_double_auction", {"name": "posted_price", "price": 0.65}], ids=str)
@pytest.mark.parametrize("name", LEARNERS)
def test_a_sealed_market_with_gains_never_falls_silent(name, mechanism):
    """Whose quote is refused asks for less, though the quote came to the market in whole micro-credits."""
    market = InducedMarket(
        buyers=3,
        sellers=1,
        markets=5,
        values={"name": "schedule", "amounts": [0.9, 0.8, 0.7]},
        costs={"name": "schedule", "amounts": [0.2]},
        mechanism=mechanism,
        population={
            "mix": {name: 4},
            "parameters": {name: {"unit": 1.0} if name == "zip" else {"highest": 1.0}},
            "cash": 1e4,
        },
        seed=1,
    )
    trades = []
    for _ in range(40):
        market.step()
        trades.append(market.report.bought.sum(axis=1))
    assert (np.sum(trades[20:], axis=0) > 0).all()
