import numpy as np
import pytest

from markets import theory


def test_equilibrium_bid_is_the_best_response():
    """n = 4, v = 0.7: (n - 1)/n v = 0.525 (Vickrey 1961)."""
    assert theory.first_price_bid(0.7, 4) == pytest.approx(0.525)
    values, bids = np.linspace(0, 1, 1001), np.linspace(0, 0.75, 751)
    win = np.interp(bids, theory.first_price_bid(values, 4), values) ** 3
    assert bids[np.argmax((0.7 - bids) * win)] == pytest.approx(0.525, abs=1e-9)


def test_equilibrium_bid_with_a_reserve_is_the_best_response():
    """Krishna 2009, ch. 2: v - the integral of F^(n-1) from r to v over F(v)^(n-1)."""
    values = np.linspace(0.5, 1, 5001)
    equilibrium = theory.first_price_bid(values, 3, reserve=0.5)
    assert equilibrium[0] == pytest.approx(0.5)
    win = values**2
    best = np.argmax((0.8 - equilibrium) * win)
    assert equilibrium[best] == pytest.approx(theory.first_price_bid(0.8, 3, 0.5), abs=1e-4)
    assert np.isnan(theory.first_price_bid(0.4, 3, 0.5))


def test_revenues_of_one_to_ten_bidders():
    assert [theory.auction_revenue(n) for n in (2, 3, 5, 10)] == pytest.approx([1 / 3, 1 / 2, 2 / 3, 9 / 11])
    assert theory.auction_revenue(1, 0.5) == pytest.approx(1 / 4)
    assert theory.auction_revenue(2, 0.5) == pytest.approx(5 / 12)


def test_one_bidder_more_is_worth_more_than_the_best_reserve():
    """Bulow and Klemperer 1996."""
    for n in range(1, 10):
        assert theory.auction_revenue(n + 1) >= theory.auction_revenue(n, 0.5)


def test_gains_of_call_markets():
    """1 x 1: 1/6; 2 x 2: 2/5; 5 x 5: 25/22."""
    sizes = [(1, 1), (2, 2), (5, 5)]
    assert [theory.call_market_gains(m, n) for m, n in sizes] == pytest.approx([1 / 6, 2 / 5, 25 / 22])


def test_the_last_pair_of_one_by_one_is_all_there_is():
    """One pair: K = 1 with probability 1/2, at a distance of 1/3, so that 1/6 is lost and nothing kept."""
    probability, distance = theory.last_pair(1, 1)
    assert probability == pytest.approx([1 / 2, 1 / 2])
    assert distance == pytest.approx([0, 1 / 3])
    assert theory.trade_reduction_loss(1, 1) == pytest.approx(theory.call_market_gains(1, 1))
    assert theory.trade_reduction_revenue(1, 1) == 0


@pytest.mark.parametrize(("m", "n"), [(2, 2), (3, 5), (6, 2)])
def test_last_pairs_of_uniform_markets(m, n):
    rng = np.random.default_rng(m + 10 * n)
    short = min(m, n)
    bids = -np.sort(-rng.random((20_000, m)), axis=1)[:, :short]
    asks = np.sort(rng.random((20_000, n)), axis=1)[:, :short]
    k = (bids >= asks).sum(axis=1)
    last = np.where(k > 0, (bids - asks)[np.arange(len(k)), k - 1], 0)
    for samples, expected in (
        (k, theory.call_market_quantity(m, n)),
        (last, theory.trade_reduction_loss(m, n)),
        (last * (k - 1), theory.trade_reduction_revenue(m, n)),
    ):
        assert abs(samples.mean() - expected) < 5 * samples.std() / np.sqrt(len(samples))


def test_subsidy_of_one_pair_is_its_gains():
    """Myerson and Satterthwaite 1983."""
    assert theory.vickrey_deficit(1, 1) == pytest.approx(1 / 6)
    assert theory.vickrey_deficit(2, 2) == pytest.approx(1 / 5)


def test_posted_prices_realise_three_quarters_at_best():
    """1/8 of 1/6 at p = 1/2 (Hagerty and Rogerson 1987)."""
    prices = np.linspace(0, 1, 101)
    gains = [theory.posted_price_gains(p) for p in prices]
    assert prices[np.argmax(gains)] == 0.5
    assert max(gains) / theory.call_market_gains(1, 1) == pytest.approx(3 / 4)
    assert theory.posted_price_revenue(0.5, 8) == 2
    assert (theory.posted_price_welfare(0), theory.posted_price_welfare(0.5)) == (1 / 2, 3 / 8)


@pytest.mark.parametrize("k", [0.0, 0.3, 0.5, 1.0])
def test_linear_strategies_are_best_responses_to_each_other(k):
    """Chatterjee and Samuelson 1983: v = 0.8 against every seller, c = 0.2 against every buyer."""
    other, report = (np.arange(4000) + 0.5) / 4000, np.linspace(0, 1, 1001)[:, None]
    asks, bids = theory.chatterjee_samuelson_ask(other, k), theory.chatterjee_samuelson_bid(other, k)
    buyer = np.where(report >= asks, 0.8 - k * report - (1 - k) * asks, 0).mean(axis=1)
    seller = np.where(bids >= report, k * bids + (1 - k) * report - 0.2, 0).mean(axis=1)
    assert report[np.argmax(buyer), 0] == pytest.approx(theory.chatterjee_samuelson_bid(0.8, k), abs=2e-3)
    assert report[np.argmax(seller), 0] == pytest.approx(theory.chatterjee_samuelson_ask(0.2, k), abs=2e-3)


def test_linear_strategies_at_one_half():
    """2v/3 + 1/12 and 2c/3 + 1/4 (Chatterjee and Samuelson 1983)."""
    assert theory.chatterjee_samuelson_bid(0.6) == pytest.approx(0.4 + 1 / 12)
    assert theory.chatterjee_samuelson_ask(0.6) == pytest.approx(0.4 + 1 / 4)


def test_trade_above_a_threshold():
    """Myerson and Satterthwaite 1983: efficient trade needs 1/6; the second best 9/32, 9/64 and nothing."""
    assert theory.threshold_trade(0) == pytest.approx((1 / 2, 1 / 6, -1 / 6))
    assert theory.threshold_trade(1 / 4) == pytest.approx((9 / 32, 9 / 64, 0))
    v, c = ((np.indices((1000, 1000)) + 0.5) / 1000).reshape(2, -1)
    trade = v >= c + 0.1
    means = trade.mean(), (trade * (v - c)).mean(), (trade * (2 * v - 1 - 2 * c)).mean()
    assert theory.threshold_trade(0.1) == pytest.approx(means, abs=1e-3)


def test_revenue_of_one_price():
    """Ten bids of 10 and ninety of 1 (Goldberg, Hartline, Karlin, Saks and Wright 2006)."""
    assert theory.single_price_revenue([10] * 10 + [1] * 90) == 100
    assert [theory.single_price_revenue([9, 2, 1], least) for least in (1, 2, 3, 4)] == [9, 4, 3, 0]


def test_revenue_of_random_sampling_by_enumeration():
    """n (1 - 2^(1 - n)); 4.6875 for n = 5 (Goldberg, Hartline and Wright 2001)."""
    sides = np.indices((2,) * 5).reshape(5, -1).sum(axis=0)
    assert theory.random_sampling_revenue(5) == 4.6875 == (5 * ((sides > 0) & (sides < 5))).mean()
    assert theory.random_sampling_revenue(1) == 0


def test_least_prices_of_the_houses_from_marginal_contributions():
    """Shapley and Shubik 1971 with Leonard 1983: price = value - (W(N) - W(N without i))."""
    houses = theory.SHAPLEY_SHUBIK
    surplus = np.maximum(np.array(houses.values).T - np.array(houses.reserves), 0)
    utility = theory.vickrey_utilities(surplus)
    prices = [houses.values[h][i] - utility[i] for h, i in enumerate(houses.buyer_of_house)]
    assert tuple(prices) == houses.least_prices


def test_corners_of_the_core_of_the_houses():
    """Shapley and Shubik 1971: prices from (21, 20, 19) to (23, 21, 20)."""
    houses = theory.SHAPLEY_SHUBIK
    surplus = np.maximum(np.array(houses.values).T - np.array(houses.reserves), 0)
    least, most = theory.competitive_prices(surplus)
    assert np.array(houses.reserves) + least == pytest.approx(houses.least_prices)
    assert np.array(houses.reserves) + most == pytest.approx(houses.most_prices)


def test_coalitions_of_ausubel_and_milgrom_2006():
    """Together 4, without bidder 3 only 2; Vickrey payments 0, at least 2 in the core."""
    values = theory.AUSUBEL_MILGROM
    assert theory.package_gains(values).tolist() == [0, 2, 2, 2, 2, 2, 4, 4]
    won, paid = theory.vickrey_payments(values)
    assert (won.tolist(), paid.tolist()) == ([0, 1, 2], [0, 0, 0])
    assert theory.least_core_revenue(values) == pytest.approx(2)
    assert theory.vickrey_payments(values[:2])[1].sum() == 2


def test_vickrey_payments_of_one_good_are_second_prices():
    won, paid = theory.vickrey_payments([[0, 5], [0, 9], [0, 7]])
    assert (won.tolist(), paid.tolist()) == ([0, 1, 0], [0, 7, 0])
    assert theory.least_core_revenue([[0, 5], [0, 9], [0, 7]]) == pytest.approx(7)
