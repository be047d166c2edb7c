"""Variations side by side are what each is alone."""

import numpy as np
import pytest

from markets.checks.conformance import check_truthful
from markets.checks.critical_values import check_critical_values
from markets.goods.blocks import UNLIMITED
from markets.mechanisms import MECHANISMS
from markets.mechanisms.auctions.reserve_auction import ReserveAuction
from markets.orders import variations
from markets.orders.orders import Orders
from markets.orders.variations import vary
from markets.priors.past_bids import PastBids
from tests.markets.strategies import random_bundles, random_orders

SPECS = [{"name": name} for name in MECHANISMS] + [
    {"name": "myerson", "prior": "uniform", "priors": {1: {"name": "uniform", "high": 2.0}}},
    {"name": "clarke_pivot", "cost": 1.0},
    {"name": "moulin", "cost": 1.0},
    {"name": "muda", "rationing": "vickrey"},
    {"name": "continuous_double_auction", "variant": "gode_sunder", "passes": 3},
]


def alone(rule, orders, bid, ask, seed):
    """Return won, paid and received of one variation, with levies."""
    trades = rule.clear(orders.reporting(bid, ask), np.random.default_rng(seed))
    won, paid, received = np.zeros((3, len(orders)))
    won[trades.row] = 1
    for charges in (trades, trades.levies):
        paid[charges.row], received[charges.row] = charges.paid, charges.received
    return won, paid, received


def agree(rule, orders, seed=3):
    factor = 0.5 + np.random.default_rng(seed).random((7, 1))
    found = vary(rule, orders, factor * orders.bid, orders.ask, seed)
    assert found.won.any()
    for number, each in enumerate(factor):
        told = alone(rule, orders, each * orders.bid, orders.ask, seed)
        for ours, theirs in zip(told, (found.won, found.paid, found.received), strict=True):
            np.testing.assert_array_equal(ours, theirs[number])
    return found


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("whole", [None, 4])
def test_side_by_side_is_alone(spec, whole):
    """Several positions, traders on both sides, with and without ties."""
    rule = MECHANISMS.build(spec)
    copies = None if "exclusive" in rule.properties.licences else UNLIMITED
    books = rule.venue == "books"
    market = {"positions": 2, "whole": whole, "capacity": copies, "one_quote": books, "traders": True}
    agree(rule, random_orders(np.random.default_rng(2), 6, 7, **market))


@pytest.mark.parametrize("traders", [False, True])
def test_bundles_of_one_variation_do_not_compete_with_those_of_another(traders):
    agree(MECHANISMS.build("vcg_bundles"), random_bundles(np.random.default_rng(1), 4, 2, 2, traders=traders))


def test_what_a_rule_has_learned_about_names_holds():
    """Its reserves are by position and buyer: no variation may take another's place."""
    orders = random_orders(np.random.default_rng(4), 5, 4, positions=2, capacity=1)
    rule = ReserveAuction(reserve=PastBids(own=True, least=1))
    learned = rule.after(orders, rule.clear(orders, np.random.default_rng(0)))
    assert learned.memory()
    agree(learned, orders)


def test_many_variations_are_cleared_part_by_part(monkeypatch):
    orders = random_orders(np.random.default_rng(5), capacity=1)
    once = agree(MECHANISMS.build("second_price"), orders)
    monkeypatch.setattr(variations, "_AT_ONCE", 3 * len(orders))
    again = agree(MECHANISMS.build("second_price"), orders)
    np.testing.assert_array_equal(once.paid, again.paid)


def test_a_market_of_nobody_varies_and_a_market_may_not_vary_at_all():
    rule, nobody = (
        MECHANISMS.build("second_price"),
        Orders.of(buyer=[], seller=[], listing=[], bid=[], ask=[]),
    )
    assert vary(rule, nobody, np.zeros((2, 0)), nobody.ask).won.shape == (2, 0)
    orders = random_orders(np.random.default_rng(5))
    assert vary(rule, orders, np.zeros((0, len(orders))), orders.ask).paid.shape == (0, len(orders))
    assert check_truthful(rule, nobody, "buyers", [1.0]) == 0
    assert check_critical_values(rule, nobody, "buyers") == 0
