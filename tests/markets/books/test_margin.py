"""Rules of call markets in thousands of random books at once, on columns of sorted bids and asks."""

import numpy as np
import pytest

from markets import theory
from markets.books.margin import Margin
from markets.mechanisms import MECHANISMS

BOOKS, MOST = 30_000, 8
TRUTHFUL = [
    {"name": "mcafee"},
    {"name": "mcafee", "lowest": 0.0, "highest": 1.0},
    {"name": "trade_reduction"},
    {"name": "sbba"},
    {"name": "sbba", "lottery": "buyers"},
    {"name": "two_sided_vcg"},
]


def books(seed=0):
    """Return falling bids and rising asks of 1 to 8 buyers and sellers, uniform on [0, 1]."""
    rng = np.random.default_rng(seed)
    bids, asks = rng.random((2, BOOKS, MOST))
    places = np.arange(MOST)
    bids[places >= rng.integers(1, MOST + 1, BOOKS)[:, None]] = -np.inf
    asks[places >= rng.integers(1, MOST + 1, BOOKS)[:, None]] = np.inf
    return -np.sort(-bids, axis=1), np.sort(asks, axis=1)


def first(column, count):
    """Return the sum of the first `count` entries of each book."""
    return np.where(np.arange(MOST) < count[:, None], column, 0.0).sum(axis=1)


def gains(terms, bids, asks):
    """Return the gains of the trades, in the mean over lotteries."""
    sides = [
        first(column, pool) * np.divide(terms.quantity, pool, out=np.zeros(BOOKS), where=pool > 0)
        for column, pool in ((bids, terms.bids), (asks, terms.units))
    ]
    return sides[0] - sides[1]


def test_margins_by_hand():
    """A book of github.com/erelsgl/auctions, one without trade, one without sellers."""
    bids = np.array([[17.0, 14, 13, 9, 6], [4, -np.inf, -np.inf, -np.inf, -np.inf]])
    asks = np.array([[1.0, 4, 5, 8, 11], [5, np.inf, np.inf, np.inf, np.inf]])
    margin = Margin.of(bids, asks)
    assert margin.quantity.tolist() == [4, 0]
    assert (margin.last_bid.tolist(), margin.last_ask.tolist()) == ([9, np.inf], [8, -np.inf])
    assert (margin.next_bid.tolist(), margin.next_ask.tolist()) == ([6, 4], [11, 5])
    assert (margin.low.tolist(), margin.high.tolist()) == ([8, 4], [9, 5])
    empty = Margin.of(np.array([3.0]), np.zeros(0))
    assert (int(empty.quantity), float(empty.next_bid), float(empty.next_ask)) == (0, 3.0, np.inf)


def test_the_interval_of_prices_is_two_neighbouring_reports():
    """[L, U] is the m-th and (m + 1)-th smallest report, in every draw (Satterthwaite and Williams 1989)."""
    rng = np.random.default_rng(1)
    for m, n in ((1, 1), (3, 5), (5, 3)):
        bids, asks = -np.sort(-rng.random((2000, m)), axis=1), np.sort(rng.random((2000, n)), axis=1)
        margin, reports = Margin.of(bids, asks), np.sort(np.concatenate([bids, asks], axis=1), axis=1)
        np.testing.assert_array_equal(margin.low, reports[:, m - 1])
        np.testing.assert_array_equal(margin.high, reports[:, m])


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 2), (5, 5), (3, 7)])
def test_means_of_uniform_books(m, n):
    """Gains m n / (2 (m + n + 1)), trades m n / (m + n), prices (m + k)/(m + n + 1), by order statistics."""
    rng = np.random.default_rng(m + n)
    bids, asks = -np.sort(-rng.random((BOOKS, m)), axis=1), np.sort(rng.random((BOOKS, n)), axis=1)
    margin, short = Margin.of(bids, asks), min(m, n)
    surplus = (bids[:, :short] - asks[:, :short]).clip(min=0).sum(axis=1)
    for samples, mean in (
        (surplus, theory.call_market_gains(m, n)),
        (margin.quantity, theory.call_market_quantity(m, n)),
        (margin.low, theory.call_market_price(m, n, 0.0)),
        (margin.high, theory.call_market_price(m, n, 1.0)),
    ):
        assert abs(samples.mean() - mean) < 5 * samples.std() / np.sqrt(BOOKS)


@pytest.mark.parametrize("spec", TRUTHFUL, ids=str)
def test_at_most_one_of_k_parts_is_lost(spec):
    """Efficiency is at least 1 - 1/K in 30,000 books, in the mean over the lottery.

    McAfee (1992), J. Economic Theory 56; Segal-Halevi, Hassidim and Aumann (2016), SAGT.
    """
    bids, asks = books()
    margin = Margin.of(bids, asks)
    k = margin.quantity
    best = first(bids, k) - first(asks, k)
    realised = gains(MECHANISMS.build(spec).terms(margin), bids, asks)
    assert (realised >= (1 - 1 / np.maximum(k, 1)) * best - 1e-12).all()
    assert (realised <= best + 1e-12).all()


def best_lie(spec, side):
    """Return the largest expected gain of a random trader's lie, over 30,000 books and a grid."""
    rule, rng = MECHANISMS.build(spec), np.random.default_rng(2)
    sides = list(books(1))
    own = 0 if side == "buyers" else 1
    sign = 1 if own == 0 else -1
    traders = np.isfinite(sides[own]).sum(axis=1)
    liar = (rng.random(BOOKS) * traders).astype(int)
    value = sides[own][np.arange(BOOKS), liar]

    def utility(report):
        told = list(sides)
        told[own] = sides[own].copy()
        told[own][np.arange(BOOKS), liar] = report
        told[own] = sign * -np.sort(-sign * told[own], axis=1)
        terms = rule.terms(Margin.of(*told))
        better = (sign * told[own] > (sign * report)[:, None]).sum(axis=1)
        pool, price = (terms.bids, terms.paid) if own == 0 else (terms.units, terms.received)
        chance = np.divide(terms.quantity, pool, out=np.zeros(BOOKS), where=better < pool)
        return chance * sign * (value - np.where(chance > 0, price, 0.0))

    honest = utility(value)
    lies = [np.full(BOOKS, lie) for lie in np.linspace(0.05, 0.95, 10)] + [value * 0.9, value * 1.1]
    return max(float((utility(np.clip(lie, 0, 1)) - honest).max()) for lie in lies)


@pytest.mark.parametrize("side", ["buyers", "sellers"])
@pytest.mark.parametrize("spec", TRUTHFUL, ids=str)
def test_nobody_gains_by_a_lie_in_any_of_the_books(spec, side):
    """McAfee 1992; Segal-Halevi, Hassidim and Aumann 2016; Vickrey 1961: nothing, but for rounding."""
    assert best_lie(spec, side) <= 1e-12


@pytest.mark.parametrize(
    ("k", "side", "gains"),
    [
        (0.5, "buyers", True),
        (0.5, "sellers", True),
        (0.0, "buyers", False),
        (0.0, "sellers", True),
        (1.0, "buyers", True),
        (1.0, "sellers", False),
    ],
)
def test_a_lie_pays_in_the_k_double_auction_for_whoever_sets_the_price(k, side, gains):
    """At k = 0 a trading buyer never sets it, at k = 1 no seller (Satterthwaite and Williams 1989)."""
    best = best_lie({"name": "k_double_auction", "k": k}, side)
    assert best > 0.1 if gains else best <= 1e-12
