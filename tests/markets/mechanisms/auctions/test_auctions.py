import numpy as np
import pytest

from markets import theory
from markets.mechanisms.auctions.first_price import FirstPrice
from markets.mechanisms.auctions.second_price import SecondPrice
from markets.mechanisms.offered_prices.posted_price import PostedPrice
from markets.orders.orders import Orders

RNG = np.random.default_rng(0)


def auction(bids, reserve=0.0, capacity=1):
    n = len(bids)
    return Orders.of(
        buyer=np.arange(n) + 1,
        seller=[0] * n,
        listing=[0] * n,
        bid=bids,
        ask=[reserve] * n,
        capacity=[capacity] * n,
    )


def many_auctions(values, reserve, capacity=1):
    """Independent auctions, one a row of `values`, as one market."""
    auctions, n = values.shape
    listing = np.repeat(np.arange(auctions), n)
    return Orders.of(
        buyer=1 + np.arange(auctions * n),
        seller=np.zeros(auctions * n, int),
        listing=listing,
        bid=values.ravel(),
        ask=np.full(auctions * n, reserve),
        capacity=np.full(auctions * n, capacity),
    )


def close(samples, expected):
    """Within five standard errors of the mean."""
    return abs(np.mean(samples) - expected) < 5 * np.std(samples) / np.sqrt(len(samples))


@pytest.mark.parametrize(
    ("bids", "reserve", "capacity", "winners", "price"),
    [
        ([5, 3, 4], 1, 1, [1], 4),
        ([5], 2, 1, [1], 2),
        ([5], 0, 1, [1], 0),
        ([5, 3], 4, 1, [1], 4),
        ([5, 5], 4, 1, None, 5),
        ([3, 2], 4, 1, [], None),
        ([5, 3, 4], 1, 2, [1, 3], 3),
        ([5, 3, 4], 1, 3, [1, 2, 3], 1),
    ],
)
def test_second_price_by_hand(bids, reserve, capacity, winners, price):
    """The larger of reserve and highest losing bid (Vickrey 1961); a price of 0 is a sale."""
    trades = SecondPrice().clear(auction(bids, reserve, capacity), RNG)
    assert winners is None or trades.buyer.tolist() == winners
    assert (trades.paid == price).all()
    assert len(trades) == (1 if winners is None else len(winners))


def test_second_price_with_asks_that_differ_pays_the_own_ask_plus_the_best_losing_surplus():
    orders = Orders.of(
        buyer=[1, 2], seller=[0, 0], listing=[0, 0], bid=[9.0, 8.0], ask=[5.0, 1.0], capacity=[1, 1]
    )
    trades = SecondPrice().clear(orders, RNG)
    assert (trades.buyer.tolist(), trades.paid.tolist()) == ([2], [5.0])


def test_second_price_of_unlimited_copies_is_the_ask():
    trades = SecondPrice().clear(auction([5, 3, 4], 1.5, capacity=2**40), RNG)
    assert trades.paid.tolist() == [1.5] * 3


def test_first_price_by_hand():
    trades = FirstPrice().clear(auction([3, 5, 4], 1), RNG)
    assert (trades.buyer.tolist(), trades.paid.tolist(), trades.received.tolist()) == ([2], [5], [5])
    assert len(FirstPrice().clear(auction([1, 2], 3), RNG)) == 0


def test_ties_are_broken_evenly():
    orders = many_auctions(np.ones((4000, 2)), 0.0)
    winner = FirstPrice().clear(orders, np.random.default_rng(1)).row % 2
    assert close(winner, 0.5)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_revenue_is_equivalent_for_uniform_values(n):
    """(n - 1)/(n + 1) for both formats, bidders 1/(n + 1) (Vickrey 1961)."""
    values = np.random.default_rng(n).random((8000, n))
    sold = FirstPrice().clear(many_auctions(theory.first_price_bid(values, n), 0.0), RNG)
    assert close(sold.received, theory.auction_revenue(n))
    orders = many_auctions(values, 0.0)
    sold = SecondPrice().clear(orders, RNG)
    assert close(sold.received, theory.auction_revenue(n))
    assert close(orders.bid[sold.row] - sold.paid, theory.auction_bidders_surplus(n))


@pytest.mark.parametrize(("n", "revenue"), [(1, 1 / 4), (2, 5 / 12)])
def test_revenue_with_the_optimal_reserve(n, revenue):
    """Myerson 1981: reserve 1/2 for uniform values; 1/4 and 5/12 for one and two bidders."""
    values = np.random.default_rng(n).random((8000, n))
    orders = many_auctions(values, 0.5)
    sold = np.zeros(8000)
    trades = SecondPrice().clear(orders, RNG)
    sold[trades.listing] = trades.received
    assert close(sold, revenue)
    bids = np.nan_to_num(theory.first_price_bid(values, n, reserve=0.5))
    first = np.zeros(8000)
    trades = FirstPrice().clear(many_auctions(bids, 0.5), RNG)
    first[trades.listing] = trades.received
    assert close(first, revenue)


@pytest.mark.parametrize("price", [0.3, 0.5])
def test_posted_price_gains_and_revenue(price):
    """One uniform pair p (1 - p)/2 (Hagerty and Rogerson 1987); unlimited copies n p (1 - p)."""
    rng = np.random.default_rng(3)
    pairs = Orders.of(
        buyer=np.arange(20_000) + 1,
        seller=np.zeros(20_000, int),
        listing=np.arange(20_000),
        bid=rng.random(20_000),
        ask=rng.random(20_000),
    )
    gains = np.zeros(20_000)
    rows = PostedPrice(price=price).clear(pairs, RNG).row
    gains[rows] = pairs.surplus[rows]
    assert close(gains, theory.posted_price_gains(price))

    copies = many_auctions(rng.random((4000, 3)), 0.0, capacity=2**40)
    trades = PostedPrice(price=price).clear(copies, RNG)
    assert close(np.bincount(trades.listing, trades.paid, 4000), theory.posted_price_revenue(price, 3))
    value = np.bincount(trades.listing, copies.bid[trades.row], 4000)
    assert close(value, 3 * theory.posted_price_welfare(price))


def test_posted_price_draws_lots_on_the_long_side():
    """Every taker is as likely to be served, whatever it would pay."""
    values = np.tile([0.5, 0.7, 0.9], (6000, 1))
    trades = PostedPrice(price=0.4).clear(many_auctions(values, 0.0), np.random.default_rng(2))
    share = np.bincount(trades.row % 3) / 6000
    assert np.abs(share - 1 / 3).max() < 5 * np.sqrt(2 / 9 / 6000)
    assert (trades.paid == 0.4).all()


def test_posted_price_without_a_price_takes_the_ask_and_the_best_listing():
    orders = Orders.of(buyer=[1, 1], seller=[0, 2], listing=[0, 1], bid=[5.0, 4.0], ask=[3.0, 1.0])
    trades = PostedPrice().clear(orders, RNG)
    assert (trades.listing.tolist(), trades.paid.tolist()) == ([1], [1.0])
