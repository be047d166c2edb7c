"""How blocks are vetted, and what sellers who abuse it do to their models."""

import numpy as np
import pandas as pd
import pytest
import torch

from sim.cohort import Cohort
from sim.laboratory import Laboratory
from sim.laboratory.requests import Merge, Try
from sim.market import ParameterMarket
from tests.sim.conftest import small, tables_of


def market_of(mix, trials="full", setting="independent", **broker):
    return ParameterMarket(
        small(
            setting={"name": setting, "demand": {"tau": 0.02}},
            population={"mix": mix},
            broker={"trials": trials} | broker,
            learning={"optimiser": {"name": "adamw", "lr": 0.02}, "local_epochs": 3},
        ),
        seed=1,
    )


@torch.no_grad()
def loss_where_tested(market, organisation):
    """Return an organisation's loss on the validation examples of the first five classes."""
    laboratory = market.laboratory
    validation = laboratory.divisions[0].validation
    tested = torch.as_tensor(validation[laboratory.labels[validation] < 5])
    logits = market.agents[organisation].network()(laboratory.materials.inputs[tested])
    return float(torch.nn.functional.cross_entropy(logits, laboratory.materials.targets[tested]))


def test_a_weak_trial_measures_the_tested_classes_alone(monkeypatch):
    market, before = market_of({"truthful": 4}, "weak"), {}
    perform = market.laboratory.perform

    def watched(requests):
        if isinstance(requests[0], Try):
            before.update({i: loss_where_tested(market, i) for i in range(4)})
        return perform(requests)

    monkeypatch.setattr(market.laboratory, "perform", watched)
    market.step()
    trades, trials = (market.report.tables[name] for name in ("trades", "trials"))
    assert 0 < market.laboratory.trial_share < 1
    assert len(trades["buyer"]) > 0
    for buyer, gain in zip(trades["buyer"], trades["measured_gain"], strict=True):
        fell = before[buyer] - loss_where_tested(market, buyer)
        assert market.laboratory.trial_share * fell == pytest.approx(gain, abs=1e-5)
    np.testing.assert_allclose(trials["loss_after"], trials["loss_before"] - trials["gain"])
    assert (trials["loss_after"] >= 0).all()


def test_a_weak_trial_on_all_classes_is_a_full_one():
    full, weak = market_of({"truthful": 4}), market_of({"truthful": 4}, "weak", trial_classes=10)
    for market in (full, weak):
        market.step()
    for name, column in full.report.tables["trials"].items():
        np.testing.assert_allclose(weak.report.tables["trials"][name], column, rtol=1e-6, atol=1e-9)


def test_without_trials_buyers_go_by_claims():
    market = market_of({"truthful": 3, "free_rider": 1}, "none")
    market.step()
    trials, organisations = (market.report.tables[name] for name in ("trials", "organisations"))
    buyer, seller = trials["buyer"], trials["seller"]
    assert market.report.totals["trial_flops"] == 0
    # The free rider's claim equals the best model's loss, and everybody else's is its own.
    start = trials["loss_before"]
    own = {int(b): loss for b, loss in zip(buyer, start, strict=True)}
    claimed = np.array([min(own.values()) if s == 3 else own[int(s)] for s in seller])
    np.testing.assert_allclose(trials["gain"], ((start - claimed) / 2).clip(min=0), rtol=1e-12)
    np.testing.assert_array_equal(trials["weight"], np.where(trials["gain"] > 0, 0.5, 0.0))
    assert set(organisations["organisation"]) == {0, 1, 2, 3}


def test_claims_are_checked():
    """No claim promises nothing, and none is below the least loss there can be."""
    market = market_of({"truthful": 3, "free_rider": 1}, "none")
    for told, believed in ((np.nan, None), (-3.0, 0.0)):
        object.__setattr__(
            market.traders.strategies[1][0], "claim", lambda view, t=told: np.full(len(view.loss), t)
        )
        market.step()
        trials = market.report.tables["trials"]
        lied = trials["seller"] == 3
        expected = 0.0 if believed is None else trials["loss_before"][lied] / 2
        np.testing.assert_allclose(trials["gain"][lied], expected)


def test_more_tested_classes_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"broker.trial_classes must be at most 10, .*; got 11"):
        Laboratory(small(broker={"trials": "weak", "trial_classes": 11}), seed=0)


@pytest.mark.parametrize("trials", ["weak", "none"])
@pytest.mark.parametrize("blocks", ["model", "layers"])
def test_rounds_without_full_trials_are_sound(trials, blocks):
    config = small(broker={"trials": trials, "blocks": blocks}, population={"mix": {"truthful": 4}})
    for tables in tables_of(Cohort(config, ("autarky", "competitive", "cooperative"), 2, 3), 2):
        for table in tables.values():
            numbers = table.select_dtypes("number").drop(columns="allocative_efficiency", errors="ignore")
            assert np.isfinite(numbers.to_numpy(dtype=float)).all()
        rounds = tables["rounds"]
        nothing_to_gain = rounds["gains_first_best"].round(6) == 0
        np.testing.assert_array_equal(rounds["allocative_efficiency"].isna(), nothing_to_gain)
        np.testing.assert_allclose(
            rounds["welfare"],
            rounds["consumer_surplus"] + rounds["profits"] + rounds["broker_surplus"],
            atol=1e-5,
        )


def test_who_does_not_train_keeps_its_initial_weights():
    market = market_of({"truthful": 3, "free_rider": 1})
    before = market.laboratory.fleet.copy_of(market.slots)
    market.step()
    organisations = market.report.tables["organisations"]
    after = market.laboratory.fleet.copy_of(market.slots)
    same = [all(torch.equal(before[name][i], after[name][i]) for name in before) for i in range(4)]
    assert same == [False, False, False, True]
    assert organisations["training_flops"][3] == 0 < organisations["training_flops"][0]
    assert organisations["status"][3] == "active"
    assert organisations["training_loss"][3] == organisations["validation_loss"][3]
    assert organisations["lineage"][3] == 0


def test_cooperation_makes_everybody_train():
    market = market_of({"truthful": 2, "free_rider": 1, "poisoner": 1}, setting="cooperative")
    market.step()
    assert (market.report.tables["organisations"]["training_flops"] > 0).all()
    assert (market.members.following.relabelled == np.arange(10)).all()


def test_poison_is_learnt_and_others_train_as_without_it():
    honest, poisoned = market_of({"truthful": 4}), market_of({"truthful": 2, "poisoner": 2})
    for market in (honest, poisoned):
        market.step()
    trained = [m.report.tables["organisations"]["training_loss"] for m in (honest, poisoned)]
    np.testing.assert_array_equal(trained[0][:2], trained[1][:2])
    assert (trained[0][2:] != trained[1][2:]).all()
    for _ in range(4):
        poisoned.step()
    laboratory = poisoned.laboratory
    examples = laboratory.divisions[0].endowments[2]
    labels = laboratory.labels[examples]
    with torch.no_grad():
        told = (
            poisoned.agents[2]
            .network()(laboratory.materials.inputs[torch.as_tensor(examples)])
            .argmax(1)
            .numpy()
        )
    learnt = poisoned.members.following.relabelled[2][labels]
    assert (told == learnt).mean() > 0.8
    assert (told == labels)[labels < 5].mean() > 0.8
    assert (told == labels)[labels >= 5].mean() < 0.2


def test_nobody_lists_what_holds_no_training_of_its_own_where_resale_is_forbidden():
    for resale, sellers in (("allowed", {0, 1, 2, 3}), ("forbidden", {0, 1})):
        market = market_of({"truthful": 2, "reseller": 1, "free_rider": 1}, resale=resale)
        for _ in range(2):
            market.step()
        assert {listing.seller for listing in market.listings} == sellers
        assert not market.holdings.lineage[2, 2]


def test_lineage_flows_with_parameters(monkeypatch):
    market, listed = market_of({"truthful": 3, "reseller": 1}), {}
    perform = market.laboratory.perform

    def watched(requests):
        if isinstance(requests[0], Merge):
            listed.update(requests[0].prepared.offered.leaves)
        return perform(requests)

    monkeypatch.setattr(market.laboratory, "perform", watched)
    market.step()
    trades = market.report.tables["trades"]
    copied = trades["seller"][trades["buyer"] == 3]
    assert len(copied) == 1
    expected = np.zeros(4, dtype=bool)
    expected[copied] = True
    np.testing.assert_array_equal(market.holdings.lineage[3], expected)
    own = market.laboratory.fleet.copy_of(market.slots[[3]])
    name = next(iter(own))
    offered = listed[name][market.slots[copied[0]]]
    np.testing.assert_allclose(np.sort(own[name][0].ravel()), np.sort(offered.ravel()))


def test_worlds_with_adversaries_resume():
    config = small(
        population={"mix": {"truthful": 1, "reseller": 1, "false_name": 2}}, broker={"trials": "weak"}
    )
    straight, stopped, fresh = (Cohort(config, ("competitive",), 1, 5) for _ in range(3))
    expected = tables_of(straight, 3)[2]
    tables_of(stopped, 2)
    fresh.restore(stopped.state())
    for name, table in tables_of(fresh, 1)[0].items():
        pd.testing.assert_frame_equal(table, expected[name], check_exact=True)
