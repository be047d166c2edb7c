"""Winner determination against enumeration."""

import itertools

import numpy as np
import pytest

from markets import bundles
from markets.bundles import PackageMarket, claims
from markets.orders import first_best
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


def test_half_a_bundle_is_not_sold():
    """The linear program alone would sell halves, for 3."""
    market = PackageMarket.of(**fractional())
    rows, externality = market.with_externalities()
    assert len(rows) == 1
    assert externality.tolist() == [2.0]


def test_a_hair_decides():
    """A difference of 1e-9 of a surplus is found in an integer program, at any scale."""
    for scale in (1e-6, 1.0, 1e6):
        for winner in range(3):
            choices = fractional()
            choices["surplus"] = scale * (2 + 2e-9 * (np.arange(3) == winner))
            assert PackageMarket.of(**choices).best().tolist() == [winner]


def test_what_cannot_be_solved_exactly_is_refused(monkeypatch):
    """No guess: beyond the limits of the search there is a sentence and no allocation."""
    monkeypatch.setattr(bundles, "PATIENCE", 0.0)
    with pytest.raises(ValueError, match="few enough for an exact answer within 1000 search nodes and 0 sec"):
        PackageMarket.of(**fractional()).best()


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
