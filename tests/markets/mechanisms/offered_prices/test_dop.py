import numpy as np
import pytest

from markets.matching.copies import LotTable
from markets.mechanisms.offered_prices.dop import DeterministicOptimalPrice
from markets.orders.orders import Orders
from tests.markets.mechanisms.samples import copies
from tests.markets.strategies import random_orders

RNG = np.random.default_rng(0)
DOP = DeterministicOptimalPrice()


def test_ten_bids_of_ten_and_ninety_of_one_earn_ten():
    """Where one price of 1 or of 10 earns 100 (Goldberg, Hartline, Karlin, Saks and Wright 2006)."""
    trades = DOP.clear(copies([10] * 10 + [1] * 90), RNG)
    assert trades.paid.tolist() == [1.0] * 10
    assert trades.row.tolist() == list(range(10))


@pytest.mark.parametrize(
    ("bids", "asks", "winners", "paid"),
    [
        ([5, 4, 3], 0, [0, 1], [3, 3]),
        ([4, 4], 0, [0, 1], [4, 4]),
        ([4, 2, 2], 0, [0, 1, 2], [2, 2, 2]),
        ([5], 0, [], []),
        ([5, 1], 2, [], []),
        ([5, 2], 2, [0], [2]),
        ([3, 0, 0], 0, [0], [0]),
    ],
)
def test_by_hand(bids, asks, winners, paid):
    """The lowest of equally good prices; nobody is offered a price without others."""
    trades = DOP.clear(copies(bids, asks), RNG)
    assert (trades.row.tolist(), trades.paid.tolist()) == (winners, paid)


def test_asks_that_differ_shift_each_offer():
    """Surpluses 4, 4: each is offered a markup of 4 on its own ask."""
    trades = DOP.clear(copies([5, 9], [1, 5]), RNG)
    assert trades.paid.tolist() == [5.0, 9.0]
    assert trades.received.tolist() == [5.0, 9.0]


def offer(others):
    """The rule, word by word."""
    falling = sorted((w for w in others if w >= 0), reverse=True)
    earns = [(-(k + 1) * w, w) for k, w in enumerate(falling)]
    return min(earns)[1] if earns else np.inf


@pytest.mark.parametrize("whole", [None, 1, 4])
def test_offers_are_those_of_the_rule(whole):
    for seed in range(30):
        orders = random_orders(
            np.random.default_rng(seed), 6, 3, positions=3, density=0.8, whole=whole, capacity=9, demand=3
        )
        trades = DOP.clear(orders, RNG)
        markup = np.array(
            [
                offer(orders.surplus[(orders.lot == orders.lot[r]) & (np.arange(len(orders)) != r)])
                for r in range(len(orders))
            ]
        )
        wins = np.flatnonzero((orders.surplus >= markup) & (orders.surplus >= 0))
        assert trades.row.tolist() == wins.tolist()
        np.testing.assert_allclose(trades.paid, orders.ask[wins] + markup[wins], rtol=1e-12)


def test_a_buyer_takes_its_best_offer():
    """Offered 1 on a value of 4 and 2 on a value of 9, with a demand of one."""
    orders = Orders.of(
        buyer=[1, 1, 2, 3], seller=[0] * 4, listing=[0, 1, 0, 1], bid=[4.0, 9.0, 1.0, 2.0], ask=[0.0] * 4
    )
    trades = DOP.clear(orders, RNG)
    assert trades.listing[trades.buyer == 1].tolist() == [1]
    assert trades.paid[trades.buyer == 1].tolist() == [2.0]


def test_scarce_copies_are_refused():
    with pytest.raises(ValueError, match=r"orders\.capacity must be no less than its listing has buyers"):
        DOP.clear(copies([3, 2], capacity=1), RNG)


@pytest.mark.parametrize("largest", [100, 1000])
def test_tables_hold_no_more_than_two_places_a_row(largest):
    """One listing of many buyers and as many of one buyer: a table of both was quadratic."""
    group = np.concatenate(
        [np.full(largest, 7), 10 + np.arange(largest), np.repeat([3, 5], [3, largest // 2])]
    )
    value = np.random.default_rng(0).random(len(group))
    tables = LotTable.by_size(np.arange(len(group)), group, value)
    assert sum(table.value.size for table in tables) < 2 * len(group)
    assert sorted(np.concatenate([table.row for table in tables]).tolist()) == list(range(len(group)))
    for table in tables:
        assert (table.name[table.group] == group[table.row]).all()
        assert (table.value[table.group, table.place] == value[table.row]).all()
        assert (np.diff(table.value, axis=1) <= 0).all()
