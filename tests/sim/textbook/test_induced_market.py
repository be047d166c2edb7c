"""Textbook markets: exact accounts, paired draws, the first best, and refusals at the door."""

import doctest

import numpy as np
import pytest
from pydantic import ValidationError

from markets.orders.orders import Orders, first_best
from sim.data.distributions import DISTRIBUTIONS, Schedule, Uniform
from sim.streams import Streams
from sim.textbook import induced_market as induced
from sim.textbook.induced_market import InducedConfig, InducedMarket, play
from sim.textbook.induced_report import first_best_gains

RULES = ("k_double_auction", "mcafee", "second_price", "nash_bargaining", "two_sided_vcg", "all_pay")


def market(**choices):
    world = InducedMarket(streams=Streams(3), **{"buyers": 4, "sellers": 3, "markets": 20} | choices)
    world.step()
    return world


@pytest.mark.parametrize("rule", RULES)
def test_money_and_goods_add_up(rule):
    report = market(mechanism=rule).report
    profits = report.buyers_profit.sum(axis=1) + report.sellers_profit.sum(axis=1)
    np.testing.assert_allclose(profits + report.broker, report.gains, atol=1e-9)
    np.testing.assert_array_equal(report.bought.sum(axis=1), report.sold.sum(axis=1))
    assert (report.gains <= report.first_best + 1e-9).all()


def test_rules_see_the_same_draws_and_a_seed_the_same_market():
    reports = [market(mechanism=rule).report for rule in RULES]
    for report in reports[1:]:
        np.testing.assert_array_equal(report.value, reports[0].value)
        np.testing.assert_array_equal(report.cost, reports[0].cost)
    again = market(mechanism=RULES[-1]).report
    assert again.paid.tobytes() == reports[-1].paid.tobytes()
    other = InducedMarket(streams=Streams(4), buyers=4, sellers=3, markets=20)
    other.step()
    assert not np.array_equal(other.report.value, again.value)


def test_rounds_draw_anew_and_are_collected():
    world = market()
    first = world.report.value
    world.step()
    assert not np.array_equal(first, world.report.value)
    frame = world.datacollector.get_model_vars_dataframe()
    assert len(frame) == 2
    assert frame["gains"].iloc[1] == world.report.gains.mean()


@pytest.mark.parametrize("capacity", [1, 2, 10])
def test_the_first_best_is_that_of_the_orders(capacity):
    rng = np.random.default_rng(1)
    value, cost = rng.random((6, 5)), rng.random((6, 3))
    fast = first_best_gains(value, cost, capacity)
    for row in range(6):
        buyer, listing = (a.ravel() for a in np.indices((5, 3)))
        orders = Orders.of(
            buyer=buyer,
            seller=listing + 5,
            listing=listing,
            bid=value[row, buyer],
            ask=cost[row, listing],
            capacity=np.full(15, capacity),
        )
        np.testing.assert_allclose(fast[row], first_best(orders)[1].sum())


def test_a_market_in_which_nothing_can_be_gained_has_no_efficiency():
    """Neither where costs are above values nor where they differ by less than a micro-credit."""
    for cost in (2.0, 1.0, 1 - 4e-7):
        nothing = market(
            values={"name": "schedule", "amounts": [1.0]}, costs={"name": "schedule", "amounts": [cost]}
        )
        assert np.isnan(nothing.report.efficiency).all()
    something = market(
        values={"name": "schedule", "amounts": [1.0]}, costs={"name": "schedule", "amounts": [0.5]}
    )
    assert something.report.efficiency == pytest.approx(1.0)


def test_bids_above_the_balance_are_refused_and_the_rest_clears():
    poor = market(population={"cash": 0.5}, mechanism="first_price")
    assert (poor.report.paid <= 0.5).all()
    assert poor.report.trades.sum() > 0
    assert poor.report.bought[poor.report.value > 0.5].sum() == 0


def test_a_mix_names_buyers_first():
    mixed = play(
        Streams(0),
        buyers=1,
        sellers=1,
        markets=50,
        mechanism="chatterjee_samuelson",
        population={"mix": {"shading": 1, "truthful": 1}, "parameters": {"shading": {"fraction": 1.0}}},
    )
    assert mixed.trades.sum() == 0


def test_schedules_stand_for_several_and_copies_serve_everybody():
    values = Schedule(amounts=(3.0, 1.0), counts=(1, 3))
    report = market(
        sellers=1,
        values=values,
        costs="schedule",
        mechanism="posted_price",
        broker={"licence": "copy"},
    ).report
    np.testing.assert_array_equal(report.value, np.tile([3.0, 1.0, 1.0, 1.0], (20, 1)))
    np.testing.assert_array_equal(report.gains, np.full(20, 6.0))


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"buyers": 0}, "greater than or equal to 1"),
        ({"mechanism": "dutch"}, "dutch"),
        ({"values": "normal"}, "values must be one of exponential, schedule, uniform"),
        ({"values": {"name": "uniform", "low": 1.0, "high": 1.0}}, "high must be above low"),
        ({"values": {"name": "schedule", "amounts": [1.0, 2.0]}}, "an amount for each of 4 traders; got 2"),
        ({"mechanism": "rsop"}, "broker.licence must be one of copy"),
        ({"broker": {"licence": "exclusive", "demand": 2}}, "broker.demand must be 1"),
        ({"population": {"mix": {"truthful": 3}}}, "which names 3"),
        ({"auctioneer": 1}, "auctioneer"),
    ],
)
def test_bad_markets_are_refused_with_a_sentence(choices, told):
    with pytest.raises(ValidationError, match=told):
        InducedConfig(**{"buyers": 4, "sellers": 3} | choices)


def test_config_and_choices_exclude_each_other():
    with pytest.raises(TypeError, match="buyers"):
        InducedMarket(InducedConfig(), buyers=2)


def test_distributions_have_their_moments():
    rng = np.random.default_rng(0)
    for name, mean, variance in (("uniform", 0.5, 1 / 12), ("exponential", 1.0, 1.0)):
        draws = DISTRIBUTIONS.build(name).draw(400, 50, rng)
        assert draws.shape == (400, 50)
        np.testing.assert_allclose(draws.mean(), mean, atol=0.04)
        np.testing.assert_allclose(draws.var(), variance, atol=0.08)
    assert Uniform(low=2.0, high=3.0).draw(5, 5, rng).min() >= 2


def test_the_example_in_the_docstring():
    assert doctest.testmod(induced).failed == 0


def test_zero_intelligence_of_one_pair_trades_at_a_half_on_average():
    """Values, costs and quotes uniform: buyer and seller mirror each other, and so do prices."""
    market = InducedMarket(
        buyers=1,
        sellers=1,
        markets=1000,
        mechanism="continuous_double_auction",
        population={"mix": {"zero_intelligence": 2}, "parameters": {"zero_intelligence": {"highest": 1.0}}},
        seed=0,
    )
    prices = []
    for _ in range(10):
        market.step()
        prices.append(market.report.price[np.isfinite(market.report.price)])
    price = np.concatenate(prices)
    assert len(price) > 500
    assert abs(price.mean() - 0.5) < 5 * price.std() / np.sqrt(len(price))
