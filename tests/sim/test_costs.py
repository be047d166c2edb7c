"""Operations that cost money: who pays, what it changes, and that no credit is lost."""

import numpy as np
import pandas as pd
import pytest

from agents.learning.networks import NETWORKS
from agents.learning.operators import MERGE_OPERATORS
from agents.learning.stack.pairs import Pairs
from agents.learning.tasks import Classification
from agents.learning.training.flops import trial_flops, trial_flops_of_buyers
from experiments.configuration.keys import Config
from experiments.findings.summary import summarise
from markets.accounts.ledger import MICRO
from sim.cohort import Cohort
from sim.config.market import MarketConfig
from sim.consumers.demand import Demand
from sim.consumers.payoffs import DownstreamMarket
from tests.sim.conftest import ARMS, small

GROUPS = {
    "usual": {"count": 2, "leave": 3},
    "poor": {"cash": 2e-3, "costs": {"flops": 1e-7}},
    "free": {"count": 2, "costs": {"flops": 0}, "network": {"name": "mlp", "widths": [9]}, "enter": 2},
}


def world(**choices):
    tiny = {"data": {"examples": 300, "endowment": "class_skew"}, "network": {"name": "mlp", "widths": [6]}}
    return small(**(tiny | choices))


@pytest.fixture(scope="module")
def priced():
    """A cohort of four arms in which operations cost, and all tables of three rounds."""
    wanted = {"name": "competitive", "regions": 2, "demand": {"tau": 0.02, "q0": 0.0}}
    config = world(organisations=5, population={"groups": GROUPS}, costs={"flops": 1e-8}, setting=wanted)
    cohort = Cohort(config, ARMS, 1, 3)
    return cohort, cohort.run(3)


def micro(column):
    return np.rint(column.to_numpy() * MICRO).astype(np.int64)


def test_every_credit_for_computing_goes_through_the_ledger(priced):
    cohort, tables = priced
    means, ledger = tables["means"], tables["ledger"]
    assert (means.query("group == 'free'")[["training", "trials", "serving"]] == 0).all(axis=None)
    assert (means.query("group == 'usual' and round < 3")[["training", "serving"]] > 0).all(axis=None)
    posted = ledger[ledger["reason"] == "compute"]
    assert set(posted["credit"]) == {"consumers"}
    paid = means[["training", "trials", "serving"]].sum(axis=1).groupby(means["arm"]).sum()
    np.testing.assert_array_equal(
        posted.groupby("arm")["amount"].sum().sort_index(), micro(paid.sort_index())
    )
    flops = tables["organisations"]["training_flops"] * means["flop_price"]
    np.testing.assert_allclose(means["training"], flops, atol=1.01e-6)
    for one in cohort.worlds:
        one.ledger.check()
        assert one.ledger.balances.sum() == 0


def test_what_is_left_is_what_was_earned(priced):
    """Net profits are the changes of the balances, but for what who enters brings and who leaves takes."""
    _, tables = priced
    told = tables["organisations"].set_index(["arm", "organisation", "round"])
    change = told["balance"].groupby(level=[0, 1]).diff()
    stayed = told["status"].eq("active") & change.notna()
    stayed &= ~((stayed.index.get_level_values(1) > 2) & (stayed.index.get_level_values(2) == 2))
    assert stayed.sum() == 4 * (2 + 2 + 2)
    np.testing.assert_array_equal(micro(change[stayed]), micro(told["net"][stayed]))


def test_welfare_counts_training_and_trials_and_profits_count_serving(priced):
    _, tables = priced
    rounds, means = tables["rounds"], tables["means"]
    spent = (means["training"] + means["trials"]).groupby([means["arm"], means["round"]]).sum()
    rounds = rounds.set_index(["arm", "round"])
    expected = rounds["consumer_surplus"] + rounds["industry_profit"] - rounds["delivery"]
    np.testing.assert_allclose(rounds["welfare"], expected - spent.reindex(rounds.index), atol=1e-12)
    assert (spent > 0).all()


def test_who_cannot_pay_trains_less_and_tries_nothing(priced):
    cohort, tables = priced
    poor = tables["organisations"].query("organisation == 2")
    first = poor[poor["round"] == 1]
    each = cohort.worlds[0].tariff.training[2]
    assert (first["training_flops"] == 2e-3 / 1e-7 // each * each).all()
    refused = tables["refusals"]
    assert set(refused["reason"]) == {"other architecture", "no credit for trials"}
    assert set(refused[refused["reason"] == "no credit for trials"]["buyer"]) == {2}
    assert 2 not in set(tables["trials"].query("round == 1")["buyer"])
    assert (poor["balance"] >= 0).all()


def test_free_operations_change_nothing():
    free, plain = (
        Cohort(world(**choices), ("competitive",), 1, 3).run(2) for choices in ({"costs": {"flops": 0.0}}, {})
    )
    assert list(free) == list(plain)
    for name, table in free.items():
        pd.testing.assert_frame_equal(table, plain[name], check_exact=True)


def test_the_baseline_of_gains_pays_for_its_training_too():
    config = Config(
        **vars(world(costs={"flops": 1e-9})), arms=["autarky", "competitive"], rounds=2, replicates=1
    )
    tables = Cohort(config.market(), config.arms, 1, 3).run(2)
    findings = summarise(config, tables)
    gains = findings.gains.query("arm == 'autarky'")
    np.testing.assert_allclose(gains["gain"], 0, atol=1e-6)


def test_the_cost_of_serving_is_a_marginal_cost():
    region, quality = np.array([0, 0, 1]), np.array([0.7, 0.5, 0.6])
    told = DownstreamMarket(region, Demand(cost=0.03)).earnings(quality)
    own = DownstreamMarket(region, Demand()).at_cost(np.full(3, 0.03)).earnings(quality)
    for name, column in vars(told).items():
        np.testing.assert_array_equal(getattr(own, name), column)
    dearer = DownstreamMarket(region, Demand()).at_cost(np.array([0.03, 0.0, 0.0])).earnings(quality)
    assert dearer.price[0] > told.price[0] - 0.03
    assert dearer.share[1] > own.share[1]


@pytest.mark.parametrize("operator", ["interpolation", "ties", "slerp"])
def test_a_buyer_alone_pays_for_all_that_is_computed(operator):
    task = Classification(input_shape=(1, 4, 4), vocabulary=("a", "b"))
    architecture = NETWORKS.build({"name": "mlp", "widths": [5]}).for_task(task)
    how = (architecture, MERGE_OPERATORS.build(operator), 4)
    pairs = Pairs.of([3, 3, 1, 3], [0, 1, 0, 0], [0, 0, 0, 1])
    buyers, flops = trial_flops_of_buyers(*how, pairs, examples=10)
    assert buyers.tolist() == [1, 3]
    for buyer, own in zip(buyers, flops, strict=True):
        alone = pairs.take(np.flatnonzero(pairs.buyer == buyer))
        assert own == trial_flops(*how, alone, np.zeros(len(alone), np.int64), examples=10)
    assert flops.sum() >= trial_flops(*how, pairs, np.zeros(4, np.int64), examples=10)


@pytest.mark.parametrize("price", [-1e-9, 2e3, float("nan")])
def test_prices_have_limits(price):
    with pytest.raises(ValueError, match=r"flops"):
        MarketConfig(costs={"flops": price})
    with pytest.raises(ValueError, match=r"flops"):
        MarketConfig(population={"groups": {"a": {"count": 4, "costs": {"flops": price}}}})
