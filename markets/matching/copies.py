"""What the rules for goods that can be copied share: prices found from samples of bids, and who buys at them.

The rules work with the surplus ``bid - ask`` of a row: the ask is what one copy more costs the seller, so the
best price over the asks is the one that earns it most. Where all asks of a listing are equal this is the
textbook rule for bids less a cost.

Core Objects: LotTable, optimal_price, optimal_price_without, take_copies
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from markets.columns import Floats, Ints
from markets.matching.ranking import Ranking, dense_codes, first_rows, groups
from markets.orders.orders import Orders, Trades


@dataclass(frozen=True, eq=False)
class LotTable:
    """Values of some rows by group, falling, G groups of at most M rows.

    Attributes
    ----------
    value : float64[G, M]
        Falling along each group, -1 where it has no more rows.
    row : int64[T]
        The rows in the table.
    group, place : int64[T]
        Where each of them is.
    name : int64[G]
        The number that each group was given by.
    """

    value: Floats
    row: Ints
    group: Ints
    place: Ints
    name: Ints

    @classmethod
    def of(cls, row: Ints, group: Ints, value: Floats, count: int) -> "LotTable":
        """Sort `row` [T] by its group [T] and value [T], no value negative; cost O(T log T + G M)."""
        order = np.lexsort((-value, group))
        group = group[order]
        place = np.arange(len(order)) - np.searchsorted(group, group, side="left")
        table = np.full((count, int(place.max(initial=-1)) + 1), -1.0)
        table[group, place] = value[order]
        return cls(table, row[order], group, place, np.arange(count))

    @classmethod
    def by_size(cls, row: Ints, group: Ints, value: Floats) -> list["LotTable"]:
        """Return tables of the groups that have rows, each of groups of similar size.

        Between all tables there are fewer than two places a row, so that many small groups beside a large one
        take no more room than their rows; cost O(T log T).
        """
        code = dense_codes(group)
        size = np.bincount(code)
        # Sizes from 2^(k - 1) + 1 to 2^k have the exponent k.
        shelf = np.frexp(size - 0.5)[1][code]
        tables = []
        for own in groups(shelf.astype(np.int64)):
            number, local = np.unique(code[own], return_inverse=True)
            table = cls.of(row[own], local.astype(np.int64), value[own], len(number))
            tables.append(dataclasses.replace(table, name=group[own][first_rows(local)]))
        return tables


def optimal_price(table: LotTable) -> Floats:
    """Return the price that earns most from each group's values, float64[G].

    The value v_(k) with the largest k v_(k), k the number of values that are no smaller; the highest price of
    several. Infinity for a group without values.
    """
    groups, most = table.value.shape
    if not most:
        return np.full(groups, np.inf)
    revenue = table.value * np.arange(1, most + 1)
    best = np.argmax(revenue, axis=1)
    each = np.arange(groups)
    return np.where(revenue[each, best] >= 0, table.value[each, best], np.inf)


def optimal_price_without(table: LotTable) -> Floats:
    """Return, for each row of the table, the optimal price of its group's other values, float64[T].

    Without the i-th value the k-th sells k copies before it and k - 1 after it, so that running maxima from
    both ends give all prices in O(G M). Infinity for a row alone in its group.
    """
    value = table.value
    count = np.arange(value.shape[1])
    # Column 0 and the last one stand for "nobody": revenue -1.
    edge = np.full((len(value), 1), -1.0)
    before = np.hstack([edge, value * (count + 1)])
    after = np.hstack([np.where(value >= 0, value * count, -1.0), edge])[:, ::-1]
    best_before, best_after = (np.maximum.accumulate(revenue, axis=1) for revenue in (before, after))
    # The lowest of several best prices is the last from the left and the first from the right.
    place = np.arange(value.shape[1] + 1)
    last = np.maximum.accumulate(np.where(before == best_before, place, 0), axis=1)
    rises = np.diff(best_after, axis=1, prepend=-np.inf) > 0
    first = np.maximum.accumulate(np.where(rises, place, 0), axis=1)

    left = table.group, table.place
    right = table.group, value.shape[1] - 1 - table.place
    lower = best_after[right] >= best_before[left]
    column = np.where(lower, value.shape[1] - first[right], last[left] - 1)
    known = np.maximum(best_after[right], best_before[left]) >= 0
    return np.where(known, value[table.group, np.clip(column, 0, value.shape[1] - 1)], np.inf)


def take_copies(orders: Orders, priority: Ints, markup: Floats) -> Trades:
    """Let every buyer take its best rows at ``ask + markup``, up to its demand for a position.

    Parameters
    ----------
    orders : Orders
        The pairs, with copies for all.
    priority : int64[R]
        Distinct numbers that break a buyer's ties; smaller is better.
    markup : float64[R]
        What each row pays above its ask, in credits; infinity is no offer. A row whose ``bid - ask`` is just
        that buys.
    """
    taken = Ranking.of(orders.seat, orders.surplus - markup, priority, orders.demand)
    row = np.flatnonzero(taken.first(orders.surplus >= markup))
    # In exact numbers the bid is never exceeded; the minimum takes back the rounding of ask + markup.
    price = np.minimum(orders.bid[row], orders.ask[row] + markup[row])
    return Trades.of(orders, row, price, price)
