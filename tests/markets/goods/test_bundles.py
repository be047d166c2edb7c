"""Winner determination against enumeration."""

import itertools

import numpy as np
import pytest

from markets.goods import packing
from markets.goods.blocks import UNLIMITED
from markets.goods.bundles import PackageMarket, claims, separate_parts
from markets.orders.orders import Orders, first_best
from tests.markets.strategies import random_bundles


def enumerated(orders, demand):
    """The first best by trying all sets of rows."""
    row, item = claims(orders.seller, orders.contents)
    holds = np.zeros((len(orders), item.max(initial=-1) + 1), dtype=bool)
    holds[row, item] = True
    best = 0.0
    for chosen in itertools.product([False, True], repeat=len(orders)):
        taken = np.flatnonzero(chosen)
        feasible = (holds[taken].sum(axis=0) <= orders.capacity[0]).all()
        if feasible and np.bincount(orders.buyer[taken], minlength=1).max() <= demand:
            best = max(best, orders.surplus[taken].sum())
    return best


def test_items_are_numbered_by_the_order_of_rows():
    row, item = claims(np.array([7, 3, 7]), np.array([0b101, 0b001, 0b110]))
    assert row.tolist() == [0, 0, 1, 2, 2]
    assert item.tolist() == [0, 1, 2, 3, 1]
    assert [len(column) for column in claims(np.zeros(0, np.int64), np.zeros(0, np.int64))] == [0, 0]


@pytest.fixture(params=[0, packing.SMALL], ids=["proven", "direct"])
def small(request, monkeypatch):
    """Leaves all parts to a solver and its proof, or answers small ones directly."""
    monkeypatch.setattr(packing, "SMALL", request.param)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("demand", [1, 2])
@pytest.mark.parametrize("capacity", [1, 2])
def test_first_best_of_bundles_by_enumeration(demand, capacity):
    for seed in range(8):
        orders = random_bundles(np.random.default_rng(seed), 3, 2, 2, density=0.6, capacity=capacity)
        orders = orders.select(orders.surplus > 0).select(np.arange(min(11, (orders.surplus > 0).sum())))
        rows, gains = first_best(type(orders).of(**columns(orders), demand=demand))
        assert gains.sum() == pytest.approx(enumerated(orders, demand), rel=1e-12)
        assert (np.diff(rows) > 0).all()


def columns(orders):
    fields = ("buyer", "seller", "listing", "bid", "ask", "capacity", "contents")
    return {field: getattr(orders, field) for field in fields}


def fractional():
    """Three buyers want two of three items each: half of everything is worth 3, one whole bundle 2."""
    return {
        "buyer": np.arange(3),
        "seller": np.zeros(3, int),
        "contents": np.array([0b011, 0b110, 0b101]),
        "surplus": np.array([2.0, 2.0, 2.0]),
        "capacity": np.ones(3, int),
    }


@pytest.mark.usefixtures("small")
def test_half_a_bundle_is_not_sold():
    """The linear program alone would sell halves, for 3."""
    market = PackageMarket.of(**fractional())
    rows, externality = market.with_externalities()
    assert len(rows) == 1
    assert externality.tolist() == [2.0]


@pytest.mark.usefixtures("small")
def test_a_hair_decides():
    """A difference of 1e-9 of a surplus is found at any scale."""
    for scale in (1e-6, 1.0, 1e6):
        for winner in range(3):
            choices = fractional()
            choices["surplus"] = scale * (2 + 2e-9 * (np.arange(3) == winner))
            assert PackageMarket.of(**choices).best().tolist() == [winner]


def test_what_cannot_be_solved_exactly_is_refused(monkeypatch):
    """No guess: beyond the limits of the search there is a sentence and no allocation."""
    monkeypatch.setattr(packing, "PATIENCE", 0.0)
    monkeypatch.setattr(packing, "SMALL", 0)
    with pytest.raises(ValueError, match="few enough for an exact answer within 1000 search nodes and 0 sec"):
        PackageMarket.of(**fractional()).best()


@pytest.mark.parametrize("demand", [1, 2, 10**6, UNLIMITED, 2**63 - 1])
def test_an_exclusive_item_is_sold_once_whatever_buyers_want(demand):
    orders = Orders.of(
        buyer=[1, 2], seller=[0, 0], listing=[0, 0], contents=[1, 1], bid=[5.0, 4.0], ask=[0.0, 0.0],
        capacity=[1, 1], demand=demand,
    )  # fmt: skip
    assert first_best(orders)[1].sum() == 5.0


@pytest.mark.parametrize("capacity", [2, UNLIMITED, 2**63 - 1])
def test_unlimited_demand_and_copies_are_any_large_number(capacity):
    """The same answer as for a demand and copies that just do not bind."""
    for seed in range(4):
        orders = random_bundles(np.random.default_rng(seed), 3, 2, 2, capacity=capacity)
        large, plain = (
            first_best(Orders.of(**columns(orders), demand=demand))[0] for demand in (UNLIMITED, len(orders))
        )
        assert large.tolist() == plain.tolist()


@pytest.mark.usefixtures("small")
def test_what_a_winner_pays_does_not_drown_beside_a_large_bid():
    """A buyer of one item for 1e9 and two rivals for the other one, all in one part."""
    choices = {
        "buyer": np.array([0, 1, 2, 3]),
        "seller": np.zeros(4, int),
        "contents": np.array([0b01, 0b10, 0b10, 0b11]),
        "surplus": np.array([1e9, 0.000003, 0.000002, 0.000001]),
        "capacity": np.ones(4, int),
    }
    rows, externality = PackageMarket.of(**choices).with_externalities()
    assert rows.tolist() == [0, 1]
    assert externality.tolist() == [0.0, 0.000002]


def test_work_on_disjoint_markets_grows_with_their_number(monkeypatch):
    """Rows and limits that solvers see: linear, where each market once saw the limits of all."""
    seen = []
    solved = packing._solved

    def counting(value, *others):
        seen[-1] += len(value)
        return solved(value, *others)

    monkeypatch.setattr(packing, "_solved", counting)
    monkeypatch.setattr(packing, "SMALL", 0)
    for markets in (3, 12):
        seen.append(0)
        choices = {name: np.tile(column, markets) for name, column in fractional().items()}
        for name in ("buyer", "seller"):
            choices[name] = choices[name] + 3 * np.repeat(np.arange(markets), 3)
        assert len(PackageMarket.of(**choices).with_externalities()[0]) == markets
    assert seen[1] == 4 * seen[0]


def test_parts_share_neither_buyers_nor_items():
    orders = random_bundles(np.random.default_rng(1), 8, 6, 2, density=0.08)
    orders = orders.select(orders.surplus > 0)
    market = PackageMarket.of(orders.seat, orders.seller, orders.contents, orders.surplus, orders.capacity)
    assert len(market.parts) > 1
    np.testing.assert_array_equal(np.sort(np.concatenate(market.parts)), np.arange(len(orders)))
    row, item = claims(orders.seller, orders.contents)
    for one, other in itertools.combinations(market.parts, 2):
        assert not set(orders.buyer[one]) & set(orders.buyer[other])
        assert not set(item[np.isin(row, one)]) & set(item[np.isin(row, other)])
    connected = separate_parts(orders.buyer, orders.seller, orders.contents)
    assert {frozenset(np.flatnonzero(connected == each)) for each in connected} == {
        frozenset(part) for part in market.parts
    }


def test_a_limit_that_cannot_bind_connects_nobody_whatever_is_beside_it():
    """Two copies for two buyers of a row each, who want any number of rows."""
    choices = {
        "buyer": np.arange(2),
        "seller": np.zeros(2, int),
        "contents": np.ones(2, int),
        "surplus": np.ones(2),
        "capacity": np.full(2, 2),
    }
    for copies in (1, 3):
        beside = {name: np.tile(column, copies) for name, column in choices.items()}
        for name in ("buyer", "seller"):
            beside[name] = beside[name] + 2 * np.repeat(np.arange(copies), 2)
        market = PackageMarket.of(**beside, demand=UNLIMITED)
        assert [len(part) for part in market.parts] == [1] * (2 * copies)
