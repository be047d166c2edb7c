"""ZIP adapts its margins as Cliff (1997) says, trader by trader."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.strategies import STRATEGIES
from agents.strategies.classical.shouts import BUYING, SELLING
from tests.agents.strategies.scenes import ask_view, bid_view, outcome, tape_of


def zip_of(**fields):
    return STRATEGIES.build({"name": "zip", "unit": 1.0} | fields)


def exact(margin, rate=0.3, momentum=0.0):
    """Return a ZIP whose targets are the shouts themselves, and whose parameters are not drawn."""
    return zip_of(
        relative=0, absolute=0, learning_rate=[rate, rate], momentum=[momentum] * 2, first_margin=[margin] * 2
    )


def play(strategy, tapes, is_buyer, limit, organisations=1, **other):
    memory = strategy.begin(organisations, 1, np.random.default_rng(0))
    for tape in tapes:
        memory = strategy.learn(
            outcome(memory, np.arange(organisations), is_buyer, limit, tape, organisations, **other)
        )
    return memory


def test_the_quote_approaches_a_fixed_target_geometrically():
    """Cliff (1997): p_t - q = (1 - beta)^t (p_0 - q) without momentum; 149.1525743 after ten shouts."""
    trade = tape_of((0, "bid", 150, 150))
    memory = play(exact(0.2), [trade] * 10, [False], [100])
    ask = exact(0.2).ask(ask_view(memory, [0], [100], 1))
    np.testing.assert_allclose(ask, 149.1525743, atol=1e-7)
    np.testing.assert_allclose(ask, 150 + 0.7**10 * (120 - 150), rtol=1e-12)


def test_ten_shouts_of_one_round_teach_what_ten_rounds_do():
    shouts = [(0, "bid", 150, 150)] * 10
    once = play(exact(0.2), [tape_of(*shouts)], [False], [100])
    np.testing.assert_allclose(
        once["margin"], play(exact(0.2), [tape_of(s) for s in shouts], [False], [100])["margin"]
    )


@pytest.mark.parametrize(
    ("is_buyer", "shout", "active", "direction"),
    [
        (False, ("bid", 130, 130), True, +1),
        (False, ("ask", 130, 130), False, +1),
        (False, ("bid", 110, 110), True, -1),
        (False, ("bid", 110, 110), False, 0),
        (False, ("ask", 110, 110), True, 0),
        (False, ("ask", 110, None), True, -1),
        (False, ("ask", 130, None), True, 0),
        (False, ("bid", 110, None), True, 0),
        (True, ("ask", 70, 70), True, -1),
        (True, ("bid", 70, 70), False, -1),
        (True, ("ask", 90, 90), True, +1),
        (True, ("ask", 90, 90), False, 0),
        (True, ("bid", 90, 90), True, 0),
        (True, ("bid", 90, None), True, +1),
        (True, ("bid", 70, None), True, 0),
        (True, ("ask", 90, None), True, 0),
    ],
)
def test_raise_and_lower_rules(is_buyer, shout, active, direction):
    """Cliff (1997), figure of the adaptation rules: limit 100, quotes 120 (seller) and 80 (buyer)."""
    start = exact(0.2)
    units = [0 if active else 1]
    memory = play(start, [tape_of((0, *shout))], [is_buyer], [100], units=units)
    if is_buyer:
        moved = start.bid(bid_view(memory, [0], [100], 1))[0] - 80
    else:
        moved = start.ask(ask_view(memory, [0], [100], 1))[0] - 120
    np.testing.assert_allclose(moved, direction * 0.3 * 10 if direction else 0, atol=1e-12)


def test_targets_lie_beyond_the_shout():
    """R is in [1, 1 + c_r] and A in [0, c_a] upwards, R in [1 - c_r, 1] and A in [-c_a, 0] downwards."""
    strategy = zip_of(learning_rate=[1, 1], momentum=[0, 0], first_margin=[0.2, 0.2])
    many = 500
    for price, shift in ((130.0, +1), (110.0, -1)):
        memory = play(
            strategy, [tape_of((0, "bid", price, price))], np.zeros(many, bool), np.full(many, 100), many
        )
        beyond = shift * (100 * (1 + memory["margin"][:, SELLING]) - price)
        assert beyond.min() >= 0
        assert beyond.max() <= 0.05 * price + 0.05
        assert abs(beyond.mean() - (0.05 * price + 0.05) / 2) < 0.2


def plain(strategy, memory, shouts, is_buyer, limit, active, rng):
    """Cliff's rules, one trader and shout at a time, in prices."""
    margin, change = memory["margin"].copy(), memory["change"] * 1.0
    for side, q, price in shouts:
        draws = rng.random((2, memory["margin"].size)).reshape(2, *memory["margin"].shape)
        for i, buys in enumerate(is_buyer):
            seat = BUYING if buys else SELLING
            p, accepted = limit[i] * (1 + margin[i, seat]), price is not None
            at = price if accepted else q
            if buys:
                raises = accepted and p >= at
                lowers = active[i] and p <= at and (side == "ask" if accepted else side == "bid")
                up = lowers and not raises
            else:
                raises = accepted and p <= at
                lowers = active[i] and p >= at and (side == "bid" if accepted else side == "ask")
                up = raises
            if not (raises or lowers):
                continue
            sign = 1 if up else -1
            r = 1 + sign * strategy.relative * draws[0, i, seat]
            a = sign * strategy.absolute * draws[1, i, seat]
            distance = r * at + a - p
            distance = np.clip(distance, -limit[i], limit[i]) if buys else distance
            delta = memory["learning_rate"][i, seat] * distance
            gamma = memory["momentum"][i, seat]
            gained = gamma * change[i, seat] * limit[i] + (1 - gamma) * delta
            change[i, seat] = gained / limit[i]
            margin[i, seat] = (p + gained) / limit[i] - 1
            margin[i, seat] = np.clip(margin[i, seat], -1, 0) if buys else max(margin[i, seat], 0)
    return margin


shouted = st.tuples(
    st.sampled_from(["bid", "ask"]), st.floats(1, 200), st.one_of(st.none(), st.floats(1, 200))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(shouted, min_size=1, max_size=12), st.integers(0, 2**31), st.data())
def test_vectorised_equals_plain(shouts, seed, data):
    """All traders at once do what Cliff's rules do to each, and nobody's margin changes its sign."""
    n = 6
    is_buyer = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    limit = data.draw(st.lists(st.floats(1, 200), min_size=n, max_size=n))
    units = data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    shouts = [*shouts, ("ask", 300.0, None)]  # an open market: traders hear nothing in private
    strategy = zip_of()
    memory = strategy.begin(n, 1, np.random.default_rng(seed))
    view = outcome(
        memory,
        np.arange(n),
        is_buyer,
        limit,
        tape_of(*((0, *one) for one in shouts)),
        n,
        units=units,
        rng=np.random.default_rng(seed),
    )
    margin = strategy.learn(view)["margin"]
    expected = plain(
        strategy, memory, shouts, is_buyer, limit, [u == 0 for u in units], np.random.default_rng(seed)
    )
    np.testing.assert_allclose(margin, expected, rtol=1e-9, atol=1e-12)
    assert (margin[:, BUYING] <= 0).all()
    assert (margin[:, BUYING] >= -1).all()
    assert (margin[:, SELLING] >= 0).all()


def test_in_a_sealed_market_a_refused_quote_lowers_the_margin():
    strategy = exact(0.2)
    for is_buyer, quote in ((False, 120.0), (True, 80.0)):
        before = strategy.begin(1, 1, np.random.default_rng(0))
        after = play(strategy, [tape_of()], [is_buyer], [100], quote=[quote])
        np.testing.assert_array_equal(before["margin"], after["margin"])  # its own quote is its target
        draws = zip_of(first_margin=[0.2, 0.2], learning_rate=[0.3, 0.3])
        after = play(draws, [tape_of()], [is_buyer], [100], quote=[quote])
        assert (np.abs(after["margin"]) <= np.abs(before["margin"])).all()
        assert (np.abs(after["margin"]) < np.abs(before["margin"])).any()


def test_whoever_has_no_cost_can_ask_for_something():
    """Below one unit of cost the margin is a share of the unit: the published rule would ask for nothing."""
    strategy = zip_of(unit=0.01, first_margin=[0.1, 0.1])
    memory = strategy.begin(2, 1, np.random.default_rng(0))
    asks = strategy.ask(ask_view(memory, [0, 1], [0.0, 0.02], 2))
    np.testing.assert_allclose(asks, [0.001, 0.022])


def test_an_organisation_in_two_markets_moves_by_their_mean():
    tape = tape_of((0, "bid", 150, 150), (1, "bid", 130, 130))
    strategy = exact(0.2)
    memory = strategy.begin(1, 2, np.random.default_rng(0))
    view = outcome(memory, [0, 0], [False, False], [100, 100], tape, 1, position=[0, 1], positions=2)
    np.testing.assert_allclose(strategy.learn(view)["margin"][0, SELLING], 0.2 + 0.3 * (0.3 + 0.1) / 2)
