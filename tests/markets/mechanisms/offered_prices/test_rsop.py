import numpy as np
import pytest

from markets import theory
from markets.mechanisms.offered_prices.rsop import RandomSamplingOptimalPrice
from markets.orders.luck import Luck, heads
from tests.markets.mechanisms.samples import close, copies

RSOP = RandomSamplingOptimalPrice()
LISTINGS = 4000


def earned(bids, seed=0):
    """Revenue of each of many listings with the same bids."""
    orders = copies(np.tile(np.asarray(bids, float), (LISTINGS, 1)))
    trades = RSOP.clear(orders, np.random.default_rng(seed))
    return np.bincount(trades.listing, trades.paid, LISTINGS)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_equal_bids_of_one(n):
    """n (1 - 2^(1 - n)): no sale only if all coins fall alike (Goldberg, Hartline and Wright 2001)."""
    revenue = earned(np.ones(n))
    assert set(revenue) <= {0.0, float(n)}
    expected = theory.random_sampling_revenue(n)
    assert close(revenue, expected) if n > 1 else expected == 0 == revenue.max()


@pytest.mark.parametrize(
    "bids", [(2, 1), (1.001, 1), (3, 1, 1), (5, 4, 3, 2, 1), (10, 10, 1, 1, 1, 1), (9,) * 2 + (1,) * 8]
)
def test_a_constant_part_of_the_benchmark_is_earned(bids):
    """At least F(2)/4.68 (Alaei, Malekian and Srinivasan 2009)."""
    benchmark = theory.single_price_revenue(bids, least=2)
    assert earned(bids).mean() >= benchmark / 4.68


def test_two_almost_equal_bids_earn_a_quarter():
    """Half of the time on different sides, and then one of them pays: 1/2 of F(2) = 2."""
    assert close(earned([1.001, 1]), 1 / 2)


@pytest.mark.parametrize(
    ("bids", "coins", "paid"),
    [
        ([5, 4, 3, 1], [0, 1, 0, 1], [4, 3, None, None]),
        ([5, 4, 3, 1], [0, 0, 1, 1], [3, 3, None, None]),
        ([5, 4], [0, 1], [4, None]),
        ([2, 1, 5], [0, 0, 1], [None, None, 2]),
    ],
)
def test_each_side_is_offered_the_best_price_of_the_other(bids, coins, paid):
    """The highest of equally good prices: 2 and 1 earn 2 at both. A seed whose coins fall so is found."""
    orders, coins = copies(bids), np.array(coins, dtype=bool)

    def fall(seed):
        return heads(Luck.draw(orders, np.random.default_rng(seed)).of("coins"))

    seed = next(seed for seed in range(1000) if np.array_equal(fall(seed), coins))
    trades = RSOP.clear(orders, np.random.default_rng(seed))
    got = dict(zip(trades.row.tolist(), trades.paid.tolist(), strict=True))
    assert [got.get(row) for row in range(len(bids))] == paid


@pytest.mark.parametrize("times", [200, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("bids", "revenue"), [([1, 1], 1), ([2, 1], 0.5), ([8, 4, 2, 1], 3.375)])
def test_expected_revenue_of_a_listing(bids, revenue, times):
    """By enumeration of the coins; alone, as in `earned` among many."""
    assert close(earned(bids), revenue)
    alone = [RSOP.clear(copies(bids), np.random.default_rng(seed)).paid.sum() for seed in range(times)]
    assert close(alone, revenue)


def test_asks_that_differ_shift_each_offer():
    sold = [RSOP.clear(copies([5, 9], [1, 5]), np.random.default_rng(seed)) for seed in range(20)]
    assert {tuple(trades.paid.tolist()) for trades in sold} == {(), (5.0, 9.0)}


def test_scarce_copies_are_refused():
    with pytest.raises(ValueError, match=r"orders\.capacity must be no less than its listing has buyers"):
        RSOP.clear(copies([3, 2], capacity=1), np.random.default_rng(0))
