import numpy as np
import pytest
from pydantic import ValidationError

from markets import theory
from markets.mechanisms.bargaining.chatterjee_samuelson import ChatterjeeSamuelson
from markets.mechanisms.bargaining.take_it_or_leave_it import TakeItOrLeaveIt
from tests.markets.mechanisms.samples import close, pairs
from tests.markets.strategies import random_orders

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("proposer", "prices"), [("seller", [1.0, 3.0]), ("buyer", [5.0, 3.0])])
def test_the_offer_is_the_price_and_an_offer_that_leaves_nothing_is_taken(proposer, prices):
    trades = TakeItOrLeaveIt(proposer=proposer).clear(pairs([5, 2, 3], [1, 3, 3]), RNG)
    assert trades.row.tolist() == [0, 2]
    assert trades.paid.tolist() == prices


@pytest.mark.parametrize(("proposer", "k"), [("seller", 0.0), ("buyer", 1.0)])
def test_it_is_an_end_of_the_sealed_bid_auction(proposer, k):
    for seed in range(10):
        orders = random_orders(np.random.default_rng(seed))
        offer = TakeItOrLeaveIt(proposer=proposer).clear(orders, np.random.default_rng(seed))
        sealed = ChatterjeeSamuelson(k=k).clear(orders, np.random.default_rng(seed))
        assert offer.row.tolist() == sealed.row.tolist()
        np.testing.assert_allclose(offer.paid, sealed.paid, rtol=1e-12)


@pytest.mark.parametrize("proposer", ["seller", "buyer"])
def test_best_offers_give_the_proposer_two_thirds_of_three_quarters(proposer):
    """Gains 1/8, of which 1/12 to the proposer (Samuelson 1984; a monopolist's price, Myerson 1981)."""
    v, c = np.random.default_rng(2).random((2, 40_000))
    offer = theory.best_offer(c if proposer == "seller" else v, proposer)
    told = pairs(v, offer) if proposer == "seller" else pairs(offer, c)
    trades = TakeItOrLeaveIt(proposer=proposer).clear(told, RNG)
    gains, mine = np.zeros((2, 40_000))
    gains[trades.row] = (v - c)[trades.row]
    mine[trades.row] = np.abs(trades.paid - (c if proposer == "seller" else v)[trades.row])
    assert close(gains, 1 / 8)
    assert close(mine, 1 / 12)


def test_best_offers_are_best():
    """A seller of cost 0.2 against uniform values, a buyer of value 0.8 against uniform costs."""
    offers = np.linspace(0, 1, 1001)
    best = offers[np.argmax((offers - 0.2) * (1 - offers))], offers[np.argmax((0.8 - offers) * offers)]
    assert best == pytest.approx((theory.best_offer(0.2, "seller"), theory.best_offer(0.8, "buyer")))


def test_only_the_two_sides_propose():
    with pytest.raises(ValidationError, match="proposer"):
        TakeItOrLeaveIt(proposer="broker")
