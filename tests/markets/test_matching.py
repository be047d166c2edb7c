import numpy as np
import pytest
from hypothesis import given, settings

from markets.assignment import assign
from markets.matching import stable_matching
from markets.orders import Orders
from markets.ranking import Ranking
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
