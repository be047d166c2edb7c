import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.benchmarks.order_flow import PlainOrderBook, order_book_stream
from markets.books.book_events import CANCEL, REPLACE, SUBMIT, BookEvents, Fill
from markets.books.gode_sunder_book import GodeSunderBook
from markets.books.order_book import OrderBook

COLUMNS = ("event", "incoming", "standing", "buyer", "seller", "price", "quantity")


@st.composite
def streams(draw, most=40):
    """Legal events with few traders, prices and quantities, so that ties and self-trades are common."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, traders, prices = draw(st.integers(1, most)), draw(st.integers(1, 5)), draw(st.integers(1, 8))
    fresh = rng.random(count) < draw(st.sampled_from([0.4, 0.7, 1.0]))
    fresh[0] = True
    submitted = np.cumsum(fresh)
    return BookEvents.of(
        action=np.where(fresh, SUBMIT, rng.choice([CANCEL, REPLACE], count)),
        order=np.where(fresh, submitted - 1, rng.integers(0, submitted)),
        trader=rng.integers(0, traders, count),
        is_bid=rng.random(count) < 0.5,
        price=rng.integers(0, prices, count),
        quantity=rng.integers(1, 4, count),
    )


def same(fills, others):
    return all(np.array_equal(getattr(fills, column), getattr(others, column)) for column in COLUMNS)


@given(streams())
@settings(deadline=None, max_examples=150)
def test_trades_are_those_of_a_plain_book(events):
    book, plain = OrderBook(), PlainOrderBook()
    assert same(book.process(events), plain.process(events))
    for best, is_bid in ((book.best_bid, True), (book.best_ask, False)):
        np.testing.assert_equal(best, plain.best(is_bid))
    depth = book.depth()
    for is_bid, price, quantity in (
        (True, depth.bid_price, depth.bid_quantity),
        (False, depth.ask_price, depth.ask_quantity),
    ):
        levels = sorted({o["price"] for o in plain.standing if o["is_bid"] == is_bid}, reverse=is_bid)
        assert price.tolist() == levels
        stand = [
            sum(o["quantity"] for o in plain.standing if (o["is_bid"], o["price"]) == (is_bid, p))
            for p in levels
        ]
        assert quantity.tolist() == stand


@given(streams())
@settings(deadline=None, max_examples=100)
def test_events_one_by_one_and_as_a_batch_are_the_same(events):
    batch, single, made = OrderBook().process(events), OrderBook(), []
    for action, order, trader, is_bid, price, quantity in events.rows():
        if action == SUBMIT:
            made += single.submit(order, trader, is_bid, price, quantity)
        elif action == CANCEL:
            single.cancel(order)
        else:
            made += single.replace(order, price, quantity)
    assert [tuple(fill) for fill in made] == list(
        zip(*(getattr(batch, column).tolist() for column in COLUMNS[1:]), strict=True)
    )


@given(streams())
@settings(deadline=None, max_examples=100)
def test_invariants(events):
    """No quotes of two traders cross, units are conserved, nobody trades with itself, at standing prices."""
    book, limit, sent, traded, gone = OrderBook(), {}, {}, {}, {}
    for action, order, trader, is_bid, price, quantity in events.rows():
        before = book.quantity(order) if order in limit else 0
        if action == SUBMIT:
            fills = book.submit(order, trader, is_bid, price, quantity)
            limit[order], sent[order] = (trader, is_bid, price), quantity
        elif action == REPLACE:
            fills = book.replace(order, price, quantity)
            if before:
                limit[order] = (*limit[order][:2], price)
                sent[order] += quantity - before
        else:
            fills, gone[order] = [], gone.get(order, 0) + book.cancel(order)
        for fill in fills:
            assert fill.incoming == order
            assert fill.buyer != fill.seller
            assert fill.price == limit[fill.standing][2]
            bid, ask = sorted((fill.incoming, fill.standing), key=lambda o: not limit[o][1])
            assert limit[bid][2] >= fill.price >= limit[ask][2]
            for party in (bid, ask):
                traded[party] = traded.get(party, 0) + fill.quantity
        standing = [(*limit[o], o) for o in limit if book.quantity(o)]
        bids = [(who, price) for who, is_bid, price, _ in standing if is_bid]
        asks = [(who, price) for who, is_bid, price, _ in standing if not is_bid]
        assert all(bid < ask for buyer, bid in bids for seller, ask in asks if buyer != seller)
        for number in limit:
            assert sent[number] == traded.get(number, 0) + gone.get(number, 0) + book.quantity(number)


def test_price_then_time():
    book = OrderBook()
    for order, price in enumerate([5.0, 4.0, 4.0, 6.0]):
        book.submit(order, order, False, price)
    fills = book.submit(9, 9, True, 5.0, quantity=4)
    assert [(fill.standing, fill.price) for fill in fills] == [(1, 4.0), (2, 4.0), (0, 5.0)]
    assert (book.quantity(9), book.best_bid, book.best_ask) == (1, 5.0, 6.0)


def test_part_of_an_order_trades_and_the_rest_keeps_its_place():
    book = OrderBook()
    book.submit(0, 0, True, 5.0, 3)
    book.submit(1, 1, True, 5.0, 1)
    assert book.submit(2, 2, False, 5.0, 2) == [Fill(2, 0, 0, 2, 5.0, 2)]
    assert [fill.standing for fill in book.submit(3, 3, False, 4.0, 2)] == [0, 1]


@pytest.mark.parametrize(
    ("price", "quantity", "first"), [(5.0, 1, 0), (5.0, 2, 0), (5.0, 3, 1), (4.0, 1, 1), (6.0, 2, 0)]
)
def test_a_replacement_keeps_its_time_only_if_it_asks_for_no_more(price, quantity, first):
    book = OrderBook()
    for order in (0, 1):
        book.submit(order, order, True, 5.0, 2)
    book.replace(0, price, quantity)
    assert book.submit(2, 2, False, 0.0)[0].standing == first


def test_a_replacement_that_crosses_trades():
    book = OrderBook()
    book.submit(0, 0, True, 4.0)
    book.submit(1, 1, False, 5.0)
    assert book.replace(0, 6.0, 1) == [Fill(0, 1, 0, 1, 5.0, 1)]


def test_own_orders_are_passed_over_and_keep_their_place():
    book = OrderBook()
    book.submit(0, 7, False, 3.0)
    book.submit(1, 8, False, 4.0)
    assert book.submit(2, 7, True, 5.0, 2) == [Fill(2, 1, 7, 8, 4.0, 1)]
    assert (book.best_bid, book.best_ask) == (5.0, 3.0)
    assert book.submit(3, 9, True, 3.0) == [Fill(3, 0, 9, 7, 3.0, 1)]


def test_strangers_are_passed_over():
    book = OrderBook(may_trade=lambda buyer, seller: buyer + seller != 3)
    book.submit(0, 1, False, 3.0)
    book.submit(1, 4, False, 4.0)
    assert [fill.standing for fill in book.submit(2, 2, True, 5.0)] == [1]


def test_too_late_is_no_mistake():
    book = OrderBook()
    book.submit(0, 0, True, 5.0)
    book.submit(1, 1, False, 5.0)
    assert (book.cancel(0), book.cancel(1), book.replace(0, 9.0, 1)) == (0, 0, [])
    assert math.isnan(book.best_bid)


def test_depth_by_level():
    book = OrderBook()
    for order, (is_bid, price, quantity) in enumerate(
        [(True, 4.0, 1), (True, 5.0, 2), (True, 5.0, 3), (False, 7.0, 4), (False, 6.0, 5)]
    ):
        book.submit(order, order, is_bid, price, quantity)
    whole, top = book.depth(), book.depth(levels=1)
    assert (whole.bid_price.tolist(), whole.bid_quantity.tolist()) == ([5.0, 4.0], [5, 1])
    assert (whole.ask_price.tolist(), whole.ask_quantity.tolist()) == ([6.0, 7.0], [5, 4])
    assert (top.bid_price.tolist(), top.ask_quantity.tolist()) == ([5.0], [5])


def test_cancelled_orders_do_not_pile_up():
    book = OrderBook()
    for order in range(5000):
        book.submit(order, 0, True, 1.0 + order % 7)
        book.cancel(order)
    assert len(book._heaps[True]) <= 65


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"price": math.nan}, "price must be finite and not negative; got nan"),
        ({"price": math.inf}, "price must be finite and not negative; got inf"),
        ({"price": -1.0}, "price must be finite and not negative; got -1.0"),
        ({"quantity": 0}, "quantity must be a whole number of at least 1; got 0"),
        ({"quantity": 1.5}, "quantity must be a whole number of at least 1; got 1.5"),
        ({"order": 0}, "order must be a number that was not used before; got 0"),
        ({"order": -1}, "order must be a whole number of at least 0; got -1"),
        ({"trader": -1}, "trader must be a whole number of at least 0; got -1"),
    ],
)
def test_bad_orders_are_refused(change, sentence):
    book = OrderBook()
    book.submit(0, 0, True, 1.0)
    with pytest.raises(ValueError, match=sentence):
        book.submit(**({"order": 1, "trader": 0, "is_bid": True, "price": 1.0, "quantity": 1} | change))
    if "order" not in change:
        columns = {"order": 1, "trader": 0, "is_bid": True, "price": 1.0, "quantity": 1} | change
        with pytest.raises(ValueError, match=f"events.{next(iter(change))} must"):
            BookEvents.of(**{name: [value] for name, value in columns.items()})


def test_unknown_orders_are_refused():
    with pytest.raises(ValueError, match="order must be the number of an order of this book; got 3"):
        OrderBook().cancel(3)
    with pytest.raises(ValueError, match="order must be the number of an order of this book; got 3"):
        OrderBook().replace(3, 1.0, 1)
    with pytest.raises(ValueError, match="order must be the number of an order of this book; got 3"):
        OrderBook().quantity(3)


@pytest.mark.parametrize(
    ("order", "action", "sentence"),
    [
        ([1, 2, 2], [0, 0, 0], "a number that was not used before, where it submits; got 2 in row 2"),
        ([0, 2, 3], [0, 0, 0], "a number that was not used before, where it submits; got 0 in row 0"),
        ([1, 2, 2], [0, 1, 0], "the number of an order that was submitted before; got 2 in row 1"),
        ([1, 5, 0], [0, 2, 1], "the number of an order that was submitted before; got 5 in row 1"),
    ],
)
def test_a_batch_with_a_bad_row_does_nothing(order, action, sentence):
    book = OrderBook()
    book.submit(0, 0, True, 1.0)
    batch = BookEvents.of(order=order, action=action, trader=[1] * 3, is_bid=[False] * 3, price=[0.5] * 3)
    with pytest.raises(ValueError, match=sentence):
        book.process(batch)
    assert (book.quantity(0), book.best_bid) == (1, 1.0)


def test_columns_of_events_must_fit():
    columns = {"order": [0, 1], "trader": [0, 1], "is_bid": [True, False], "price": [1.0, 2.0]}
    for change, sentence in (
        ({"price": [1.0]}, "events.price must have as many rows as order \\(2\\); got 1"),
        ({"is_bid": [1, 0]}, "events.is_bid must hold truth values; got int64"),
        ({"action": [0, 3]}, "events.action must be 0, 1 or 2; got 3 in row 1"),
    ):
        with pytest.raises(ValueError, match=sentence):
            BookEvents.of(**(columns | change))


def test_gode_sunder_rules():
    """Gode and Sunder 1993: only improvements stand, equal is none, and a trade wipes the book."""
    book = GodeSunderBook()
    assert book.submit(0, 0, True, 5.0) == book.submit(1, 1, True, 5.0) == book.submit(2, 2, False, 9.0) == []
    assert (book.best_bid, book.best_ask) == (5.0, 9.0)
    assert book.submit(3, 3, True, 6.0) == []
    assert book.submit(4, 4, False, 5.5) == [Fill(4, 3, 3, 4, 6.0, 1)]
    assert math.isnan(book.best_bid)
    assert math.isnan(book.best_ask)
    with pytest.raises(ValueError, match="price must be finite"):
        book.submit(5, 5, True, math.nan)


def test_gode_sunder_quotes_of_strangers_do_not_meet():
    book = GodeSunderBook(may_trade=lambda buyer, seller: (buyer, seller) == (0, 3))
    book.submit(0, 0, True, 5.0)
    assert book.submit(1, 2, False, 4.0) == []
    assert (book.best_bid, book.best_ask) == (5.0, 4.0)
    assert book.submit(2, 3, False, 4.5) == [Fill(2, 0, 0, 3, 5.0, 1)]


def test_the_streams_trade_like_a_market():
    """Shares of the events as stated, in the plain book and the fast one alike."""
    events = order_book_stream(3000, np.random.default_rng(0))
    book = OrderBook()
    fills = book.process(events)
    assert same(fills, PlainOrderBook().process(events))
    shares = np.bincount(events.action, minlength=3) / len(events)
    assert np.abs(shares - [0.6, 0.33, 0.07]).max() < 0.03
    assert 0.1 < len(np.unique(fills.event)) / len(events) < 0.3
    assert 10 < len(book.depth().bid_price) < 200
