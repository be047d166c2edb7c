import itertools

import numpy as np
import pytest

from markets import theory
from markets.mechanisms.shared_goods.moulin import Moulin
from tests.markets.mechanisms.samples import copies

RNG = np.random.default_rng(0)
BIDS = [5, 3, 2.5, 1]


@pytest.mark.parametrize(
    ("cost", "served", "share"), [(6.0, [0, 1, 2], 2.0), (8.0, [], None), (4, range(4), 1)]
)
def test_equal_shares_of_a_cost(cost, served, share):
    """C = 6: three at 2; C = 8: nobody (Moulin and Shenker 2001); worth just its share stays."""
    trades = Moulin(cost=cost).clear(copies(BIDS), RNG)
    assert trades.row.tolist() == list(served)
    assert (trades.paid == share).all()


def test_shares_come_on_top_of_each_buyers_own_ask():
    """Worths 4, 3, 1 and C = 4: the third is dropped, two pay their asks and 2."""
    trades = Moulin(cost=4.0).clear(copies([5, 8, 2], [1, 5, 1]), RNG)
    assert (trades.row.tolist(), trades.paid.tolist()) == ([0, 1], [3.0, 7.0])


def test_without_a_cost_everybody_pays_the_ask():
    trades = Moulin(cost=0.0).clear(copies([5, 2, 1], 2), RNG)
    assert (trades.row.tolist(), trades.paid.tolist()) == ([0, 1], [2.0, 2.0])


def drop_out(worth, cost):
    """The rule, word by word."""
    served = list(range(len(worth)))
    while served and any(worth[i] < cost / len(served) for i in served):
        share = cost / len(served)
        served = [i for i in served if worth[i] >= share]
    return served


def test_who_is_left_when_nobody_drops_out_any_more():
    rng = np.random.default_rng(3)
    for worth in [*rng.random((50, 6)), *rng.integers(0, 5, (50, 6)).astype(float)]:
        for cost in (0.0, 0.7, 2.0, 6.0):
            trades = Moulin(cost=cost).clear(copies(worth), RNG)
            assert trades.row.tolist() == drop_out(worth, cost)
            assert len(trades) == 0 or trades.received.sum() == pytest.approx(cost)


def test_no_group_of_buyers_gains_together():
    """Group strategyproof (Moulin and Shenker 2001): nobody better off without somebody worse off."""
    grid = [0.0, 1.0, 1.5, 2.0, 3.0, 4.0]
    truths = [(2.0, 2.0, 2.0), (4.0, 1.5, 1.0), (3.0, 2.0, 1.0), (1.5, 1.5, 1.5)]
    reports = np.array(list(itertools.product(grid, repeat=3)))
    trades = Moulin(cost=4.0).clear(copies(reports), RNG)
    paid, served = np.zeros((2, reports.size))
    paid[trades.row], served[trades.row] = trades.paid, 1
    for truth in truths:
        utility = (served * np.tile(truth, len(reports)) - paid).reshape(-1, 3)
        honest = utility[(reports == truth).all(axis=1)][0]
        for report, got in zip(reports, utility, strict=True):
            group = report != truth
            assert not ((got >= honest)[group].all() and (got > honest)[group].any())


def test_the_worst_loss():
    """Values just below C/i: nobody is served and (H_n - 1) C is lost (Moulin and Shenker 2001)."""
    values = 6 / np.arange(1, 5) - 1e-9
    assert len(Moulin(cost=6.0).clear(copies(values), RNG)) == 0
    assert values.sum() - 6 == pytest.approx(theory.equal_sharing_loss(6, 4))
    assert theory.equal_sharing_loss(6, 1) == 0


def test_scarce_copies_are_refused():
    with pytest.raises(ValueError, match=r"orders\.capacity must be no less than its listing has buyers"):
        Moulin().clear(copies([3, 2], capacity=1), RNG)
