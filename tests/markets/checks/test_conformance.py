import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.checks.conformance import check_mechanism, check_truthful
from markets.checks.critical_values import check_critical_values
from markets.goods.blocks import UNLIMITED
from markets.mechanisms import MECHANISMS
from markets.mechanisms.auctions.all_pay import AllPay
from markets.mechanisms.auctions.first_price import FirstPrice
from markets.mechanisms.shared_goods.lindahl import Lindahl
from markets.orders.levies import Levies
from markets.orders.luck import GivenLuck, Luck
from markets.orders.orders import Orders, Trades
from tests.markets.strategies import markets, random_bundles, random_orders

VARIANTS = [{"name": name} for name in MECHANISMS] + [
    {"name": "k_double_auction", "k": 0.0},
    {"name": "k_double_auction", "k": 1.0},
    {"name": "k_double_auction", "k": 0.3},
    {"name": "mcafee", "lowest": 0.0, "highest": 1.0},
    {"name": "mcafee", "highest": 4.0},
    {"name": "muda", "rationing": "vickrey"},
    {"name": "sbba", "lottery": "buyers"},
    {"name": "posted_price", "price": 0.4},
    {"name": "posted_price", "price": 2.0},
    {"name": "nash_bargaining", "buyer_power": 0.9},
    {"name": "nash_bargaining", "disagreement": "none"},
    {"name": "chatterjee_samuelson", "k": 0.0},
    {"name": "chatterjee_samuelson", "k": 0.3},
    {"name": "chatterjee_samuelson", "k": 1.0},
    {"name": "take_it_or_leave_it", "proposer": "buyer"},
    {"name": "kalai_smorodinsky", "buyer_exponent": 0.5},
    {"name": "kalai_smorodinsky", "seller_exponent": 0.3, "disagreement": "none"},
    {"name": "rubinstein", "buyer_discount": 0.0, "first_mover": "buyer"},
    {"name": "rubinstein", "seller_discount": 0.99, "outside": "none"},
    {"name": "myerson_satterthwaite", "low": 0.2, "high": 0.8},
    {"name": "private_bargaining", "cells": 4, "high": 2.0, "k": 0.2},
    {"name": "moulin", "cost": 1.0},
    {"name": "continuous_double_auction", "variant": "gode_sunder", "passes": 3},
    {"name": "voluntary_contributions", "cost": 1.0},
    {"name": "provision_point", "cost": 1.0},
    {"name": "provision_point", "cost": 1.0, "excess": "proportional"},
    {"name": "lindahl", "cost": 1.0},
    {"name": "clarke_pivot", "cost": 1.0},
    {"name": "clarke_pivot", "cost": 1.0, "shares": "equal"},
    {"name": "assignment", "k": 1.0},
    {"name": "assignment", "k": 0.3},
    {"name": "ascending_assignment", "increment": 0.25},
    {"name": "reserve_auction", "reserve": 0.4},
    {"name": "reserve_auction", "reserve": "uniform"},
    {"name": "reserve_auction", "reserve": {"name": "lognormal", "median": 0.3}, "lazy": True},
    {"name": "reserve_auction", "reserve": {"name": "empirical", "sample": (0.1, 0.4, 0.5, 3.0)}},
    {"name": "monopoly_price", "prior": "uniform"},
    {"name": "monopoly_price", "prior": {"name": "empirical", "sample": (0.1, 0.4, 0.5, 3.0), "guard": 0.3}},
    {"name": "myerson", "prior": {"name": "uniform", "low": 0.5, "high": 4.0}},
    {"name": "myerson", "prior": {"name": "exponential", "scale": 0.3}},
]
GRID = np.arange(-1, 10).clip(0) / 2


def conforms(spec, data):
    mechanism = MECHANISMS.build(spec)
    told = mechanism.properties
    orders = data.draw(markets(mechanism.venue == "books", told.max_demand, told.licences, told.bundles))
    check_mechanism(mechanism, orders, seed=data.draw(st.integers(0, 99)))


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
@given(data=st.data())
@settings(deadline=None, max_examples=4)
def test_mechanism_does_what_it_declares(spec, data):
    conforms(spec, data)


@pytest.mark.slow
@pytest.mark.parametrize("spec", VARIANTS, ids=str)
@given(data=st.data())
@settings(deadline=None, max_examples=1000)
def test_mechanism_does_what_it_declares_in_a_thousand_markets(spec, data):
    conforms(spec, data)


def draw_for(mechanism, rng, rounds=0, **market):
    """Draw orders, or bundles if the market has items, that the mechanism's venue takes."""
    books = {"one_quote": True} if mechanism.venue == "books" else {}
    return (random_bundles if "items" in market else random_orders)(rng, **books, **market)


def gains_from_lies(spec, side, rounds=12, enough=np.inf, **market):
    """The best gain of any lie over some markets of whole numbers, where floats are exact.

    The search ends with the first market where a lie gains `enough`.
    """
    mechanism, rng, best = MECHANISMS.build(spec), np.random.default_rng(5), 0.0
    for seed in range(rounds):
        market_of_round = draw_for(mechanism, rng, whole=4, **market)
        best = max(best, check_truthful(mechanism, market_of_round, side, GRID, seed))
        if best > enough:
            break
    return best


ONE = {"buyers": 4, "listings": 1}
UNITS = {"buyers": 4, "listings": 4, "capacity": 1}
TWO_COPIES = {"buyers": 4, "listings": 2, "capacity": 2}
BOUNDS = {"name": "mcafee", "lowest": 0.0, "highest": 4.0}
FEES = {"name": "muda", "rationing": "vickrey"}
MIRROR = {"name": "sbba", "lottery": "buyers"}
CALLS = ("mcafee", BOUNDS, "trade_reduction", "sbba", MIRROR, "two_sided_vcg", "muda", FEES)
COPIES = {"buyers": 3, "listings": 3, "capacity": UNLIMITED}
PLENTY = {"buyers": 3, "listings": 3, "demand": 3}
SCARCE = {"buyers": 4, "listings": 3, "capacity": 1}
PIVOT = {"name": "clarke_pivot", "cost": 4.0}
FEW = {"rounds": 2}
BUNDLES = {"buyers": 3, "sellers": 1, "items": 2, "rounds": 2}
SELLERS_BEST = {"name": "assignment", "k": 1.0}
CLOCK = {"name": "ascending_assignment", "increment": 0.5}
PRIOR = {"name": "uniform", "high": 4.0}
RESERVES = [
    {"name": "reserve_auction", "reserve": 2.0},
    {"name": "reserve_auction", "reserve": PRIOR},
    {"name": "reserve_auction", "reserve": PRIOR, "lazy": True},
    {"name": "myerson", "prior": PRIOR},
    {"name": "myerson", "prior": PRIOR, "priors": {1: {"name": "uniform", "high": 8.0}}},
]
TRUTHFUL = [
    ("second_price", "buyers", ONE | {"capacity": 1}),
    ("second_price", "buyers", ONE | {"capacity": 2}),
    ("second_price", "buyers", {"buyers": 3, "listings": 3, "capacity": UNLIMITED}),
    ("second_price", "buyers", {"buyers": 3, "listings": 3, "capacity": 1, "demand": 3}),
    ("assignment", "buyers", {"buyers": 4, "listings": 3, "capacity": 1}),
    ("assignment", "buyers", {"buyers": 4, "listings": 3, "density": 0.8}),
    ("posted_price", "buyers", {"buyers": 4, "listings": 3}),
    ({"name": "posted_price", "price": 2.0}, "buyers", {"buyers": 4, "listings": 3}),
    ({"name": "posted_price", "price": 2.0}, "sellers", {"buyers": 3, "listings": 3, "capacity": UNLIMITED}),
    ({"name": "posted_price", "price": 2.0}, "sellers", {"buyers": 1, "listings": 3, "capacity": 1}),
    ({"name": "k_double_auction", "k": 0.0}, "buyers", {"buyers": 4, "listings": 3}),
    ({"name": "k_double_auction", "k": 1.0}, "sellers", {"buyers": 3, "listings": 4, "capacity": 1}),
    *[(spec, side, UNITS) for spec in CALLS for side in ("buyers", "sellers")],
    *[(spec, "buyers", TWO_COPIES) for spec in CALLS],
    (BOUNDS, "sellers", {"buyers": 2, "listings": 2, "capacity": 1}),
    ({"name": "chatterjee_samuelson", "k": 0.0}, "buyers", COPIES),
    ({"name": "chatterjee_samuelson", "k": 1.0}, "sellers", PLENTY),
    ("take_it_or_leave_it", "buyers", COPIES),
    ({"name": "take_it_or_leave_it", "proposer": "buyer"}, "sellers", PLENTY),
    ("dop", "buyers", ONE | {"capacity": UNLIMITED}),
    ("dop", "buyers", COPIES | {"buyers": 4}),
    ("dop", "buyers", COPIES | {"demand": 2}),
    ("rsop", "buyers", ONE | {"capacity": UNLIMITED}),
    ("rsop", "buyers", COPIES | {"buyers": 4}),
    ("rsop", "buyers", COPIES | {"demand": 2}),
    ({"name": "moulin", "cost": 4.0}, "buyers", ONE | {"capacity": UNLIMITED}),
    ({"name": "moulin", "cost": 4.0}, "buyers", COPIES | {"demand": 3}),
    *[
        (spec, "buyers", market)
        for spec in (PIVOT, PIVOT | {"shares": "equal"})
        for market in (ONE | {"capacity": UNLIMITED}, COPIES | {"demand": 3})
    ],
    (SELLERS_BEST, "sellers", SCARCE | FEW),
    (SELLERS_BEST, "sellers", {"buyers": 3, "listings": 4, "capacity": 1, "density": 0.7}),
    ("ascending_assignment", "buyers", SCARCE | FEW),
    ("ascending_assignment", "buyers", {"buyers": 4, "listings": 3, "density": 0.8} | FEW),
    (CLOCK, "buyers", SCARCE | FEW),
    ("vcg_bundles", "buyers", SCARCE | FEW),
    ("vcg_bundles", "buyers", BUNDLES),
    ("vcg_bundles", "buyers", BUNDLES | {"sellers": 2, "density": 0.7}),
    ("vcg_bundles", "buyers", BUNDLES | {"items": 3, "density": 0.5, "capacity": 2}),
    *[(spec, "buyers", market) for spec in RESERVES for market in (ONE | {"capacity": 1}, COPIES | FEW)],
    *[(spec, "buyers", ONE | {"capacity": 2}) for spec in RESERVES[-3:]],
    (RESERVES[-1], "buyers", SCARCE | FEW | {"demand": 3}),
    ({"name": "monopoly_price", "prior": PRIOR}, "buyers", COPIES | FEW),
    ({"name": "monopoly_price", "prior": PRIOR}, "buyers", COPIES | FEW | {"demand": 2}),
]
MANIPULABLE = [
    ("first_price", "buyers", ONE | {"capacity": 1}),
    ("first_price", "sellers", COPIES),
    ("second_price", "sellers", ONE | {"capacity": 1}),
    ("second_price", "buyers", {"buyers": 4, "listings": 3, "capacity": 1}),
    ("assignment", "sellers", {"buyers": 4, "listings": 3, "capacity": 1}),
    ("posted_price", "sellers", {"buyers": 3, "listings": 1}),
    ("nash_bargaining", "buyers", ONE),
    ("nash_bargaining", "sellers", ONE),
    ({"name": "k_double_auction", "k": 0.5}, "buyers", {"buyers": 4, "listings": 3}),
    ({"name": "k_double_auction", "k": 0.5}, "sellers", {"buyers": 3, "listings": 4, "capacity": 1}),
    ({"name": "k_double_auction", "k": 0.0}, "sellers", {"buyers": 3, "listings": 4, "capacity": 1}),
    ({"name": "k_double_auction", "k": 1.0}, "buyers", {"buyers": 4, "listings": 3, "capacity": 1}),
    ("mcafee", "sellers", TWO_COPIES),
    ("trade_reduction", "sellers", TWO_COPIES),
    ("sbba", "sellers", TWO_COPIES),
    (MIRROR, "sellers", TWO_COPIES),
    ("two_sided_vcg", "sellers", TWO_COPIES),
    (FEES, "sellers", TWO_COPIES | {"buyers": 6, "listings": 6}),
    (BOUNDS | {"lowest": 3.0}, "sellers", {"buyers": 1, "listings": 2, "capacity": 1}),
    ("chatterjee_samuelson", "buyers", COPIES),
    ("chatterjee_samuelson", "sellers", COPIES),
    ({"name": "chatterjee_samuelson", "k": 0.0}, "buyers", SCARCE),
    ({"name": "chatterjee_samuelson", "k": 1.0}, "sellers", COPIES),
    ("take_it_or_leave_it", "sellers", COPIES),
    ("take_it_or_leave_it", "buyers", SCARCE),
    ({"name": "take_it_or_leave_it", "proposer": "buyer"}, "buyers", COPIES),
    ({"name": "take_it_or_leave_it", "proposer": "buyer"}, "sellers", COPIES),
    ("kalai_smorodinsky", "buyers", ONE),
    ("kalai_smorodinsky", "sellers", ONE),
    ("rubinstein", "buyers", ONE),
    ("rubinstein", "sellers", ONE),
    ({"name": "myerson_satterthwaite", "high": 4.0}, "buyers", SCARCE),
    ({"name": "myerson_satterthwaite", "high": 4.0}, "sellers", SCARCE),
    ({"name": "private_bargaining", "high": 4.0}, "buyers", COPIES),
    ({"name": "private_bargaining", "high": 4.0}, "sellers", COPIES),
    ("dop", "sellers", ONE | {"capacity": UNLIMITED}),
    ("rsop", "sellers", ONE | {"capacity": UNLIMITED}),
    ({"name": "moulin", "cost": 4.0}, "sellers", ONE | {"capacity": UNLIMITED}),
    ({"name": "moulin", "cost": 4.0}, "buyers", COPIES),
    ("continuous_double_auction", "buyers", UNITS),
    ("continuous_double_auction", "sellers", UNITS),
    ({"name": "continuous_double_auction", "variant": "gode_sunder"}, "buyers", UNITS),
    ({"name": "continuous_double_auction", "variant": "gode_sunder"}, "sellers", UNITS),
    ("all_pay", "buyers", ONE | {"capacity": 1}),
    ("all_pay", "sellers", ONE | {"capacity": 1}),
    *[
        ({"name": name, "cost": 4.0}, side, ONE | {"capacity": UNLIMITED})
        for name in ("voluntary_contributions", "provision_point", "lindahl")
        for side in ("buyers", "sellers")
    ],
    (PIVOT, "sellers", ONE | {"capacity": UNLIMITED}),
    (PIVOT, "buyers", COPIES),
    (SELLERS_BEST, "buyers", SCARCE | FEW),
    (SELLERS_BEST, "sellers", TWO_COPIES),
    ({"name": "assignment", "k": 0.5}, "buyers", SCARCE | FEW),
    ({"name": "assignment", "k": 0.5}, "sellers", SCARCE | FEW),
    ("ascending_assignment", "sellers", SCARCE | FEW),
    (CLOCK | {"increment": 3.0}, "buyers", SCARCE | FEW),
    ("vcg_bundles", "sellers", BUNDLES),
    ({"name": "reserve_auction", "reserve": 1.0}, "buyers", SCARCE | FEW),
    ({"name": "reserve_auction", "reserve": PRIOR}, "sellers", ONE | {"capacity": 1}),
    ({"name": "monopoly_price", "prior": PRIOR}, "sellers", COPIES | FEW),
    ({"name": "myerson", "prior": PRIOR}, "buyers", SCARCE | FEW),
    ({"name": "myerson", "prior": PRIOR}, "sellers", ONE | {"capacity": 1}),
]


@pytest.mark.parametrize(("spec", "side", "market"), TRUTHFUL, ids=str)
def test_truth_is_dominant_where_declared(spec, side, market):
    assert getattr(MECHANISMS.build(spec).properties, f"truthful_{side}") == "dominant"
    assert gains_from_lies(spec, side, **({"rounds": 3} | market)) <= 1e-12


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "side", "market"), TRUTHFUL, ids=str)
def test_truth_is_dominant_in_a_dozen_markets(spec, side, market):
    assert gains_from_lies(spec, side, **(market | {"rounds": 12})) <= 1e-12


# A clock that rises by steps finds the prices of whole numbers of steps alone.
WITHOUT_STEPS = [case for case in TRUTHFUL if case[0] != CLOCK]


@pytest.mark.parametrize(("spec", "side", "market"), WITHOUT_STEPS, ids=str)
def test_winners_gain_their_distance_to_the_critical_value(spec, side, market):
    """Myerson 1981: monotone allocations and critical values, found by bisection, whatever the rule says."""
    mechanism, winners = MECHANISMS.build(spec), 0
    for seed in range(1, 40):
        drawn = draw_for(mechanism, np.random.default_rng(seed), **market)
        winners += check_critical_values(mechanism, drawn.reporting(drawn.bid * 4, drawn.ask * 4), side, seed)
        if winners >= 3:
            return
    raise AssertionError(f"only {winners} winners in 39 markets")


@pytest.mark.parametrize("side", ["buyers", "sellers"])
@pytest.mark.parametrize("spec", VARIANTS, ids=str)
def test_every_declaration_of_truth_is_tested(spec, side):
    """Whatever declares truth dominant is in TRUTHFUL, and whatever does not is in MANIPULABLE."""

    def declaration(spec):
        mechanism = MECHANISMS.build(spec)
        return mechanism.name, getattr(mechanism.properties, f"truthful_{side}") == "dominant"

    name, dominant = declaration(spec)
    cases = TRUTHFUL if dominant else MANIPULABLE
    assert (name, dominant) in {declaration(case) for case, tested, _ in cases if tested == side}


@pytest.mark.parametrize("rule", ["first_price", "nash_bargaining", "k_double_auction"])
def test_who_pays_its_bid_is_caught(rule):
    mechanism = MECHANISMS.build(rule)
    orders = random_orders(np.random.default_rng(1), 4, 4, capacity=1, one_quote=mechanism.venue == "books")
    with pytest.raises(AssertionError, match="a winner must gain its distance to the critical value"):
        check_critical_values(mechanism, orders, "buyers")


def test_who_wins_by_bidding_less_is_caught():
    """Whoever bids less than two pays its bid; whoever bids more is sent away."""

    def humble(orders, rng):
        rows = np.flatnonzero((orders.surplus >= 0) & (orders.bid < 2))
        return Trades.of(orders, rows, orders.bid[rows], orders.bid[rows])

    broken = type("Broken", (Broken,), {"rule": staticmethod(humble)})()
    orders = Orders.of(buyer=[1], seller=[0], listing=[0], bid=[3.0], ask=[1.0])
    with pytest.raises(AssertionError, match="a better quote must win what a worse one wins"):
        check_critical_values(broken, orders, "buyers")


COPIES_ONLY = [name for name in MECHANISMS if MECHANISMS.build(name).properties.licences == ("copy",)]


@pytest.mark.parametrize("name", COPIES_ONLY)
def test_a_licence_that_is_not_served_is_refused(name):
    scarce = random_orders(np.random.default_rng(0), 3, 2, capacity=1)
    with pytest.raises(ValueError, match=r"orders\.capacity must be .*; got 1 in row 0"):
        MECHANISMS.build(name).clear(scarce, np.random.default_rng(0))


@pytest.mark.parametrize("field", ["bid", "ask"])
@pytest.mark.parametrize("name", [n for n in MECHANISMS if MECHANISMS[n].venue == "books"])
def test_a_book_takes_one_bid_of_a_buyer_and_one_ask_of_a_listing(name, field):
    orders = random_orders(np.random.default_rng(0), 3, 3, one_quote=True)
    told = getattr(orders, field).copy()
    told[1] += 1
    with pytest.raises(
        ValueError, match=rf"orders\.{field} must be the same in all of a .* on the venue books"
    ):
        MECHANISMS.build(name).clear(orders.reporting(**{field: told}), np.random.default_rng(0))


@pytest.mark.parametrize(("spec", "side", "market"), MANIPULABLE, ids=str)
def test_a_lie_pays_where_truth_is_not_declared_or_outside_its_domain(spec, side, market):
    properties = MECHANISMS.build(spec).properties
    assert getattr(properties, f"truthful_{side}") == "no" or properties.truthful_domain
    assert gains_from_lies(spec, side, enough=0.1, **market) > 0.1


def test_unknown_side_is_refused():
    with pytest.raises(ValueError, match="side must be 'buyers' or 'sellers'; got 'brokers'"):
        check_truthful(FirstPrice(), random_orders(np.random.default_rng(0)), "brokers", GRID)


def won(orders, price, received=None):
    rows = np.flatnonzero(orders.surplus >= 0)
    received = price if received is None else received
    return Trades.of(orders, rows, price[rows], received[rows])


def charged(orders, paid, received):
    rows = np.arange(len(orders))
    return Trades.of(orders, [], [], [], Levies.of(rows, paid, received))


class Broken(FirstPrice):
    def clear(self, orders, rng):
        return self.rule(orders, rng)


BREAKS = {
    "a buyer must pay its bid at most": lambda o, rng: won(o, o.bid + 1),
    "a seller must receive its ask at least": lambda o, rng: won(o, o.ask / 2),
    "the broker must pay nothing": lambda o, rng: won(o, o.ask, o.bid),
    "the broker must keep nothing": lambda o, rng: won(o, o.bid, o.ask),
    "nobody must pay without a trade": lambda o, rng: charged(o, o.bid, o.bid),
    "a listing must have as many winners": lambda o, rng: won(o, o.bid),
    "take all its luck from `draw`": lambda o, rng: won(o, o.ask + o.surplus.clip(0) * rng.random()),
    "what else is cleared must not change what is paid": lambda o, rng: won(
        o, o.ask + o.surplus.clip(0) / max(1, len(o))
    ),
    "the same orders and seed": lambda o, rng: won(
        o, o.ask + (o.surplus.clip(0) * np.random.default_rng().random())
    ),
    "must not change who trades": lambda o, rng: Trades.of(o, [0][: len(o)], o.bid[:1], o.bid[:1]),
    "a change of unit must scale what is paid": lambda o, rng: won(
        o, np.minimum(o.bid, o.ask + 0.01), np.minimum(o.bid, o.ask + 0.01)
    ),
}


@pytest.mark.parametrize("sentence", BREAKS)
def test_a_broken_mechanism_is_caught(sentence):
    """Each break of a rule is found and told apart."""
    broken = type("Broken", (Broken,), {"rule": staticmethod(BREAKS[sentence])})()
    exclusive = "winners" in sentence
    orders = Orders.of(
        buyer=[1, 2, 3],
        seller=[0, 0, 0],
        listing=[0, 0, 0] if exclusive else [0, 1, 2],
        position=[0, 1, 2] if "else is cleared" in sentence else [0, 0, 0],
        bid=[5.0, 4.0, 3.0],
        ask=[1.0, 1.0, 1.0],
        capacity=[1, 1, 1],
        demand=1,
    )
    with pytest.raises(AssertionError, match=sentence):
        check_mechanism(broken, orders, seed=1)


LEVY_BREAKS = {
    "the broker must keep nothing": lambda o: Levies.of([0][: len(o)], o.bid[:1], 0 * o.bid[:1]),
    "must not change who is levied": lambda o: Levies.of([0][: len(o)], o.bid[:1], o.bid[:1]),
    "reordering must not change what is paid": lambda o: Levies.of(
        np.arange(len(o)), np.arange(len(o)) + o.bid, np.arange(len(o)) + o.bid
    ),
    "a change of unit must scale what is paid": lambda o: Levies.of(np.arange(len(o)), o.bid + 1, o.bid + 1),
}


@pytest.mark.parametrize("sentence", LEVY_BREAKS)
def test_a_broken_levy_is_caught(sentence):
    def clear(self, orders, rng):
        return Trades.of(orders, [], [], [], LEVY_BREAKS[sentence](orders))

    cls = type("Broken", (AllPay,), {"clear": clear})
    orders = Orders.of(buyer=[1, 2, 3], seller=[0] * 3, listing=[0] * 3, bid=[5.0, 4.0, 3.0], ask=[1.0] * 3)
    with pytest.raises(AssertionError, match=sentence):
        check_mechanism(cls(), orders, seed=1)


def test_a_pool_that_leaves_the_seller_short_is_caught():
    """Asks 1 and 3 are paid together, by 3 and 1; by half of that they are not."""
    orders = Orders.of(buyer=[1, 2], seller=[0] * 2, listing=[0] * 2, bid=[6.0, 2.0], ask=[1.0, 3.0])
    check_mechanism(Lindahl(), orders)

    def clear(self, orders, rng):
        full = Lindahl.clear(self, orders, rng)
        return Trades.of(orders, full.row, full.paid / 2, full.received / 2)

    with pytest.raises(AssertionError, match="a seller must receive its ask at least"):
        check_mechanism(type("Short", (Lindahl,), {"clear": clear})(), orders)


def test_bundles_served_without_a_word_are_caught():
    """A rule that ignores what listings contain would sell an item twice."""
    broken = type("Broken", (Broken,), {"rule": staticmethod(lambda o, rng: won(o, o.bid))})()
    orders = random_orders(np.random.default_rng(0), 3, 1, capacity=UNLIMITED)
    with pytest.raises(AssertionError, match=r"bundles, which .* does not declare, must be refused"):
        check_mechanism(broken, orders)
    overlapping = random_bundles(np.random.default_rng(0), 2, 1, 2)
    with pytest.raises(AssertionError, match="an item must be in as many winners' bundles as it has copies"):
        check_mechanism(
            type("Greedy", (Broken,), {"rule": staticmethod(first_of_each_buyer)})(),
            overlapping.select((overlapping.buyer == 0) == (overlapping.contents == 3)),
        )


def first_of_each_buyer(orders, rng):
    rows = np.flatnonzero(orders.surplus >= 0)
    rows = rows[np.unique(orders.buyer[rows], return_index=True)[1]]
    return Trades.of(orders, rows, orders.bid[rows], orders.bid[rows])


def test_a_false_claim_of_efficiency_is_caught():
    boast = dataclasses.replace(FirstPrice().properties, efficient_domain="")
    cls = type("Boastful", (FirstPrice,), {"properties": property(lambda self: boast)})
    orders = Orders.of(
        buyer=[1, 1, 2],
        seller=[0, 3, 0],
        listing=[0, 1, 0],
        bid=[5.0, 4.0, 4.0],
        ask=[0.0, 0.0, 0.0],
        capacity=[1, 1, 1],
    )
    with pytest.raises(AssertionError, match=r"gains must be the first best 8\.0; they are 5\.0"):
        check_mechanism(cls(), orders)


@pytest.mark.parametrize("name", list(MECHANISMS))
def test_a_rule_takes_numbers_as_large_as_int64(name):
    """Organisations, listings and positions are names: large ones in the same order change nothing."""
    rule = MECHANISMS.build(name)
    capacity = 1 if "exclusive" in rule.properties.licences else UNLIMITED
    small = random_orders(np.random.default_rng(1), 5, 4, positions=2, capacity=capacity, one_quote=True)
    large = {
        field: getattr(small, field) + (2**63 - 1 - top)
        for field, top in (("buyer", 9), ("seller", 9), ("listing", 4), ("position", 2))
    }
    same = {field: getattr(small, field) for field in ("bid", "ask", "gain", "capacity")}
    # Other names have other luck: both are given one.
    luck = Luck.draw(small, np.random.default_rng(2)).key
    one, other = (rule.clear(orders, GivenLuck(luck)) for orders in (small, Orders.of(**large, **same)))
    assert one.row.tolist() == other.row.tolist()
    assert one.paid.tolist() == other.paid.tolist()
