import numpy as np
import pytest

from markets import theory
from markets.books.margin import Margin
from markets.mechanisms.double_auctions.k_double_auction import KDoubleAuction
from markets.orders.orders import Orders
from tests.markets.strategies import book, books, by_market

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("bids", "asks", "trades", "price", "gains"),
    [
        ([9], [4], 1, 6.5, 5),
        ([9, 8], [4], 1, 8.5, 5),
        ([9], [3, 4], 1, 3.5, 6),
        ([9, 8], [3, 4], 2, 6, 10),
        ([9, 4], [3, 8], 1, 6, 6),
        ([17, 14, 13, 9, 6], [1, 4, 5, 8, 11], 4, 8.5, 35),
        ([17, 14, 13, 9, 6], [1, 4, 5, 8, 13], 4, 8.5, 35),
        ([10, 10, 10], [2, 2, 2], 3, 6, 24),
        ([5], [5], 1, 5, 0),
        ([4], [5], 0, None, 0),
    ],
)
def test_worked_examples(bids, asks, trades, price, gains):
    """Books of github.com/erelsgl/auctions (mcafee_protocol.py, mcafee_demo.py), cleared at k = 1/2."""
    orders = book(bids, asks)
    cleared = KDoubleAuction().clear(orders, RNG)
    assert len(cleared) == trades
    assert (cleared.paid == price).all()
    assert (cleared.received == cleared.paid).all()
    assert orders.surplus[cleared.row].sum() == gains


@pytest.mark.parametrize("k", [0.0, 0.25, 1.0])
def test_one_pair_trades_at_the_weighted_mean(k):
    """(1 - k) s + k b (Chatterjee and Samuelson 1983)."""
    assert KDoubleAuction(k=k).clear(book([8], [4]), RNG).paid.tolist() == [4 + 4 * k]


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 2), (3, 5), (5, 5)])
def test_uniform_markets(m, n):
    """[L, U] is the m-th and (m + 1)-th report (Satterthwaite and Williams 1989); the means follow."""
    rng = np.random.default_rng(10 * m + n)
    bids, asks = rng.random((1000, m)), rng.random((1000, n))
    low, high = np.transpose([theory.call_market_interval(*each) for each in zip(bids, asks, strict=True)])
    orders = books(bids, asks)
    trades = KDoubleAuction(k=0.0).clear(orders, rng)
    assert (trades.paid == low[orders.position[trades.row]]).all()
    quantity = by_market(orders, trades.row)
    terms = KDoubleAuction(k=1.0).terms(Margin.of(-np.sort(-bids), np.sort(asks)))
    assert (terms.quantity == quantity).all()
    assert (terms.paid == high)[quantity > 0].all()
    gains, middle = by_market(orders, trades.row, orders.surplus[trades.row]), (low + high) / 2
    for samples, expected in (
        (gains, theory.call_market_gains(m, n)),
        (quantity, theory.call_market_quantity(m, n)),
        (middle, theory.call_market_price(m, n, 0.5)),
    ):
        assert abs(np.mean(samples) - expected) < 5 * np.std(samples) / np.sqrt(1000)


def test_winners_are_matched_by_the_largest_sum_of_gains():
    trades = KDoubleAuction().clear(book([9, 8], [1, 2], gain=[[5, 4], [4, 0]]), RNG)
    assert list(zip(trades.buyer, trades.listing, strict=True)) == [(0, 1), (1, 0)]


def test_a_pair_without_a_row_never_trades_and_the_most_pairs_do():
    """Matching buyer 0 to its best unit 0 would leave buyer 1 with nothing."""
    trades = KDoubleAuction().clear(book([9, 8], [1, 2], gain=[[9, 0], [1, 0]], keep=[[1, 1], [1, 0]]), RNG)
    assert list(zip(trades.buyer, trades.listing, strict=True)) == [(0, 1), (1, 0)]
    trades = KDoubleAuction().clear(book([9, 8], [1, 2], keep=[[1, 0], [1, 0]]), RNG)
    assert len(trades) == 1


def test_copies_supply_the_book_and_cap_the_price():
    trades = KDoubleAuction(k=1.0).clear(book([9, 8, 7], [3], capacity=2**40), RNG)
    assert trades.paid.tolist() == [7.0] * 3
    trades = KDoubleAuction(k=1.0).clear(book([9, 8, 7], [3, 5], capacity=2**40), RNG)
    assert trades.paid.tolist() == [5.0] * 3
    assert trades.listing.tolist() == [0] * 3


def test_a_listing_supplies_no_more_than_can_take_it():
    """Unlimited copies of listing 0 that only buyer 0 may take leave room for listing 1."""
    trades = KDoubleAuction().clear(book([9, 8], [3, 5], capacity=2**40, keep=[[1, 0], [0, 1]]), RNG)
    assert (trades.listing.tolist(), trades.paid.tolist()) == ([0, 1], [6.5, 6.5])


def test_listings_tied_at_the_margin_take_turns():
    trades = KDoubleAuction().clear(book([9, 8, 7, 6], [3, 3], capacity=4), RNG)
    assert np.bincount(trades.listing).tolist() == [2, 2]


def test_positions_are_markets_of_their_own():
    orders = Orders.of(
        buyer=[0, 0], seller=[1, 1], listing=[0, 1], position=[0, 1], bid=[8.0, 6.0], ask=[4.0, 2.0]
    )
    assert KDoubleAuction().clear(orders, RNG).paid.tolist() == [6.0, 4.0]


@pytest.mark.parametrize(
    ("bid", "ask", "sentence"),
    [
        ([9.0, 8.0], [1.0, 1.0], r"orders\.bid must be the same in all of a buyer's rows of a position"),
        ([9.0, 9.0], [1.0, 1.0], None),
    ],
)
def test_a_buyer_has_one_bid(bid, ask, sentence):
    orders = Orders.of(buyer=[0, 0], seller=[1, 2], listing=[0, 1], bid=bid, ask=ask)
    if sentence is None:
        assert len(KDoubleAuction().clear(orders, RNG)) == 1
    else:
        with pytest.raises(ValueError, match=sentence):
            KDoubleAuction().clear(orders, RNG)


def test_a_listing_has_one_ask_and_demand_is_one():
    orders = Orders.of(buyer=[0, 2], seller=[1, 1], listing=[0, 0], bid=[9.0, 8.0], ask=[1.0, 2.0])
    with pytest.raises(
        ValueError, match=r"orders\.ask must be the same in all of a listing's rows.*got 2\.0"
    ):
        KDoubleAuction().clear(orders, RNG)
    greedy = Orders.of(buyer=[0], seller=[1], listing=[0], bid=[9.0], ask=[1.0], demand=2)
    with pytest.raises(ValueError, match=r"orders\.demand must be at most 1 for KDoubleAuction; got 2"):
        KDoubleAuction().clear(greedy, RNG)
