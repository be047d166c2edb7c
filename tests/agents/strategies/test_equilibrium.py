"""Equilibrium bidders: nobody gains by leaving the equilibrium, in the registered mechanisms themselves."""

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from agents.strategies import STRATEGIES, AskView, BidView
from markets.mechanisms import MECHANISMS
from markets.orders.orders import Orders


def quotes(strategy, amounts, side, organisations):
    rows = len(amounts)
    who, nothing = np.arange(rows) % (organisations - 1) + 1, np.full(rows, np.nan)
    zeros = np.zeros(rows, dtype=np.int64)
    shown = {
        "buyer": who,
        "listing": zeros,
        "position": zeros,
        "standing_bid": nothing,
        "standing_ask": nothing,
        "opportunities": zeros + 1,
        "organisations": organisations,
        "listings": rows,
        "positions": 1,
        "memory": {},
        "rng": np.random.default_rng(0),
    }
    if side == "bid":
        return strategy.bid(BidView(value=amounts, gain=amounts, balance=zeros + 1.0, **shown))
    return strategy.ask(AskView(seller=zeros, cost=amounts, delivery=zeros * 0.0, **shown))


def mean_utility(mechanism, strategy, value, grid, bidders, utility, markets=20_000):
    """The expected utility of each bid of a grid, one listing a market, against rivals in equilibrium."""
    rng = np.random.default_rng(1)
    rivals = rng.random((markets, bidders - 1))
    told = np.nan_to_num(quotes(strategy, rivals.ravel(), "bid", bidders + 1)).reshape(rivals.shape)
    listing = np.repeat(np.arange(markets), bidders)
    buyer = np.tile(np.arange(1, bidders + 1), markets)
    zeros = np.zeros(len(buyer), dtype=np.int64)
    found = []
    for bid in grid:
        bids = np.concatenate([np.full((markets, 1), bid), told], axis=1).ravel()
        orders = Orders.of(
            buyer=buyer,
            seller=zeros,
            listing=listing,
            position=listing,
            bid=bids,
            ask=zeros + 1e-9,
            capacity=zeros + 1,
        )
        trades = mechanism.clear(orders, np.random.default_rng(2))
        won, paid = np.zeros(len(buyer)), np.zeros(len(buyer))
        won[trades.row], paid[trades.row] = 1, trades.paid
        paid[trades.levies.row] += trades.levies.paid
        mine = buyer == 1
        found.append(utility(value * won[mine] - paid[mine]).mean())
    return np.array(found)


@pytest.mark.parametrize(
    ("strategy", "mechanism", "bidders", "value", "bid"),
    [
        ({"name": "equilibrium_first_price"}, "first_price", 4, 0.7, 0.525),
        ({"name": "equilibrium_first_price", "risk_exponent": 0.5}, "first_price", 3, 0.8, 0.64),
        ({"name": "equilibrium_all_pay"}, "all_pay", 3, 0.8, 0.341333),
    ],
    ids=str,
)
def test_best_reply_to_the_equilibrium_is_the_equilibrium(strategy, mechanism, bidders, value, bid):
    """Krishna (2009), Auction Theory, ch. 2-4: the bids, and that none of a grid does better."""
    bidder = STRATEGIES.build(strategy)
    own = quotes(bidder, np.array([value]), "bid", bidders + 1)[0]
    assert own == pytest.approx(bid, abs=5e-7)
    grid = own + np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
    exponent = strategy.get("risk_exponent", 1.0)
    found = mean_utility(
        MECHANISMS.build(mechanism),
        bidder,
        value,
        grid,
        bidders,
        lambda x: np.sign(x) * np.abs(x) ** exponent,
    )
    assert np.argmax(found) == 2


def test_reserve_lifts_bids_and_keeps_low_values_out():
    """(n - 1)/n v + r^n / (n v^(n - 1)); Krishna (2009), Auction Theory, ch. 2."""
    bidder = STRATEGIES.build(
        {"name": "equilibrium_first_price", "reserve": 1.0, "highest": 2.0, "bidders": 2}
    )
    found = quotes(bidder, np.array([0.8, 1.0, 1.6, 2.0, 3.0]), "bid", 9)
    np.testing.assert_allclose(found, [np.nan, 1.0, 0.8 + 1 / 3.2, 1.25, 1.25])


def test_linear_equilibrium_of_bargaining_trades_where_it_should():
    """b = 2v/3 + 1/12, s = 2c/3 + 1/4, trade iff v >= c + 1/4; Chatterjee and Samuelson (1983)."""
    trader = STRATEGIES.build("equilibrium_chatterjee_samuelson")
    v, c = (a.ravel() for a in np.meshgrid(np.linspace(0.0, 1.0, 102)[1:], np.linspace(0.003, 0.99, 101)))
    bid, ask = quotes(trader, v, "bid", 3), quotes(trader, c, "ask", 3)
    assert ((bid <= v) & (ask >= c)).all()
    np.testing.assert_array_equal(bid >= ask, v >= c + 0.25)
    within = v >= 0.25
    np.testing.assert_allclose(bid[within], 2 * v[within] / 3 + 1 / 12)


@pytest.mark.parametrize("k", [0.2, 0.5, 1.0])
def test_no_bid_beats_the_linear_equilibrium(k):
    """Best replies on a grid, against asks in equilibrium, through the mechanism itself."""
    trader = STRATEGIES.build({"name": "equilibrium_chatterjee_samuelson", "k": k})
    rule = MECHANISMS.build({"name": "chatterjee_samuelson", "k": k})
    costs = (np.arange(4000) + 0.5) / 4000
    asks, seller = quotes(trader, costs, "ask", 3), np.arange(1, 4001)
    for value in (0.5, 0.7, 0.9):
        own = quotes(trader, np.array([value]), "bid", 3)[0]
        gains = []
        for bid in own + np.array([-0.1, -0.03, 0.0, 0.03, 0.1]):
            orders = Orders.of(
                buyer=np.zeros(4000, dtype=np.int64),
                seller=seller,
                listing=seller,
                position=seller,
                bid=np.full(4000, bid),
                ask=asks,
            )
            trades = rule.clear(orders, np.random.default_rng(0))
            gains.append((value - trades.paid).sum())
        assert np.argmax(gains) == 2


def test_scale_of_values_is_the_scale_of_quotes():
    for name in ("equilibrium_first_price", "equilibrium_all_pay"):
        small, large = (STRATEGIES.build({"name": name, "highest": h}) for h in (1.0, 4.0))
        values = np.linspace(0.1, 1, 7)
        np.testing.assert_allclose(quotes(large, 4 * values, "bid", 4), 4 * quotes(small, values, "bid", 4))


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"name": "equilibrium_first_price", "reserve": 2.0}, "reserve must be at most highest"),
        ({"name": "equilibrium_first_price", "risk_exponent": 0}, "risk_exponent"),
        ({"name": "equilibrium_all_pay", "highest": -1}, "highest"),
        ({"name": "equilibrium_chatterjee_samuelson", "low": 1.0}, "low must be below high"),
    ],
)
def test_bounds_of_parameters(spec, told):
    with pytest.raises(ValidationError, match=told):
        STRATEGIES.build(spec)


def test_strategies_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        STRATEGIES.build("equilibrium_all_pay").highest = 3.0
