import numpy as np
import pytest

from markets.accounts.money import rescaled
from markets.orders.orders import Orders
from markets.priors.past_bids import BidSample, PastBids
from tests.markets.priors.test_empirical import best_price
from tests.markets.strategies import random_orders


def market(bids, seller=0, position=0, ask=0.0):
    n = len(bids)
    return Orders.of(
        buyer=np.arange(n) + 1,
        seller=[seller] * n,
        listing=[seller] * n,
        position=[position] * n,
        bid=bids,
        ask=[ask] * n,
    )


def learned(prior, *rounds):
    for orders in rounds:
        prior = prior.after(orders)
    return prior


def test_until_enough_is_known_the_price_is_the_ask():
    first = market([4, 3, 5], ask=1)
    assert PastBids(least=1).price(first).tolist() == [1, 1, 1]
    assert learned(PastBids(least=3), first).price(first).tolist() == [1, 1, 1]
    assert learned(PastBids(least=2), first).price(first).tolist() == [3, 4, 3]


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("pool", ["market", "seller"])
@pytest.mark.parametrize("guard", [0.0, 0.3])
def test_prices_are_those_of_the_rule(own, pool, guard):
    """Each row by itself, from the bids of its position, of its seller and of others as the prior says."""
    prior = PastBids(pool=pool, own=own, least=3, guard=guard)
    rounds = [
        random_orders(np.random.default_rng(seed), 5, 4, positions=2, density=0.8, traders=True, whole=6)
        for seed in range(3)
    ]
    prior, now = learned(prior, *rounds[:2]), rounds[2]
    past = [
        np.concatenate([getattr(o, name) for o in rounds[:2]]) for name in ("buyer", "seller", "position")
    ]
    bid = np.concatenate([o.bid for o in rounds[:2]])
    for row, price in enumerate(prior.price(now)):
        counts = past[2] == now.position[row]
        if not own:
            counts &= past[0] != now.buyer[row]
        if pool == "seller":
            counts &= past[1] == now.seller[row]
        sample = bid[counts] if counts.sum() >= 3 else np.array([])
        assert price == best_price(sample, now.ask[row], guard)


def test_a_buyers_own_bids_do_not_reach_its_price_unless_asked_for():
    honest, low = market([8, 6, 5]), market([1, 6, 5])
    others, all_bids = PastBids(least=1), PastBids(least=1, own=True)
    assert learned(others, honest).price(honest)[0] == learned(others, low).price(honest)[0]
    assert learned(all_bids, honest).price(honest)[0] > 4 > learned(all_bids, low).price(honest)[0] - 2


def test_the_window_holds_the_latest_bids_of_each_pool():
    rounds = [market([t, t + 0.5], position=t % 2) for t in range(6)]
    prior = learned(PastBids(window=3), *rounds)
    assert prior.seen.bid.tolist() == [2.5, 3.5, 4, 4.5, 5, 5.5]
    by_seller = [market([t], seller=7 + t % 2) for t in range(6)]
    prior = learned(PastBids(window=1, pool="seller"), *by_seller)
    assert (prior.seen.seller.tolist(), prior.seen.bid.tolist()) == ([7, 8], [4, 5])


def test_long_and_short_tables_give_the_same_prices(monkeypatch):
    rounds = [random_orders(np.random.default_rng(seed), 6, 5) for seed in range(4)]
    prior = learned(PastBids(least=2), *rounds)
    whole = prior.price(rounds[0])
    monkeypatch.setattr("markets.priors.past_bids._CELLS", 7)
    assert prior.price(rounds[0]).tolist() == whole.tolist()


def test_memory_is_kept_as_columns():
    prior = learned(PastBids(least=1), market([4, 3, 5]), market([2, 9], seller=8))
    again = PastBids(least=1).with_memory(prior.memory())
    now = market([4, 4, 4, 4])
    assert again.price(now).tolist() == prior.price(now).tolist()
    assert {name: column.dtype.kind for name, column in prior.memory().items()} == {
        "buyer": "i",
        "seller": "i",
        "position": "i",
        "bid": "f",
    }
    doubled = rescaled(prior, 2).price(now.reporting(now.bid * 2, now.ask * 2))
    assert doubled.tolist() == (prior.price(now) * 2).tolist()


def test_damaged_memory_is_refused():
    memory = learned(PastBids(), market([4, 3])).memory()
    with pytest.raises(ValueError, match="past bids must have the columns buyer, seller, position, bid"):
        BidSample.of({"bid": [1.0]})
    with pytest.raises(ValueError, match=r"past_bids\.bid must be finite and not negative; got nan"):
        PastBids().with_memory(memory | {"bid": [1.0, np.nan]})
    with pytest.raises(ValueError, match="as long as bid"):
        PastBids().with_memory(memory | {"bid": [1.0]})


def test_nobody_and_nothing():
    nobody = market([])
    assert len(learned(PastBids(), nobody).seen) == 0
    assert PastBids(least=1).price(nobody).tolist() == []
    assert learned(PastBids(least=1), market([1, 2])).price(nobody).tolist() == []
