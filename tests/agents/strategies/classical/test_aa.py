"""AA aims where Vytelingum, Cliff and Jennings (2008) say, and adapts as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.strategies import STRATEGIES
from agents.strategies.classical.aggressiveness import aggressiveness_of, matching_theta, target_price
from agents.strategies.classical.shouts import BUYING, SELLING
from tests.agents.strategies.scenes import ask_view, bid_view, outcome, tape_of

HIGHEST = 200.0


def aa(**fields):
    return STRATEGIES.build({"name": "aa", "highest": HIGHEST} | fields)


def target(limit, clearing, ideal, r, theta):
    return target_price(*(np.array([one], float) for one in (limit, clearing, ideal, r, theta)))[0]


@pytest.mark.parametrize("theta", [-8.0, -1.0, 0.0, 0.5, 2.0])
def test_targets_of_the_extremes(theta):
    """Aggressiveness -1, 0, 1: zero, the clearing price and the limit for an intra-marginal buyer."""
    np.testing.assert_allclose([target(150, 100, 0, r, theta) for r in (-1, 0, 1)], [0, 100, 150], atol=1e-9)
    np.testing.assert_allclose([target(60, 100, 200, r, theta) for r in (-1, 0, 1)], [200, 100, 60])
    np.testing.assert_allclose(
        [target(80, 100, 0, r, theta) for r in (-1, 0, 0.5, 1)], [0, 80, 80, 80], atol=1e-9
    )
    np.testing.assert_allclose(
        [target(120, 100, 200, r, theta) for r in (-1, 0, 0.5, 1)], [200, 120, 120, 120]
    )


@pytest.mark.parametrize("theta", [-8.0, -1.0, 0.0, 0.5, 2.0])
@pytest.mark.parametrize(
    ("limit", "clearing", "ideal"), [(150, 100, 0), (101, 100, 0), (60, 100, 200), (10, 20, 30)]
)
def test_one_sided_slopes_agree_at_zero(theta, limit, clearing, ideal):
    """The path of targets has no kink where a trader turns from passive to aggressive."""
    small = 1e-6
    middle, above, below = (target(limit, clearing, ideal, r, theta) for r in (0, small, -small))
    np.testing.assert_allclose((above - middle) / small, (middle - below) / small, rtol=1e-4, atol=1e-7)


@given(st.floats(-20, 20), st.floats(1e-3, 1e3))
def test_matching_theta_solves_its_equation(theta, ratio):
    slope = lambda t: 1.0 if abs(t) < 1e-12 else t / np.expm1(t)  # noqa: E731
    t = matching_theta(np.array([theta]), np.array([ratio]))[0]
    if 1e-10 < ratio * slope(theta) < 25:
        np.testing.assert_allclose(slope(t), ratio * slope(theta), rtol=1e-7)


@settings(max_examples=150)
@given(st.floats(1, 199), st.floats(1, 199), st.floats(-1, 1), st.floats(-8, 2), st.booleans())
def test_aggressiveness_inverts_the_target(limit, clearing, r, theta, is_buyer):
    """The aggressiveness that aims at a target is the one that aimed there; all targets are rational."""
    ideal = 0.0 if is_buyer else HIGHEST
    price = target(limit, clearing, ideal, r, theta)
    assert min(limit, ideal) - 1e-9 <= price <= max(limit, ideal) + 1e-9
    columns = (np.array([one]) for one in (price, limit, clearing, ideal, theta))
    again = aggressiveness_of(*columns)[0]
    np.testing.assert_allclose(target(limit, clearing, ideal, again, theta), price, atol=1e-6)


def memory_of(strategy, *prices, organisations=1, r=0.0, theta=-2.0):
    """Return the memory of traders with a given aggressiveness who know some trades."""
    memory = strategy.begin(organisations, 1, np.random.default_rng(0))
    for price in prices:
        memory = strategy.learn(outcome(memory, [], [], [], tape_of((0, "bid", price, price)), organisations))
    shape = (organisations, 2)
    return memory | {"aggressiveness": np.full(shape, float(r)), "theta": np.full(shape, float(theta))}


def test_the_bidding_layer():
    """A third of the way to the target; a standing quote as good as the target is taken."""
    strategy = aa()
    memory = memory_of(strategy, 100.0)

    def bid(value, **standing):
        return strategy.bid(bid_view(memory, [0], [value], 1, **standing))[0]

    def ask(cost, **standing):
        return strategy.ask(ask_view(memory, [0], [cost], 1, **standing))[0]

    assert bid(150) == pytest.approx(100 / 3)
    assert bid(150, standing_bid=[70.0], standing_ask=[130.0]) == pytest.approx(80)
    assert bid(150, standing_bid=[70.0], standing_ask=[99.0]) == 99.0
    assert bid(150, standing_bid=[99.5]) == pytest.approx(100)
    assert bid(150, standing_bid=[115.0]) == pytest.approx(110)
    assert np.isnan(bid(60, standing_bid=[70.0]))
    assert bid(150, opportunities=[1]) == pytest.approx(100)
    assert ask(60) == pytest.approx(200 - 100 / 3)
    assert ask(60, standing_bid=[70.0], standing_ask=[130.0]) == pytest.approx(120)
    assert ask(60, standing_bid=[101.0], standing_ask=[130.0]) == 101.0
    assert ask(60, standing_ask=[85.0]) == pytest.approx(90)
    assert np.isnan(ask(140, standing_ask=[130.0]))
    memory = memory_of(strategy)
    assert bid(150) == pytest.approx(50)
    assert bid(150, standing_bid=[30.0], standing_ask=[90.0]) == pytest.approx(30 + (90 * 1.02 - 30) / 3)
    assert ask(60, standing_bid=[100.0], standing_ask=[130.0]) == pytest.approx(130 - (130 - 98) / 3)
    assert bid(150, opportunities=[1]) == 150
    assert ask(60, opportunities=[1]) == 60


def test_the_clearing_price_is_a_fading_average():
    strategy = aa(window=3, fading=0.5)
    memory = memory_of(strategy, 10.0, 100.0, 120.0, 80.0)
    expected = (100 + 2 * 120 + 4 * 80) / 7
    assert strategy.bid(bid_view(memory, [0], [150], 1, opportunities=[1]))[0] == pytest.approx(expected)


def plain(strategy, memory, shouts, is_buyer, limit, organisations):
    """The rules of learning, one trader and shout at a time."""
    r, theta = memory["aggressiveness"].copy(), memory["theta"].copy()
    prices, alphas = [], []

    def clearing():
        weights = strategy.fading ** np.arange(len(prices))[::-1]
        return float(np.dot(weights, prices) / weights.sum())

    for side, quote, price in shouts:
        traded = price is not None
        aimed = clearing() if prices else None
        before = [
            aimed
            and target(
                limit[i],
                aimed,
                ideal_of(is_buyer[i]),
                r[i, seat_of(is_buyer[i])],
                theta[i, seat_of(is_buyer[i])],
            )
            for i in range(organisations)
        ]
        if traded:
            prices = [*prices, price][-strategy.window :]
            alphas.append(np.sqrt(np.mean((np.array(prices) - clearing()) ** 2)) / clearing())
            if max(alphas) > min(alphas):
                a = (alphas[-1] - min(alphas)) / (max(alphas) - min(alphas))
                desired = -8 + 10 * (1 - a * np.exp(2 * (a - 1)))
                for i in range(organisations):
                    theta[i, seat_of(is_buyer[i])] += 0.4 * (desired - theta[i, seat_of(is_buyer[i])])
        if aimed is None:
            continue
        at = price if traded else quote
        for i, buys in enumerate(is_buyer):
            seat, sign = seat_of(buys), 1 if buys else -1
            surplus = sign * (before[i] - at)
            if traded:
                up = surplus < 0
            elif (side == "bid") == buys and surplus <= strategy.tick * HIGHEST:
                up = True
            else:
                continue
            columns = (at, limit[i], clearing(), ideal_of(buys), theta[i, seat])
            shout = aggressiveness_of(*(np.array([one], float) for one in columns))[0]
            shout = shout if traded else max(shout, r[i, seat])
            desired = shout + (0.02 * abs(shout) + 0.01) * (1 if up else -1)
            r[i, seat] = np.clip(r[i, seat] + 0.4 * (desired - r[i, seat]), -1, 1)
    return r, theta


def ideal_of(buys):
    return 0.0 if buys else HIGHEST


def seat_of(buys):
    return BUYING if buys else SELLING


shouted = st.tuples(
    st.sampled_from(["bid", "ask"]), st.floats(20, 180), st.one_of(st.none(), st.floats(20, 180))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(shouted, min_size=1, max_size=12), st.integers(0, 2**31), st.data())
def test_vectorised_equals_plain(shouts, seed, data):
    n = 5
    is_buyer = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    limit = data.draw(st.lists(st.floats(10, 190), min_size=n, max_size=n))
    strategy = aa()
    memory = strategy.begin(n, 1, np.random.default_rng(seed))
    shouts = [*shouts, ("ask", 300.0, None)]
    after = strategy.learn(
        outcome(memory, np.arange(n), is_buyer, limit, tape_of(*((0, *one) for one in shouts)), n)
    )
    r, theta = plain(strategy, memory, shouts, is_buyer, limit, n)
    np.testing.assert_allclose(after["aggressiveness"], r, atol=1e-9)
    np.testing.assert_allclose(after["theta"], theta, atol=1e-9)


def test_calm_markets_bend_the_path_up_and_wild_ones_down():
    """Theta moves to its most when Smith's alpha is at its lowest, to its least at its highest."""
    strategy = aa(long_rate=[1, 1])
    memory = strategy.begin(1, 1, np.random.default_rng(0))
    for prices, expected in (((100, 150), -8), ((150, 150, 150, 150, 150), 2)):
        for price in prices:
            memory = strategy.learn(outcome(memory, [0], [True], [150], tape_of((0, "bid", price, price)), 1))
        assert memory["theta"][0, BUYING] == pytest.approx(expected, abs=0.01)


def test_a_refused_quote_in_a_sealed_market_makes_aggressive():
    strategy = aa()
    memory = memory_of(strategy, 100.0, organisations=2)
    bids = strategy.bid(bid_view(memory, [0, 1], [150, 150], 2, opportunities=[1, 1]))
    view = outcome(memory, [0, 1], [True, True], [150, 150], tape_of(), 2, quote=[bids[0], np.nan])
    after = strategy.learn(view)["aggressiveness"]
    assert after[0, BUYING] == pytest.approx(0.4 * 0.01)
    assert after[1, BUYING] == 0


def test_a_wrong_range_is_named():
    with pytest.raises(ValidationError, match="least <= most"):
        aa(theta=[2, -8])
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        aa(short_rate=[0.2, 1.2])
