import numpy as np
import pytest
from hypothesis import given, settings

from markets.matching.assignment import assign
from markets.matching.deferred_acceptance import stable_matching
from markets.matching.ranking import Ranking, best_of_groups, dense_codes, first_appearance, first_rows
from markets.orders.orders import Orders
from markets.theory import vickrey_utilities
from tests.markets.strategies import markets, random_orders


def test_ranking_takes_the_best_of_each_group_by_score_then_priority():
    group, score = np.array([4, 4, 4, 1, 1]), np.array([1.0, 2.0, 2.0, 0.0, 0.0])
    ranking = Ranking.of(group, score, np.array([0, 4, 1, 3, 2]), np.array([2, 2, 2, 1, 1]))
    assert ranking.first(np.ones(5, bool)).tolist() == [False, True, True, False, True]
    assert ranking.first(np.array([True, True, False, True, False])).tolist() == [
        True,
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("groups", [3, 40, 10_000])
@pytest.mark.parametrize("whole", [True, False])
def test_rankings_are_sorted_by_group_score_and_priority(groups, whole):
    """In tables or, where these would be mostly empty, by one sort; scores of minus infinity too."""
    rng = np.random.default_rng(groups)
    for rows in (0, 1, 60):
        group = rng.integers(0, groups, rows)
        group[: rows // 2] = group[:1] if rows else 0
        score = rng.integers(0, 3, rows).astype(float) if whole else rng.random(rows)
        score[rng.random(rows) < 0.2] = -np.inf
        priority = rng.permutation(rows)
        expected = sorted(range(rows), key=lambda r: (group[r], -score[r], priority[r]))
        ranking = Ranking.of(group, score, priority, 1)
        assert ranking.order.tolist() == expected
        mask = rng.random(rows) < 0.5
        best = {group[r]: r for r in reversed(expected) if mask[r]}
        assert set(np.flatnonzero(ranking.first(mask))) == set(best.values())
        np.testing.assert_array_equal(best_of_groups(group, score, priority, mask), ranking.first(mask))


@pytest.mark.parametrize("largest", [2, 50, 2**62])
def test_numbers_of_groups(largest):
    values = np.random.default_rng(0).integers(0, largest, 30)
    distinct = sorted(set(values.tolist()))
    assert dense_codes(values).tolist() == [distinct.index(value) for value in values]
    assert first_rows(dense_codes(values)).tolist() == [values.tolist().index(value) for value in distinct]
    by_appearance = list(dict.fromkeys(values.tolist()))
    code, first = first_appearance(values)
    assert code.tolist() == [by_appearance.index(value) for value in values]
    assert values[first].tolist() == by_appearance
    assert len(dense_codes(values[:0])) == len(first_rows(values[:0])) == 0


@given(markets())
@settings(deadline=None, max_examples=80)
def test_equal_tastes_match_the_largest_surplus_first(orders):
    """One row after another, as long as there is room; a buyer with room, or worse rows, was refused."""
    rng = np.random.default_rng(len(orders))
    priority, eligible = rng.permutation(len(orders)), orders.surplus >= 0
    order = np.lexsort((priority, -orders.surplus))
    taken, expected = np.zeros(len(orders), dtype=bool), np.zeros(len(orders), dtype=bool)
    for row in order[eligible[order]]:
        wants = taken[orders.seat == orders.seat[row]].sum() < orders.demand
        taken[row] = wants and taken[orders.lot == orders.lot[row]].sum() < orders.capacity[row]
        expected[row] = wants and not taken[row]
    accepted, refused = stable_matching(orders, eligible, orders.surplus, orders.surplus, priority)
    np.testing.assert_array_equal(accepted, taken)
    np.testing.assert_array_equal(refused, expected)


def test_gale_and_shapley_1962_example_1():
    """Men propose and all get their first choice (Gale and Shapley 1962, section 2, example 1)."""
    men = {(0, 0): (1, 3), (0, 1): (2, 2), (0, 2): (3, 1)}
    men |= {(1, 0): (3, 1), (1, 1): (1, 3), (1, 2): (2, 2)}
    men |= {(2, 0): (2, 2), (2, 1): (3, 1), (2, 2): (1, 3)}
    man, woman = np.array(list(men)).T
    his, her = -np.array(list(men.values()), float).T
    orders = Orders.of(
        buyer=man, seller=woman + 3, listing=woman, bid=np.ones(9), ask=np.zeros(9), capacity=np.ones(9, int)
    )
    accepted, rejected = stable_matching(orders, np.ones(9, bool), his, her, np.arange(9))
    assert list(zip(man[accepted], woman[accepted], strict=True)) == [(0, 0), (1, 1), (2, 2)]
    assert not rejected.any()


def test_a_consoled_buyer_is_no_losing_bidder():
    """Buyer 1 wins listing 0 and never proposes to 1; buyer 2, refused by 0, wins 1."""
    orders = Orders.of(
        buyer=[1, 1, 2, 2],
        seller=[0] * 4,
        listing=[0, 1, 0, 1],
        bid=[9.0, 5.0, 8.0, 3.0],
        ask=[0.0] * 4,
        capacity=[1] * 4,
    )
    accepted, rejected = stable_matching(
        orders, np.ones(4, bool), orders.surplus, orders.surplus, np.arange(4)
    )
    assert accepted.tolist() == [True, False, False, True]
    assert rejected.tolist() == [False, False, True, False]


@given(markets())
@settings(deadline=None, max_examples=80)
def test_no_pair_would_rather_have_each_other(orders):
    rng = np.random.default_rng(len(orders))
    priority, eligible = rng.permutation(len(orders)), orders.surplus >= 0
    buyer_score, listing_score = rng.random(len(orders)), rng.random(len(orders))
    accepted, rejected = stable_matching(orders, eligible, buyer_score, listing_score, priority)
    assert not (accepted & ~eligible).any()
    assert not (accepted & rejected).any()
    for row in np.flatnonzero(eligible & ~accepted):
        own = accepted & (orders.seat == orders.seat[row])
        held = accepted & (orders.lot == orders.lot[row])
        buyer_wants = own.sum() < orders.demand or buyer_score[row] > buyer_score[own].min()
        listing_wants = held.sum() < orders.capacity[row] or listing_score[row] > listing_score[held].min()
        assert not (buyer_wants and listing_wants)
        assert rejected[row] == buyer_wants


@pytest.mark.parametrize("capacity", [1, 2])
def test_least_prices_are_those_of_vickrey_clarke_and_groves(capacity):
    """Leonard 1983: u_i = W(N) - W(N without i), on whole numbers, so exactly."""
    rng = np.random.default_rng(7)
    for _ in range(40):
        orders = random_orders(rng, 5, 4, whole=20, capacity=capacity, density=0.8)
        orders = orders.select(orders.surplus >= 0)
        table = np.zeros((5, 4 * capacity))
        for copy in range(capacity):
            table[orders.buyer, orders.listing * capacity + copy] = orders.surplus
        best = assign(orders.buyer, orders.listing, orders.surplus, orders.capacity)
        utility = np.zeros(5)
        utility[orders.buyer[best.row]] = orders.surplus[best.row] - best.price
        np.testing.assert_array_equal(utility, vickrey_utilities(table))
