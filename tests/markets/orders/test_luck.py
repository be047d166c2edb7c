"""Luck itself, and the law of ties under every rule."""

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from markets.goods.blocks import UNLIMITED
from markets.mechanisms import MECHANISMS
from markets.orders.luck import Luck, fresh, heads, mixed
from tests.markets.laws import UNLIKELY, drawn, follows, side_by_side, uniformly
from tests.markets.strategies import book, random_orders

TIES = 400


def test_keys_do_not_depend_on_company():
    orders = random_orders(np.random.default_rng(0), 6, 6, density=0.6)
    luck, some = Luck.draw(orders, np.random.default_rng(5)), np.arange(0, len(orders), 3)
    part = Luck.draw(orders.select(some), np.random.default_rng(5))
    assert np.array_equal(part.key, luck.key[some])
    assert np.array_equal(np.argsort(part.priority), np.argsort(luck.priority[some]))
    assert np.array_equal(part.of("coins"), luck.of("coins")[some])


def test_one_number_is_drawn_whatever_the_market():
    states = set()
    for rows in (0, 1, 9):
        rng = np.random.default_rng(0)
        Luck.draw(book([1] * rows, [0]), rng) if rows else Luck.draw(book([1], [0]).select([]), rng)
        states.add(repr(rng.bit_generator.state))
    assert len(states) == 1


def test_priorities_are_distinct_and_their_order_uniform():
    orders = book([1] * 3, [0])
    big = Luck.draw(book([1] * 300, [0] * 300), np.random.default_rng(0)).priority
    assert len(set(big.tolist())) == 90_000
    assert big.min() >= 0
    counts = Counter(
        tuple(np.argsort(Luck.draw(orders, np.random.default_rng(seed)).priority)) for seed in range(1200)
    )
    assert follows(counts, uniformly(itertools.permutations(range(3))))


@pytest.mark.parametrize("purposes", [("coins", "coins"), ("coins", "lottery")])
def test_bits_are_fair_and_independent(purposes):
    """Of rows in the order of their names: every bit, neighbours of two kinds, and two purposes."""
    luck = Luck.draw(book([1] * 200, [0] * 200), np.random.default_rng(1))
    first, second = (luck.of(purpose) for purpose in purposes)
    share = np.unpackbits(first.view(np.uint8)).reshape(-1, 64).mean(axis=0)
    assert np.abs(share - 0.5).max() < 5 * 0.5 / 200
    coins, others = heads(first).reshape(200, 200), heads(second).reshape(200, 200)
    pairs = [(coins[1:], others[:-1]), (coins[:, 1:], others[:, :-1])]
    if purposes[0] != purposes[1]:
        pairs.append((coins, others))
    for ours, theirs in pairs:
        assert abs((ours == theirs).mean() - 0.5) < 5 * 0.5 / np.sqrt(ours.size)


def test_groups_have_one_key_each_however_many_rows():
    orders = random_orders(np.random.default_rng(2), 60, 60, density=0.5, one_quote=True)
    luck = Luck.draw(orders, np.random.default_rng(3))
    counts = np.zeros(2)
    for purpose in map(str, range(200)):
        seats = luck.of_groups(purpose, orders.seat)
        counts += np.bincount(heads(seats), minlength=2)
    assert chisquare(counts).pvalue > UNLIKELY
    assert not set(luck.of_groups("a", orders.seat)) & set(luck.of_groups("b", orders.seat))


def test_mixing_is_that_of_splitmix64():
    """The first numbers of the reference generator (Vigna, splitmix64.c) from the seed 1234567."""
    stream = mixed(np.full(3, 1234567, dtype=np.uint64), np.arange(3))
    assert stream.tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert fresh("a", stream).tolist() != fresh("b", stream).tolist()


TIED = [name for name in MECHANISMS if "exclusive" in MECHANISMS.build(name).properties.licences]


@pytest.mark.parametrize("name", TIED)
def test_equal_buyers_have_equal_chances(name):
    """Three bid .9 for units at .1 and .2, in books, or for one at .1; whoever wins, each is as likely."""
    rule = MECHANISMS.build(name)
    one = book([0.9] * 3, [0.1, 0.2] if rule.venue == "books" else [0.1])
    trades = rule.clear(side_by_side(one, TIES), np.random.default_rng(4))
    wins = np.bincount(one.buyer[trades.row % len(one)], minlength=3)
    assert wins.sum() > TIES / 10
    assert chisquare(wins).pvalue > UNLIKELY


@pytest.mark.parametrize("name", list(MECHANISMS))
def test_equal_listings_have_equal_chances(name):
    """Two buyers who want one of three listings, all alike."""
    rule = MECHANISMS.build(name)
    copies = 1 if "exclusive" in rule.properties.licences else UNLIMITED
    one = book([0.9] * 2, [0.1] * 3, capacity=copies)
    trades = rule.clear(side_by_side(one, TIES), np.random.default_rng(6))
    sold = np.bincount(one.listing[trades.row % len(one)], minlength=3)
    assert sold.sum() > TIES / 10
    assert chisquare(sold).pvalue > UNLIKELY


BOOK_RULES = [name for name in TIED if MECHANISMS[name].venue == "books" and name != "muda"]
"""In MUDA a buyer with rows in one half and one with rows in both meet at other prices; see its own law."""


@pytest.mark.parametrize("name", [*BOOK_RULES, "assignment", "ascending_assignment", "vcg_bundles"])
def test_ties_are_between_buyers_however_many_rows_they_have(name):
    """Buyer 0 may trade with three listings, buyer 1 with listing 0 alone: each wins half of the ties.

    Buyer 2 and listing 1 are the pair that some rules give up; the other listings are too dear.
    """
    rule = MECHANISMS.build(name)
    gives_up = name in ("mcafee", "sbba", "trade_reduction")
    keep = np.array([[1, 0, 1, 1], [1, 0, 0, 0], [0, 1, 0, 0]])
    one = book([6, 6, 5] if gives_up else [5, 5, 6], [1, 2, 9, 9], keep=keep)
    found = np.zeros(3)
    for outcome, count in drawn(rule, one, markets=TIES).items():
        for row in (row for row, _ in outcome if one.listing[row] == 0):
            found[one.buyer[row]] += count
    assert found.sum() > TIES / 3
    assert chisquare(found[:2]).pvalue > UNLIKELY
