"""Each strategy does what its name says; the rules that all keep are in test_conformance."""

import numpy as np
import pytest
from pydantic import ValidationError

from agents.strategies import STRATEGIES, AskView, BidView, MergeView, Strategy


def views(seed=0, organisations=4):
    rng = np.random.default_rng(1)
    buyer, seller = (a.ravel() for a in np.nonzero(~np.eye(organisations, dtype=bool)))
    rows = len(buyer)
    value, cost = rng.random(rows), rng.random(rows) / 2
    value[::5] = 0.0
    shown = {
        "buyer": buyer,
        "listing": seller,
        "position": np.zeros(rows, int),
        "standing_bid": np.full(rows, np.nan),
        "standing_ask": np.full(rows, np.nan),
        "opportunities": np.ones(rows, int),
        "organisations": organisations,
        "listings": organisations,
        "positions": 1,
        "memory": {},
    }
    ask_rng, bid_rng = np.random.default_rng(seed), np.random.default_rng(seed)
    ask = AskView(seller=seller, cost=cost, delivery=np.full(rows, 0.01), **shown, rng=ask_rng)
    bid = BidView(value=value, gain=value, balance=np.ones(rows), **shown, rng=bid_rng)
    return ask, bid


def test_truthful_shading_altruist_recluse():
    ask, bid = views()
    worth = bid.value > 0
    truthful, shading = STRATEGIES.build("truthful"), STRATEGIES.build({"name": "shading", "fraction": 0.25})
    np.testing.assert_array_equal(truthful.ask(ask), ask.cost)
    np.testing.assert_array_equal(truthful.bid(bid)[worth], bid.value[worth])
    assert np.isnan(truthful.bid(bid)[~worth]).all()
    np.testing.assert_allclose(shading.bid(bid)[worth], 0.75 * bid.value[worth])
    np.testing.assert_allclose(shading.ask(ask), 1.25 * ask.cost)
    np.testing.assert_array_equal(STRATEGIES.build("altruist").ask(ask), ask.delivery)
    assert np.isnan(STRATEGIES.build("recluse").ask(ask)).all()
    assert np.isnan(STRATEGIES.build("recluse").bid(bid)).all()


def test_zero_intelligence_never_trades_at_a_loss():
    """Gode and Sunder 1993: ZI-C bids are uniform below the value, asks uniform above the cost."""
    strategy = STRATEGIES.build({"name": "zero_intelligence", "highest": 0.3})
    for seed in range(50):
        ask, bid = views(seed)
        asks, bids = strategy.ask(ask), strategy.bid(bid)
        assert np.all(asks >= ask.cost)
        assert np.all(asks <= np.maximum(ask.cost, 0.3))
        assert np.all((bids <= bid.value) | np.isnan(bids))
    shares = np.concatenate(
        [strategy.bid(b)[b.value > 0] / b.value[b.value > 0] for b in (views(s)[1] for s in range(400))]
    )
    assert abs(shares.mean() - 0.5) < 5 * np.sqrt(1 / 12 / len(shares))


def test_the_trials_weight_is_merged_by_default():
    view = MergeView(np.array([0]), np.array([1]), np.array([0.3]), np.array([0.1]))
    assert STRATEGIES.build("truthful").merge(view) == [0.3]


def test_a_wrong_signature_fails_at_import():
    class Askew(Strategy):
        """Asks without a view."""

        def ask(self):
            return 1.0

    with pytest.raises(TypeError, match=r"strategy Askew: ask must take \(self, view\)"):
        STRATEGIES.check(Askew)
    with pytest.raises(ValueError, match=r"strategy must be one of .*altruist"):
        STRATEGIES.build("honest")
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        STRATEGIES.build({"name": "shading", "fraction": 2})
