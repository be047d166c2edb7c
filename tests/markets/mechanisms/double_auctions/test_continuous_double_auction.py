import numpy as np
import pytest
from pydantic import ValidationError

from markets.mechanisms.double_auctions.continuous_double_auction import ContinuousDoubleAuction
from markets.orders.orders import Orders, first_best
from tests.markets.laws import side_by_side
from tests.markets.strategies import book, books, by_market, random_orders

RULES = [ContinuousDoubleAuction(), ContinuousDoubleAuction(variant="gode_sunder", passes=3)]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_price_is_a_quote_of_one_of_the_two(rule):
    rng = np.random.default_rng(0)
    for _ in range(50):
        orders = book(rng.random(6), rng.random(6) / 2)
        trades = rule.clear(orders, rng)
        standing = np.stack([orders.bid[trades.row], orders.ask[trades.row]])
        assert ((trades.paid == standing).any(axis=0)).all()
        assert np.array_equal(trades.paid, trades.received)


def test_nothing_is_left_that_could_trade():
    """Among quotes that stand until they trade, no pair that exists is left over with a bid above the ask."""
    rng = np.random.default_rng(1)
    for _ in range(60):
        orders = random_orders(rng, 5, 5, density=0.6, whole=4, capacity=1, one_quote=True)
        trades = RULES[0].clear(orders, rng)
        left = ~np.isin(orders.buyer, trades.buyer) & ~np.isin(orders.listing, trades.listing)
        assert (orders.surplus[left] < 0).all()


def test_equal_pairs_are_all_served():
    """Every buyer above every seller, and all alike: efficiency is 1 (Gode and Sunder 1993)."""
    orders = book([9] * 6, [2] * 6)
    for seed in range(20):
        assert len(RULES[0].clear(orders, np.random.default_rng(seed))) == 6
        many = ContinuousDoubleAuction(variant="gode_sunder", passes=30)
        assert len(many.clear(orders, np.random.default_rng(seed))) == 6


def test_more_passes_bring_more_trades():
    rng = np.random.default_rng(3)
    orders = books(rng.random((100, 8)), rng.random((100, 8)))
    rules = [ContinuousDoubleAuction(variant="gode_sunder", passes=passes) for passes in (1, 2, 20)]
    traded = [len(rule.clear(orders, np.random.default_rng(0))) for rule in rules]
    assert traded[0] < traded[1] < traded[2]


def test_who_comes_first_is_a_fair_draw():
    """A complete market of four by four: bids and asks stand equally often, whichever buyer it is."""
    one, low, pairs = book([8] * 4, [2] * 4), 0, np.zeros(16)
    orders = side_by_side(one, 250)
    for seed in range(8):
        trades = RULES[0].clear(orders, np.random.default_rng(seed))
        low += (trades.paid == 2).sum()
        pairs += np.bincount(trades.row % len(one), minlength=16)
    assert abs(low / 8000 - 0.5) < 5 * 0.5 / np.sqrt(2000)
    assert np.abs(pairs / 2000 - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 2000)


def test_a_listing_sells_its_copies_one_after_the_other():
    trades = RULES[0].clear(book([9, 8, 7], [3], capacity=2), np.random.default_rng(0))
    assert len(trades) == 2
    assert len(RULES[0].clear(book([9, 8, 7], [3], capacity=2**40), np.random.default_rng(0))) == 3


def test_luck_costs_gains():
    """Low values may trade with low costs: less than the first best on average, never more."""
    rng = np.random.default_rng(4)
    orders = books(rng.random((200, 10)), rng.random((200, 10)))
    row = RULES[0].clear(orders, rng).row
    shares = by_market(orders, row, orders.surplus[row]) / by_market(orders, *first_best(orders))
    assert max(shares) <= 1 + 1e-12
    assert 0.6 < np.mean(shares) < 0.97


def test_one_quote_for_a_grade():
    orders = Orders.of(buyer=[2, 2], seller=[0, 1], listing=[0, 1], bid=[9.0, 8.0], ask=[1.0, 1.0])
    with pytest.raises(ValueError, match=r"orders\.bid must be the same in all of a buyer's rows"):
        RULES[0].clear(orders, np.random.default_rng(0))


@pytest.mark.parametrize("change", [{"variant": "call"}, {"passes": 0}])
def test_parameters_out_of_range_are_refused(change):
    with pytest.raises(ValidationError):
        ContinuousDoubleAuction(**change)
