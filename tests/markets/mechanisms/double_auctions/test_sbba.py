from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from markets.mechanisms.double_auctions.sbba import SBBA
from markets.orders.orders import first_best
from tests.markets.laws import outcomes, side_by_side
from tests.markets.strategies import book, books, by_market, crowds

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("bids", "asks", "trades", "price", "gains"),
    [
        ([9], [4], 0, None, 0),
        ([9, 8], [4], 0, None, 0),
        ([9], [3, 4], 1, 4, 6),
        ([9, 8], [3, 4], 1, 8, 5.5),
        ([9, 4], [3, 8], 1, 8, 6),
        ([17, 14, 13, 9, 6], [1, 4, 5, 8, 11], 3, 9, 30.5),
        ([17, 14, 13, 9, 6], [1, 4, 5, 8, 13], 3, 9, 30.5),
        ([10, 10, 10], [2, 2, 2], 2, 10, 16),
        ([4], [5], 0, None, 0),
    ],
)
def test_worked_examples(bids, asks, trades, price, gains):
    """Books of github.com/erelsgl/auctions; gains are means over the lottery."""
    orders = side_by_side(book(bids, asks), 400)
    cleared = SBBA().clear(orders, np.random.default_rng(1))
    assert (by_market(orders, cleared.row) == trades).all()
    assert (cleared.paid == price).all()
    assert (cleared.received == cleared.paid).all()
    realised = by_market(orders, cleared.row, orders.surplus[cleared.row])
    assert abs(np.mean(realised) - gains) <= 5 * np.std(realised) / np.sqrt(400)


@pytest.mark.parametrize(
    ("bids", "asks"), [([9, 8], [3, 4]), ([9, 7], [3, 4, 6]), ([9, 8, 6, 5], [3, 4, 5, 6])]
)
def test_the_lottery_among_buyers_is_the_mirror_image(bids, asks):
    """Bids for asks and asks for bids, both taken from 10: the same outcomes at prices taken from 10."""
    orders, mirrored = book(bids, asks), book([10 - ask for ask in asks], [10 - bid for bid in bids])

    def found(rule, market, buyers, listings, price):
        trades = rule.clear(side_by_side(market, 200), np.random.default_rng(0))
        return {
            (
                tuple(sorted(int(buyers[row]) for row, _ in outcome)),
                tuple(sorted(int(listings[row]) for row, _ in outcome)),
                tuple(price(paid) for _, paid in outcome),
            )
            for outcome in outcomes(trades, len(market), 200)
        }

    ours = found(SBBA(lottery="buyers"), orders, orders.buyer, orders.listing, lambda paid: 10 - paid)
    assert ours == found(SBBA(), mirrored, mirrored.listing, mirrored.buyer, lambda paid: paid)


def test_the_last_ask_sets_the_price_and_a_buyer_goes_home():
    """K = 2 of (9, 8 | 3, 4): nobody is left out, so p = s_2 = 4 and seller 0 meets one of the two buyers."""
    orders = book([9, 8], [3, 4])
    sold = [SBBA(lottery="buyers").clear(orders, np.random.default_rng(seed)) for seed in range(40)]
    assert {trades.paid.tolist()[0] for trades in sold} == {4.0}
    assert {trades.listing.tolist()[0] for trades in sold} == {0}
    assert {trades.buyer.tolist()[0] for trades in sold} == {0, 1}


def test_listings_of_several_units_take_turns_in_line():
    """Whoever is first in line, the second unit of listing 0 is behind both."""
    orders = book([9, 8, 7], [3, 4])
    orders = replace(orders, capacity=np.where(orders.listing == 0, 2, 1))
    for seed in range(20):
        trades = SBBA().clear(orders, np.random.default_rng(seed))
        assert (trades.listing.tolist().count(0), trades.paid.tolist()) == (1, [7.0, 7.0])


def test_a_next_ask_equal_to_the_last_bid_lets_everybody_trade():
    assert SBBA().clear(book([9, 6], [3, 5, 6]), RNG).paid.tolist() == [6.0, 6.0]


def test_copies_left_over_are_sold_at_the_ask_to_all():
    trades = SBBA().clear(book([9, 8, 2], [3], capacity=2**40), RNG)
    assert trades.paid.tolist() == [3.0, 3.0]


def test_at_most_one_pair_is_lost_on_average():
    """Efficiency is at least 1 - 1/K in the mean over the lottery (Segal-Halevi et al. 2016)."""
    rng = np.random.default_rng(1)
    bids, asks = crowds(rng, 60, 5), crowds(rng, 60, 5)
    orders, many = books(bids, asks), books(bids.repeat(40, axis=0), asks.repeat(40, axis=0))
    rows, gains = first_best(orders)
    k, best = by_market(orders, rows), by_market(orders, rows, gains)
    row = SBBA().clear(many, rng).row
    realised = by_market(many, row, many.surplus[row]).reshape(60, 40)
    error = 5 * realised.std(axis=1) / np.sqrt(40) + 1e-12
    assert (realised.mean(axis=1) >= (1 - 1 / np.maximum(k, 1)) * best - error).all()


def test_a_side_that_does_not_exist_has_no_lottery():
    with pytest.raises(ValidationError):
        SBBA(lottery="everybody")
