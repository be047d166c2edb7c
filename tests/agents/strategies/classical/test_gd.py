"""GD and GDX remember the market's quotes and make the best of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.strategies import STRATEGIES
from agents.strategies.classical.history import PRIVATE, empty_history, recall, record
from tests.agents.strategies.scenes import ask_view, bid_view, outcome, tape_of

HIGHEST = 20.0
NONE = (np.array([np.nan]), np.array([np.nan]))


def trader(name, **fields):
    return STRATEGIES.build({"name": name, "highest": HIGHEST} | fields)


def told(strategy, *tapes, positions=1):
    memory = strategy.begin(1, positions, np.random.default_rng(0))
    for tape in tapes:
        memory = strategy.learn(outcome(memory, [], [], [], tape, 1, positions=positions))
    return memory


def seen(memory, market=0, is_bid=False, last=5):
    """Return the evidence of an organisation without private memory as sorted (kind, price)."""
    what = recall(memory, np.array([0]), np.array([market]), is_bid, NONE, last)
    return sorted(
        (kind, float(price))
        for kind in ("taken_ask", "rejected_ask", "bid")
        for price in what.price[0][getattr(what, kind)[0]]
    )


def test_a_quote_that_stood_and_is_taken_is_marked():
    """A trade is one taken quote: the standing one. The quote that took it was an acceptance."""
    memory = record(
        empty_history(1, 1, 8), tape_of((0, "ask", 9, None), (0, "ask", 8, None), (0, "bid", 11, 8))
    )
    assert seen(memory) == [("rejected_ask", 9), ("taken_ask", 8)]
    assert seen(memory, is_bid=True) == [("bid", -9), ("bid", -8)]
    memory = record(memory, tape_of((0, "bid", 5, None), (0, "ask", 4, 5)))
    assert seen(memory) == [("bid", 5), ("rejected_ask", 9), ("taken_ask", 8)]
    assert seen(memory, is_bid=True) == [("bid", -9), ("bid", -8), ("taken_ask", -5)]


def test_sealed_trades_show_both_sides():
    memory = record(empty_history(1, 1, 8), tape_of((0, "bid", 8, 8), (0, "ask", 8, 8)))
    assert seen(memory) == [("bid", 8), ("taken_ask", 8)]


def test_only_quotes_that_led_to_the_last_trades_count():
    shouts = []
    for n in range(4):
        shouts += [(0, "ask", 15 + n, None), (0, "ask", 8 + n, None), (0, "bid", 12, 8 + n)]
    memory = record(empty_history(1, 1, 64), tape_of(*shouts, (0, "bid", 3, None)))
    assert seen(memory, last=1) == [("bid", 3), ("rejected_ask", 18), ("taken_ask", 11)]
    assert len(seen(memory, last=2)) == 5
    assert len(seen(memory, last=9)) == 9


shouted = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["bid", "ask"]),
    st.integers(1, 5).map(float),
    st.one_of(st.none(), st.integers(1, 5).map(float)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(shouted, max_size=25), st.integers(1, 25), st.integers(1, 6))
def test_histories_equal_a_plain_list(shouts, cut, room):
    """All markets at once keep what a list for each market keeps, however a tape is cut into rounds."""
    memory = empty_history(1, 3, room)
    for part in (shouts[:cut], shouts[cut:]):
        memory = record(memory, tape_of(*part))
    plain, trades = {0: [], 1: [], 2: []}, {0: 0, 1: 0, 2: 0}
    for part in (shouts[:cut], shouts[cut:]):
        heard = {m: [one for one in part if one[0] == m][-room:] for m in plain}
        for market, side, quote, price in (one for some in heard.values() for one in some):
            history = plain[market]
            standing = [h for h in history if h["side"] != side and h["price"] == price and not h["taken"]]
            if price is not None and standing:
                standing[-1] |= {"taken": True, "at": trades[market]}
            else:
                new = {
                    "side": side,
                    "price": quote if price is None else price,
                    "taken": price is not None,
                    "at": trades[market],
                }
                plain[market] = [*history, new][-room:]
            trades[market] += price is not None
    for market, history in plain.items():
        for last in (1, 3):
            recent = [h for h in history if h["at"] >= trades[market] - last]
            kinds = {("ask", True): "taken_ask", ("ask", False): "rejected_ask"}
            expected = sorted((kinds.get((h["side"], h["taken"]), "bid"), h["price"]) for h in recent)
            assert seen(memory, market, last=last) == expected


@pytest.mark.parametrize("name", ["gd", "gdx"])
def test_buyers_mirror_sellers(name):
    """With every price p turned into 20 - p and the sides exchanged, bids are 20 less the asks."""
    shouts = [("ask", 14, None), ("bid", 6, None), ("ask", 10, None), ("bid", 12, 10), ("ask", 9, None)]
    other = {"ask": "bid", "bid": "ask"}
    mirrored = [(other[side], HIGHEST - q, None if p is None else HIGHEST - p) for side, q, p in shouts]
    strategy = trader(name)
    memory, mirror = (told(strategy, tape_of(*((0, *s) for s in some))) for some in (shouts, mirrored))
    costs = np.array([2.0, 8.0, 9.5])
    quotes = {"standing_ask": [14.0] * 3, "standing_bid": [6.0] * 3}
    asks = strategy.ask(ask_view(memory, [0, 0, 0], costs, 1, **quotes))
    bids = strategy.bid(bid_view(mirror, [0, 0, 0], HIGHEST - costs, 1, **quotes))
    np.testing.assert_allclose(bids, HIGHEST - asks, rtol=1e-9)


def test_buyers_beliefs_are_the_published_ones():
    """(TBL + AL) / (TBL + AL + RBG): bids taken or rejected, and asks (Gjerstad and Dickhaut 1998)."""
    from agents.strategies.classical.beliefs import believe

    shouts = [("bid", 6, None), ("ask", 13, None), ("bid", 8, None), ("ask", 7, 8), ("bid", 9, None)]
    memory = told(trader("gd"), tape_of(*((0, *s) for s in shouts)))
    belief = believe(recall(memory, np.array([0]), np.array([0]), True, NONE, 5), -HIGHEST, 0.0)
    for bid, taken, asks, rejected in ((6, 0, 0, 2), (8, 1, 0, 1), (9, 1, 0, 1), (13, 1, 1, 0)):
        chance = belief(np.array([[-float(bid)]]))[0, 0]
        assert chance == pytest.approx((taken + asks) / (taken + asks + rejected)), bid


def test_a_standing_quote_is_taken_exactly():
    """Whoever accepts quotes the standing price to the last bit, so that it trades."""
    strategy = trader("gd")
    memory = told(strategy, tape_of((0, "bid", 0.3 + 9, None), (0, "ask", 10.1, None)))
    standing = {"standing_bid": [9.3], "standing_ask": [9.3 + 1e-9]}
    assert strategy.ask(ask_view(memory, [0], [1.0], 1, **standing))[0] == 9.3
    assert strategy.bid(bid_view(memory, [0], [19.0], 1, **standing))[0] == 9.3 + 1e-9


def test_whoever_cannot_gain_names_its_limit_or_nothing():
    strategy = trader("gd")
    memory = told(strategy)
    standing = {"standing_bid": [5.0], "standing_ask": [8.0]}
    assert np.isnan(strategy.ask(ask_view(memory, [0], [8.5], 1, **standing))[0])
    assert np.isnan(strategy.bid(bid_view(memory, [0], [4.5], 1, **standing))[0])
    memory = told(strategy, tape_of((0, "ask", 6.0, None), (0, "bid", 5.0, None)))
    assert strategy.ask(ask_view(memory, [0], [13.0], 1))[0] == 13.0
    assert strategy.bid(bid_view(memory, [0], [4.0], 1))[0] == 4.0


def test_gdx_is_gd_without_a_future():
    shouts = tape_of((0, "ask", 14, None), (0, "ask", 10, None), (0, "bid", 12, 10), (0, "bid", 6, None))
    costs = np.linspace(0, 15, 16)
    who = np.zeros(16, int)
    gd, myopic, patient = trader("gd"), trader("gdx", discount=0), trader("gdx", discount=0.9)
    memory = told(gd, shouts)
    plain = gd.ask(ask_view(memory, who, costs, 1))
    np.testing.assert_array_equal(myopic.ask(ask_view(memory, who, costs, 1)), plain)
    once = np.ones(16, int)
    np.testing.assert_array_equal(
        patient.ask(ask_view(memory, who, costs, 1, opportunities=once)),
        gd.ask(ask_view(memory, who, costs, 1, opportunities=once)),
    )
    waiting = patient.ask(ask_view(memory, who, costs, 1))
    quoted = ~np.isnan(plain)
    np.testing.assert_array_equal(np.isnan(waiting), ~quoted)
    assert (waiting >= plain - 1e-12)[quoted].all()
    assert (waiting > plain + 0.01).sum() > 10


def test_refusals_in_a_sealed_market_are_private_and_fade():
    """A refused ask lowers its own seller's next ask until it is forgotten, and nobody else's."""
    strategy = trader("gd", memory=2)
    memory = strategy.begin(2, 1, np.random.default_rng(0))
    memory = strategy.learn(
        outcome(memory, [0, 1], [0, 0], [1, 1], tape_of((0, "bid", 9, 9), (0, "ask", 9, 9)), 2)
    )
    ask = lambda: strategy.ask(ask_view(memory, [0, 1], [1.0, 1.0], 2))  # noqa: E731
    before = ask()
    assert before[0] == before[1]
    memory = strategy.learn(outcome(memory, [0, 1], [0, 0], [1, 1], tape_of(), 2, quote=[before[0], np.nan]))
    after = ask()
    assert after[0] < before[0]
    assert after[1] == before[1]
    for _ in range(2):
        np.testing.assert_array_equal(ask(), after)
        trade = tape_of((0, "bid", 9, 9), (0, "ask", 9, 9))
        memory = strategy.learn(outcome(memory, [0, 1], [0, 0], [1, 1], trade, 2, units=[1, 1]))
    assert ask()[0] == ask()[1]


def test_a_refusal_on_the_tape_counts_once():
    strategy = trader("gd")
    memory = strategy.begin(1, 1, np.random.default_rng(0))
    memory = strategy.learn(outcome(memory, [0], [0], [1], tape_of((0, "ask", 9, None)), 1, quote=[9.0]))
    assert seen(memory) == [("rejected_ask", 9)]


def test_many_positions_at_once_keep_the_last_refusals():
    strategy = trader("gd")
    many = PRIVATE + 3
    memory = strategy.begin(1, many, np.random.default_rng(0))
    asks = np.linspace(5, 15, many)
    view = outcome(
        memory, np.zeros(many, int), np.zeros(many), np.ones(many), tape_of(), 1,
        position=np.arange(many), positions=many, quote=asks,
    )  # fmt: skip
    memory = strategy.learn(view)
    known = [bool(seen(memory, market)) for market in range(many)]
    assert known == [False] * 3 + [True] * PRIVATE
