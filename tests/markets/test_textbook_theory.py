"""Closed forms of the textbook markets, against integration and enumeration."""

import numpy as np
import pytest

from markets.theory import (
    all_pay_bid,
    all_pay_revenue_variance,
    auction_revenue,
    chatterjee_samuelson_ask,
    chatterjee_samuelson_bid,
    chatterjee_samuelson_trade,
    false_name_profit,
    false_name_revenue,
    mcafee_loss,
    mcafee_reduction,
    mcafee_revenue,
    project_gains,
    threshold_trade,
    trade_reduction_loss,
)


def midpoints(cells):
    return (np.arange(cells) + 0.5) / cells


def simulated_mcafee(buyers, sellers, draws, seed):
    rng = np.random.default_rng(seed)
    bid = -np.sort(-rng.random((draws, buyers)), axis=1)
    ask = np.sort(rng.random((draws, sellers)), axis=1)
    short, every = min(buyers, sellers), np.arange(draws)
    pairs = (bid[:, :short] >= ask[:, :short]).sum(axis=1)
    b_k, s_k = bid[every, pairs - 1], ask[every, pairs - 1]
    outside = (pairs > 0) & (pairs < short)
    next_bid = bid[every, pairs.clip(max=buyers - 1)]
    next_ask = ask[every, pairs.clip(max=sellers - 1)]
    # With one side longer, its next trader exists even where the shorter side has none left.
    price = np.where(outside, (next_bid + next_ask) / 2, np.nan)
    balanced = (s_k <= price) & (price <= b_k)
    reduced = (pairs > 0) & ~balanced
    return np.where(reduced, b_k - s_k, 0.0), np.where(reduced, (pairs - 1) * (b_k - s_k), 0.0)


@pytest.mark.parametrize(("buyers", "sellers"), [(2, 2), (3, 5), (8, 6)])
def test_mcafees_losses_and_revenue(buyers, sellers):
    """R. P. McAfee (1992), J. Economic Theory 56: the rule, played on 200,000 draws."""
    for samples, expected in zip(
        simulated_mcafee(buyers, sellers, 200_000, 7),
        (mcafee_loss(buyers, sellers), mcafee_revenue(buyers, sellers)),
        strict=True,
    ):
        error = samples.std() / np.sqrt(len(samples))
        assert abs(samples.mean() - expected) < 4 * error


def test_mcafee_loses_everything_with_one_pair_and_never_more_than_trade_reduction():
    """Without bounds one buyer and one seller never trade: the loss is all of 1/6."""
    assert mcafee_loss(1, 1) == pytest.approx(1 / 6)
    assert mcafee_revenue(1, 1) == 0
    assert mcafee_loss(2, 2) == pytest.approx(11 / 120)
    for size in (2, 5, 10, 40):
        assert mcafee_loss(size, size) < trade_reduction_loss(size, size)
    assert mcafee_loss(3, 7) == pytest.approx(mcafee_loss(7, 3))


def test_mcafees_exact_gaps_with_two_pairs():
    """By hand: two buyers, two sellers and K = 1, in mean gaps of 1/5.

    Each side of the interval [L, U] holds one buyer and one seller in either order, four cases alike. With
    exponential gaps A below, D within and B above: b_K = U and s_K = L loses D if B > A + D or A > B + D,
    2/8; a run of one on either side loses D and a gap if the other side's gap is larger than D, 1/4 + 1/2;
    with neither at the margin nothing is ever lost.
    """
    _, distance = mcafee_reduction(2, 2)
    assert distance[1] == pytest.approx((1 / 4 + 3 / 4 + 3 / 4 + 0) / 4 / 5)


@pytest.mark.parametrize("k", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_sealed_bids_in_equilibrium(k):
    """K. Chatterjee and W. Samuelson (1983), Operations Research 31, by integration over a grid."""
    value, cost = np.meshgrid(midpoints(1500), midpoints(1500), indexing="ij")
    bid, ask = chatterjee_samuelson_bid(value, k), chatterjee_samuelson_ask(cost, k)
    trades = bid >= ask
    price = k * bid + (1 - k) * ask
    measured = (trades.mean(), np.mean(trades * (value - cost)), np.mean(trades * (value - price)))
    np.testing.assert_allclose(chatterjee_samuelson_trade(k), measured, atol=1e-3)


def test_sealed_bids_at_one_half_are_the_second_best():
    """R. Myerson and M. Satterthwaite (1983): 9/64 of gains at the threshold 1/4; offers gain 1/8."""
    assert chatterjee_samuelson_trade(0.5)[:2] == pytest.approx(threshold_trade(0.25)[:2])
    assert chatterjee_samuelson_trade(0.0) == pytest.approx((1 / 4, 1 / 8, 1 / 24))
    assert chatterjee_samuelson_trade(1.0) == pytest.approx((1 / 4, 1 / 8, 1 / 12))


@pytest.mark.parametrize("bidders", [2, 3, 8])
def test_variance_of_all_pay_revenue(bidders):
    """V. Krishna and J. Morgan (1997), J. Economic Theory 72: n independent bids (n - 1)/n v^n."""
    bid = all_pay_bid(midpoints(200_000), bidders)
    assert bidders * bid.var() == pytest.approx(all_pay_revenue_variance(bidders), rel=1e-5)
    assert bidders * bid.mean() == pytest.approx(auction_revenue(bidders), rel=1e-5)


def test_gains_of_projects():
    """Irwin (1927) and Hall (1927), Biometrika 19: one person (1 - C)^2/2; two by integration."""
    assert project_gains(1, 0.4) == pytest.approx(0.18)
    total = midpoints(2000)[:, None] + midpoints(2000)
    for cost, threshold in ((0.8, None), (0.8, 1.2), (1.5, 1.5)):
        built = total >= (cost if threshold is None else threshold)
        measured = np.mean(built * (total - cost))
        assert project_gains(2, cost, threshold) == pytest.approx(measured, abs=1e-3)
    assert project_gains(60, 0.0) == pytest.approx(30)
    assert project_gains(3, 3.0) == 0


@pytest.mark.parametrize("goods", [1, 2, 3])
def test_false_names(goods):
    """M. Yokoo, Y. Sakurai and S. Matsubara (2004): the payments of Vickrey, Clarke and Groves, played."""
    rng = np.random.default_rng(2)
    value, rival = rng.random((300_000, goods)), goods * rng.random(300_000)
    total = value.sum(axis=1)
    wins = total >= rival
    rest = (rival[:, None] - (total[:, None] - value)).clip(min=0).sum(axis=1)
    for names, pays in ((False, rival), (True, rest)):
        revenue, profit = np.where(wins, pays, total), np.where(wins, total - pays, 0.0)
        for samples, expected in (
            (revenue, false_name_revenue(goods, names)),
            (profit, false_name_profit(goods, names)),
        ):
            assert abs(samples.mean() - expected) < 4 * samples.std() / np.sqrt(len(samples))
    assert false_name_profit(goods, True) - false_name_profit(goods, False) == pytest.approx((goods - 1) / 8)
