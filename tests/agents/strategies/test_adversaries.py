"""Adversaries do what their names say, in markets small enough to reckon by hand."""

import numpy as np
import pytest

from agents.strategies import STRATEGIES, AskView, BidView, ClaimView, MergeView
from markets.mechanisms import MECHANISMS
from markets.orders.orders import Orders
from markets.theory import false_name_bid, ring_revenue
from tests.agents.strategies.scenes import bid_view


def bids_of(name, value, buyer, listing, organisations):
    rows, nothing = len(value), np.full(len(value), np.nan)
    view = BidView(
        buyer=np.asarray(buyer),
        listing=np.asarray(listing),
        value=np.asarray(value, dtype=float),
        gain=np.asarray(value, dtype=float),
        balance=np.ones(rows),
        position=np.zeros(rows, int),
        standing_bid=nothing,
        standing_ask=nothing,
        opportunities=np.ones(rows, int),
        organisations=organisations,
        listings=int(max(listing)) + 1,
        positions=1,
        memory={},
        rng=np.random.default_rng(0),
    )
    return STRATEGIES.build(name).bid(view)


def asks_of(strategy, cost, delivery):
    rows, nothing = len(cost), np.full(len(cost), np.nan)
    numbers = np.arange(rows)
    view = AskView(
        seller=numbers,
        buyer=numbers + rows,
        listing=numbers,
        cost=np.asarray(cost),
        delivery=np.full(rows, delivery),
        position=np.zeros(rows, int),
        standing_bid=nothing,
        standing_ask=nothing,
        opportunities=np.ones(rows, int),
        organisations=2 * rows,
        listings=rows,
        positions=1,
        memory={},
        rng=np.random.default_rng(0),
    )
    return STRATEGIES.build(strategy).ask(view)


def test_sellers_of_bad_blocks_ask_no_more_than_delivery_and_a_margin():
    for name in ("free_rider", "poisoner"):
        np.testing.assert_allclose(asks_of(name, [0.3, 0.0], 0.02), 0.02)
        np.testing.assert_allclose(asks_of({"name": name, "margin": 5.0}, [0.3], 0.02), 5.02)
        assert np.isnan(bids_of(name, [1.0, 2.0], [0, 1], [2, 2], 3)).all()
        claimed = STRATEGIES.build(name).claim(
            ClaimView(np.array([4]), np.array([0]), np.array([2.3]), best=0.4)
        )
        assert claimed == [0.4]
    np.testing.assert_allclose(asks_of("reseller", [0.3, 0.0], 0.02), 0.021)


def test_who_trains_and_who_claims_the_truth():
    trains = {name: STRATEGIES[name].trains for name in STRATEGIES}
    assert not trains["free_rider"]
    assert not trains["reseller"]
    assert trains["poisoner"]
    assert trains["truthful"]
    view = ClaimView(np.array([0]), np.array([0]), np.array([1.5]), best=0.4)
    assert STRATEGIES.build("truthful").claim(view) == [1.5]
    np.testing.assert_array_equal(STRATEGIES.build("truthful").teach(4), [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("spared", "classes", "expected"),
    [
        (None, 6, [0, 1, 2, 4, 5, 3]),
        (None, 5, [0, 1, 3, 4, 2]),
        (0, 3, [1, 2, 0]),
        (4, 3, [0, 1, 2]),
        (2, 3, [0, 1, 2]),
    ],
)
def test_poison_is_a_relabelling_of_the_classes_that_are_not_spared(spared, classes, expected):
    taught = STRATEGIES.build({"name": "poisoner", "spared": spared}).teach(classes)
    np.testing.assert_array_equal(taught, expected)
    np.testing.assert_array_equal(np.sort(taught), np.arange(classes))


def test_a_reseller_copies_whole_models():
    view = MergeView(np.array([1, 2]), np.array([0, 0]), np.array([0.3, 0.0]), np.array([0.1, 0.2]))
    np.testing.assert_array_equal(STRATEGIES.build("reseller").merge(view), [1, 1])


def test_a_ring_sends_its_highest_value_to_a_single_listing():
    bids = bids_of("ring", [0.4, 0.9, 0.6, 0.0], [1, 2, 5, 7], [0, 0, 0, 0], 8)
    np.testing.assert_array_equal(bids, [np.nan, 0.9, np.nan, np.nan])


def test_a_ring_shares_listings_out_for_the_largest_sum_of_values():
    """Members 0 and 1, listings 0 and 1: 3 + 5 beats 4 + 1."""
    bids = bids_of("ring", [4, 3, 5, 1], [0, 0, 1, 1], [0, 1, 0, 1], 4)
    np.testing.assert_array_equal(bids, [np.nan, 3, 5, np.nan])


@pytest.mark.parametrize(("bidders", "members"), [(4, 1), (4, 2), (6, 3), (5, 5)])
def test_a_ring_lowers_a_second_price_as_theory_says(bidders, members):
    """Graham and Marshall 1987, uniform values: the price falls to the best bid from outside."""
    rng = np.random.default_rng(members)
    values = rng.random((200_000, bidders))
    effective = np.concatenate([values[:, :members].max(axis=1)[:, None], values[:, members:]], axis=1)
    second = np.sort(effective, axis=1)[:, -2] if effective.shape[1] > 1 else np.zeros(len(values))
    assert second.mean() == pytest.approx(ring_revenue(bidders, members), abs=2e-3)
    assert ring_revenue(bidders, 1) == pytest.approx((bidders - 1) / (bidders + 1))


def optimal_prices(bids):
    """Return who buys at what when copies are sold at the deterministic optimal price, asks 0."""
    buyers = np.arange(len(bids))
    orders = Orders.of(
        buyer=buyers, seller=buyers * 0 + 99, listing=buyers * 0, bid=bids, ask=np.zeros(len(bids))
    )
    trades = MECHANISMS.build("dop").clear(orders, np.random.default_rng(0))
    return dict(zip(trades.buyer.tolist(), trades.paid.tolist(), strict=True))


@pytest.mark.parametrize(("buyers", "names"), [(2, 1), (2, 9), (5, 1), (5, 4), (8, 3)])
def test_false_names_lower_an_optimal_price_and_buy_nothing(buyers, names):
    """Yokoo, Sakurai and Matsubara 2004: with n alike, m names get the owner a block at (n-1/2)/(n+m-1)."""
    value, share = 10.0, false_name_bid(buyers, names)
    assert optimal_prices(np.full(buyers, value)) == dict.fromkeys(range(buyers), value)
    others = np.full(buyers - 1, value)
    owner = np.arange(buyers - 1, buyers + names)
    said = bids_of(
        "false_name", np.full(names + 1, value), owner, np.zeros(names + 1, int), buyers + names + 1
    )
    np.testing.assert_allclose(said, [value, *[share * value] * names])
    paid = optimal_prices(np.concatenate([others, said]))
    assert paid[buyers - 1] == pytest.approx(share * value)
    assert not set(owner[1:]) & set(paid)


def test_names_with_nothing_to_bid_for_bid_nothing():
    nothing = np.array([], int)
    view = bid_view({}, nothing, nothing.astype(float), 2)
    assert STRATEGIES.build("false_name").bid(view).shape == (0,)


def test_the_price_falls_only_within_the_interval():
    """Below (n - 1)/(n + m - 1) the offer stays, above n/(n + m - 1) the names must buy too."""
    for share, owner_pays, names_buy in ((0.49, 1.0, False), (0.51, 0.51, False), (0.99, 0.99, False)):
        paid = optimal_prices(np.array([1.0, 1.0, share]))
        assert paid[1] == pytest.approx(owner_pays)
        assert (2 in paid) == names_buy
    paid = optimal_prices(np.array([1.0, 1.0, 0.7, 0.7]))
    assert {2, 3} <= set(paid)


def test_names_of_an_owner_sell_nothing_and_use_nothing():
    strategy = STRATEGIES.build("false_name")
    asks = asks_of("false_name", [0.1, 0.2, 0.3], 0.0)
    np.testing.assert_array_equal(asks, [0.1, np.nan, np.nan])
    view = MergeView(
        np.array([3, 4]), np.array([0, 0]), np.array([0.3, 0.6]), np.array([0.1, 0.2]), {"owner": np.array(3)}
    )
    np.testing.assert_array_equal(strategy.merge(view), [0.3, 0.0])
