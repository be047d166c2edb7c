import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.goods.blocks import UNLIMITED
from markets.orders.levies import Levies
from markets.orders.orders import Orders, Trades, first_best
from tests.markets.strategies import markets, random_orders

GOOD = {"buyer": [1, 2], "seller": [0, 0], "listing": [7, 7], "bid": [5.0, 3.0], "ask": [1.0, 2.0]}


def test_defaults_and_read_only_copies():
    bid = np.array([5.0, 3.0])
    orders = Orders.of(**GOOD | {"bid": bid})
    bid[0] = 9.0
    assert orders.surplus.tolist() == [4.0, 1.0]
    assert (orders.capacity == UNLIMITED).all()
    assert orders.position.tolist() == [0, 0]
    for column in (orders.buyer, orders.bid, orders.surplus):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"bid": [5.0, np.nan]}, r"orders\.bid must be finite and not negative; got nan in row 1"),
        ({"ask": [np.inf, 1.0]}, r"orders\.ask must be finite and not negative; got inf in row 0"),
        ({"bid": [-1.0, 1.0]}, r"orders\.bid must be finite and not negative; got -1\.0 in row 0"),
        ({"gain": [0.0, -0.5]}, r"orders\.gain .* got -0\.5 in row 1"),
        ({"bid": [5.0]}, r"orders\.bid must have as many rows as buyer \(2\); got 1"),
        ({"bid": [[5.0, 3.0]]}, r"orders\.bid must be a column"),
        ({"buyer": [1.0, 2.0]}, r"orders\.buyer must hold whole numbers .* got float64"),
        ({"buyer": [1, -2]}, r"orders\.buyer must be at least 0; got -2 in row 1"),
        ({"buyer": [1, 1]}, r"orders\.buyer must be on a listing once; got 1 in row 1"),
        ({"buyer": [1, 0]}, r"orders\.buyer must be another than the row's seller; got 0 in row 1"),
        ({"seller": [0, 3]}, r"orders\.seller must be the same in all rows of a listing; got 3 in row 1"),
        ({"position": [0, 1]}, r"orders\.position must be the same"),
        ({"capacity": [1, 2]}, r"orders\.capacity must be the same"),
        ({"contents": [1, 2]}, r"orders\.contents must be the same in all rows of a listing"),
        ({"contents": [-1, -1]}, r"orders\.contents must be at least 0; got -1 in row 0"),
        (
            {"listing": [7, 8], "contents": [1, 2], "capacity": [1, 2]},
            r"orders\.capacity must be one for all contents of a seller; got 2 in row 1",
        ),
        ({"capacity": [0, 0]}, r"orders\.capacity must be at least 1; got 0 in row 0"),
        ({"demand": 0}, r"orders\.demand must be a whole number from 1 to 9223372036854775807; got 0"),
        ({"demand": 1.5}, r"orders\.demand must be a whole number .* got 1\.5"),
        ({"demand": 2**63}, r"orders\.demand must be a whole number .* got 9223372036854775808"),
        (
            {"position": [2**63] * 2},
            r"orders\.position must be at most 9223372036854775807; got 9223372036854775808",
        ),
        ({"listing": [1, 2**64]}, r"orders\.listing must be at most .* got 18446744073709551616 in row 1"),
        ({"buyer": [-(2**64), 1]}, r"orders\.buyer must be at least 0; got -18446744073709551616 in row 0"),
    ],
)
def test_orders_are_refused_in_one_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        Orders.of(**GOOD | change)


def test_the_largest_numbers_are_numbers_like_others():
    """Of every integer column, alone and together: the same first best, the same books."""
    small = {"buyer": [3, 4, 4], "seller": [1, 1, 2], "listing": [0, 0, 1], "position": [0, 0, 1]}
    money = {"bid": [3.0, 2.0, 1.0], "ask": [0.0] * 3, "capacity": [1] * 3, "contents": [0, 0, 1]}
    large = {name: [2**63 - 5 + number for number in column] for name, column in small.items()}
    top = {"capacity": [1, 1, 2**63 - 1], "contents": [0, 0, 2**63 - 1]}
    for change in ({name: large[name]} for name in ("listing", "position")):
        assert first_best(Orders.of(**small | money | change))[0].tolist() == [0, 2]
    for change in ({}, top):
        orders = Orders.of(**large | money | change, demand=2**63 - 1)
        assert first_best(orders)[0].tolist() == [0, 2]
        assert [book.tolist() for book in orders.books(np.arange(3))] == [[0, 1], [2]]
        assert len(set(orders.seat.tolist())) == 3
        assert Trades.of(orders, [2], [1.0], [1.0]).listing.tolist() == [2**63 - 4]


@pytest.mark.parametrize("rows", [[2**63 - 1], [2**63 - 1] * 2])
def test_rows_as_large_as_int64_are_unknown_rows(rows):
    money = [1.0] * len(rows)
    with pytest.raises(ValueError, match=r"trades\.row must be one of the 2 orders; got 9223372036854775807"):
        Trades.of(Orders.of(**GOOD), rows, money, money)
    with pytest.raises(
        ValueError, match=r"levies\.row must be (one of the 2 orders|in one levy only); got 92233"
    ):
        Trades.of(Orders.of(**GOOD), [], [], [], Levies.of(rows, money, money))


def test_nobody_is_a_market():
    orders = Orders.of(buyer=[], seller=[], listing=[], bid=[], ask=[])
    assert len(orders) == 0
    assert orders.books(np.arange(0)) == []
    assert first_best(orders)[1].sum() == 0


def test_books_split_by_position_and_keep_the_order():
    orders = Orders.of(
        buyer=[9] * 4, seller=[0] * 4, listing=[0, 1, 2, 3], position=[5, 2, 5, 2], bid=[1] * 4, ask=[0] * 4
    )
    assert [book.tolist() for book in orders.books(np.array([3, 0, 2, 1]))] == [[3, 1], [0, 2]]
    assert orders.seat.tolist() == [1, 0, 1, 0]


def test_rows_with_contents_are_one_seat():
    """What a buyer wins at most is counted over its bundles, whatever their position."""
    orders = Orders.of(
        buyer=[9] * 4, seller=[0] * 4, listing=[0, 1, 2, 3], position=[5, 2, 5, 2], bid=[1] * 4, ask=[0] * 4,
        contents=[0, 0, 1, 2],
    )  # fmt: skip
    assert len({orders.seat[0], orders.seat[1], orders.seat[2]}) == 3
    assert orders.seat[2] == orders.seat[3]
    assert orders.select(np.array([2])).contents.tolist() == [1]


def test_trades_are_sorted_and_name_their_parties():
    trades = Trades.of(Orders.of(**GOOD), [1, 0], [2.5, 5.0], [2.0, 4.0])
    assert trades.row.tolist() == [0, 1]
    assert trades.paid.tolist() == [5.0, 2.5]
    assert (trades.buyer.tolist(), trades.seller.tolist(), trades.listing.tolist()) == (
        [1, 2],
        [0, 0],
        [7, 7],
    )
    assert trades.broker == 1.5


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (([2], [1.0], [1.0]), r"trades\.row must be one of the 2 orders; got 2"),
        (([0, 0], [1.0, 1.0], [1.0, 1.0]), r"trades\.row must be in one trade only; got 0 in row 1"),
        (([0], [np.nan], [1.0]), r"trades\.paid must be finite"),
        (([0], [1.0], []), r"trades\.received must have as many rows"),
    ],
)
def test_trades_are_refused_in_one_sentence(columns, sentence):
    with pytest.raises(ValueError, match=sentence):
        Trades.of(Orders.of(**GOOD), *columns)


def test_levies_are_charged_where_nothing_trades():
    orders = Orders.of(**GOOD)
    levies = Levies.of([1, 0], [2.0, 0.0], [1.5, 0.0])
    assert (levies.row.tolist(), len(levies)) == ([1], 1)
    assert Trades.of(orders, [0], [5.0], [4.0], levies).broker == 1.5
    assert len(Trades.of(orders, [0], [5.0], [4.0]).levies) == 0
    with pytest.raises(ValueError, match="read-only"):
        levies.paid[0] = 1


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (([2], [1.0], [1.0]), r"levies\.row must be one of the 2 orders; got 2"),
        (([0], [1.0], [1.0]), r"levies\.row must be a row that does not trade; got 0 in row 0"),
        (([1, 1], [1.0, 1.0], [1.0, 1.0]), r"levies\.row must be in one levy only; got 1 in row 1"),
        (([1], [np.inf], [1.0]), r"levies\.paid must be finite"),
        (([1], [1.0], [-1.0]), r"levies\.received must be finite and not negative; got -1\.0"),
        (([1], [1.0], []), r"levies\.received must have as many rows as row \(1\); got 0"),
    ],
)
def test_levies_are_refused_in_one_sentence(columns, sentence):
    with pytest.raises(ValueError, match=sentence):
        Trades.of(Orders.of(**GOOD), [0], [5.0], [4.0], Levies.of(*columns))


def brute_force(orders):
    """The first best by trying every set of rows."""
    best = 0.0
    rows = np.flatnonzero(orders.surplus > 0)
    for size in range(len(rows) + 1):
        for chosen in map(list, itertools.combinations(rows, size)):
            fits = (
                np.bincount(orders.seat[chosen], minlength=1).max() <= orders.demand
                and (
                    np.bincount(orders.lot[chosen], minlength=len(orders))[orders.lot] <= orders.capacity
                ).all()
            )
            best = max(best, orders.surplus[chosen].sum() if fits else 0.0)
    return best


def test_first_best_loses_nothing_beside_a_large_trade():
    """A solver with a tolerance finds 1000000004."""
    orders = Orders.of(
        buyer=[1, 1, 2], seller=[3, 4, 4], listing=[0, 1, 1], bid=[1e9, 5.0, 4.0], ask=[0.0] * 3,
        capacity=[1, 1, 1], demand=2,
    )  # fmt: skip
    assert first_best(orders)[1].sum() == 1_000_000_005


@pytest.mark.parametrize("demand", [1, 2, 3])
def test_first_best_of_a_market_does_not_depend_on_a_large_trade_elsewhere(demand):
    rng = np.random.default_rng(demand)
    small = random_orders(rng, 12, 12, capacity=1, demand=demand)
    columns = {
        name: np.append(getattr(small, name), other)
        for name, other in {
            "buyer": 99,
            "seller": 98,
            "listing": 99,
            "bid": 1e9,
            "ask": 0,
            "capacity": 1,
        }.items()
    }
    rows, _ = first_best(Orders.of(**columns, demand=demand))
    assert rows.tolist() == [*first_best(small)[0], len(small)]


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([None, 1, 2]), st.booleans())
@settings(deadline=None, max_examples=40)
def test_first_best_is_exact_over_twelve_orders_of_magnitude(seed, demand, capacity, money):
    """Against enumeration in fractions; amounts in whole micro-credits and any."""
    rng = np.random.default_rng(seed)
    small = random_orders(rng, 3, 3, density=0.8, capacity=capacity, demand=demand)
    bid = 10.0 ** rng.uniform(-6, 6, len(small))
    orders = small.reporting(bid=np.ceil(bid * 1e6) / 1e6 if money else bid, ask=np.zeros(len(small)))
    rows, gains = first_best(orders)
    assert exactly(gains) == max(exactly(orders.surplus[list(chosen)]) for chosen in fitting(orders))
    assert tuple(rows) in set(fitting(orders))


def exactly(amounts):
    return sum((Fraction(float(amount)) for amount in amounts), Fraction(0))


def fitting(orders):
    """Yield all sets of rows that demand and licences allow."""
    for size in range(len(orders) + 1):
        for chosen in itertools.combinations(range(len(orders)), size):
            rows = list(chosen)
            taken = np.bincount(orders.seat[rows], minlength=1).max()
            sold = np.bincount(orders.lot[rows], minlength=len(orders))[orders.lot]
            if taken <= orders.demand and (sold <= orders.capacity).all():
                yield chosen


@pytest.mark.parametrize("demand", [1, 2])
@pytest.mark.parametrize("capacity", [1, 2, None])
def test_first_best_against_enumeration(demand, capacity):
    rng = np.random.default_rng(demand)
    for _ in range(8):
        orders = random_orders(rng, 3, 3, positions=2, capacity=capacity, demand=demand, whole=5)
        assert first_best(orders)[1].sum() == pytest.approx(brute_force(orders), abs=1e-12)


@given(markets())
@settings(deadline=None, max_examples=50)
def test_first_best_fits_and_gains(orders):
    rows, gains = first_best(orders)
    assert (gains > 0).all()
    assert (np.diff(rows) > 0).all()
    assert np.bincount(orders.seat[rows], minlength=1).max() <= orders.demand
    assert (np.bincount(orders.lot[rows], minlength=len(orders))[orders.lot] <= orders.capacity).all()


def test_other_reports_are_checked_and_the_pairs_stay():
    orders = Orders.of(buyer=[1, 2], seller=[0, 0], listing=[0, 0], bid=[5.0, 4.0], ask=[1.0, 2.0], demand=2)
    other = orders.reporting(bid=[3, 2])
    assert (other.bid.tolist(), other.ask.tolist(), other.surplus.tolist()) == ([3, 2], [1, 2], [2, 0])
    assert (other.buyer.tolist(), other.demand, orders.bid.tolist()) == ([1, 2], 2, [5, 4])
    with pytest.raises(ValueError, match=r"orders\.ask must be finite and not negative; got -1\.0 in row 1"):
        orders.reporting(ask=[0, -1])
    with pytest.raises(ValueError, match=r"orders\.bid must have as many rows as buyer \(2\); got 1"):
        orders.reporting(bid=[0])
