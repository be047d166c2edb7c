"""The round as a whole: money, prices, licences, isolation of the test set, and working as a Mesa model."""

import gc
import weakref

import mesa
import numpy as np
import pandas as pd
import pytest
import torch

from markets.refusals import InputError
from sim.cohort import Cohort
from sim.market import SERIES, ParameterMarket
from sim.records.run_folder import RunFolder
from sim.records.tables import RecordWriter, load_checkpoint
from sim.textbook.induced_market import InducedMarket
from tests.sim.conftest import ARMS, small, tables_of


def test_the_ledger_sums_to_zero_every_round(played):
    cohort, tables = played
    for world in cohort.worlds:
        assert world.ledger.balances.sum() == 0
    entries = pd.concat(t["ledger"] for t in tables)
    keys = ["arm", "replicate", "round"]
    into = entries[entries["credit"] == "escrow"].groupby(keys)["amount"].sum()
    out_of = entries[entries["debit"] == "escrow"].groupby(keys)["amount"].sum()
    assert len(into) > 0
    pd.testing.assert_series_equal(into, out_of)


def test_the_journal_explains_every_balance(played):
    cohort, tables = played
    entries = pd.concat(t["ledger"] for t in tables)
    names = cohort.worlds[0].ledger.account_names()
    for world in cohort.worlds:
        own = entries[
            (entries["arm"] == world.config.setting.name) & (entries["replicate"] == world.replicate)
        ]
        balance = own.groupby("credit")["amount"].sum().reindex(names, fill_value=0)
        balance = balance - own.groupby("debit")["amount"].sum().reindex(names, fill_value=0)
        np.testing.assert_array_equal(balance.to_numpy(), world.ledger.balances)


def test_no_price_above_its_bid_or_below_its_ask_or_reserve(played):
    trades = pd.concat(t["trades"] for t in played[1])
    assert len(trades) > 20
    assert (trades["paid"] <= trades["bid"]).all()
    assert (trades["received"] >= trades["ask"]).all()
    assert (trades["received"] >= trades["reserve"]).all()


def test_every_table_is_finite(played):
    for tables in played[1]:
        for name, table in tables.items():
            # Of a round in which nothing could be gained there is no efficiency.
            numbers = table.select_dtypes("number").drop(columns="allocative_efficiency", errors="ignore")
            assert np.isfinite(numbers.to_numpy(dtype=float)).all(), name
            told = table.drop(columns="allocative_efficiency", errors="ignore")
            assert not told.isna().any().any(), name


def test_measured_gain_is_realised_on_validation_data(played):
    """With one block a round, the loss after the merge is the loss that the trial found."""
    for tables in played[1]:
        keys = ["arm", "replicate", "buyer"]
        trades = tables["trials"][tables["trials"]["traded"]]
        after = tables["organisations"].rename(columns={"organisation": "buyer"})
        joined = trades.merge(after, on=keys)
        assert len(joined) == len(trades)
        np.testing.assert_allclose(joined["validation_loss"], joined["loss_after"], rtol=1e-5)


@pytest.mark.parametrize(
    "network",
    [
        pytest.param({"name": "resnet", "channels": 3, "depth": 10}, id="resnet"),
        pytest.param({"name": "vgg", "stages": [[4], [4]]}, marks=pytest.mark.heavy, id="vgg"),
        pytest.param({"name": "convnet", "channels": [4, 4]}, marks=pytest.mark.heavy, id="convnet"),
    ],
)
@pytest.mark.parametrize("operator", ["interpolation", "greedy_soup"])
def test_measured_gain_is_realised_by_every_network(network, operator):
    """Running statistics too, where there are any, are those with which the trial measured."""
    learning = {"optimiser": {"name": "adamw", "lr": 0.02}, "merge_operator": operator}
    config = small(network=network, learning=learning, data={"examples": 160})
    cohort = Cohort(config, ("competitive",), replicates=1, seed=3)
    bought = 0
    for tables in tables_of(cohort, 2):
        trades = tables["trials"][tables["trials"]["traded"]]
        after = tables["organisations"].rename(columns={"organisation": "buyer"})
        joined = trades.merge(after, on=["arm", "replicate", "buyer"])
        np.testing.assert_allclose(joined["validation_loss"], joined["loss_after"], rtol=1e-4)
        bought += len(trades)
    assert bought > 2


def test_welfare_is_profits_and_consumer_surplus(played):
    for tables in played[1]:
        r = tables["rounds"]
        np.testing.assert_allclose(
            r["welfare"], r["consumer_surplus"] + r["profits"] + r["broker_surplus"], atol=1e-5
        )
        np.testing.assert_allclose(r["profits"], r["industry_profit"] - r["delivery"], atol=1e-5)


def test_autarky_never_trades_and_cooperation_never_withholds(played):
    rounds = pd.concat(t["rounds"] for t in played[1])
    assert (rounds.loc[rounds["arm"] == "autarky", ["trials", "orders", "trades"]] == 0).all().all()
    assert (rounds.loc[rounds["arm"] == "cooperative", "withheld"] == 0).all()
    assert (rounds.loc[rounds["arm"] == "independent", "withheld"] == 0).all()


def test_adding_an_arm_changes_nothing_in_the_others(played):
    two = tables_of(Cohort(small(), ("competitive", "cooperative"), replicates=2, seed=3), 4)
    for ours, theirs in zip(two, played[1], strict=True):
        for name, table in ours.items():
            for arm in ("competitive", "cooperative"):
                left = table[table["arm"] == arm].reset_index(drop=True)
                right = theirs[name][theirs[name]["arm"] == arm].reset_index(drop=True)
                pd.testing.assert_frame_equal(left, right, check_exact=True)


def test_same_seed_same_records_and_other_seed_other_records(played):
    again = tables_of(Cohort(small(), ARMS, replicates=2, seed=3), 1)[0]
    for name, table in again.items():
        pd.testing.assert_frame_equal(table, played[1][0][name], check_exact=True)
    other = tables_of(Cohort(small(), ARMS, replicates=2, seed=4), 1)[0]
    assert not np.allclose(other["organisations"]["test_loss"], again["organisations"]["test_loss"])


def test_restored_cohorts_go_on_as_if_never_stopped():
    straight, stopped = (Cohort(small(), ("competitive", "cooperative"), 1, 5) for _ in range(2))
    expected = tables_of(straight, 4)[2:]
    tables_of(stopped, 2)
    fresh = Cohort(small(), ("competitive", "cooperative"), 1, 5)
    fresh.restore(stopped.state())
    for ours, theirs in zip(tables_of(fresh, 2), expected, strict=True):
        for name, table in ours.items():
            pd.testing.assert_frame_equal(table, theirs[name], check_exact=True)


@pytest.mark.parametrize("mechanism", ["reserve_auction", "monopoly_price"])
def test_what_a_mechanism_learned_survives_a_checkpoint(mechanism, tmp_path):
    """Prices come from past bids, so that a run that goes on without them would go on differently."""
    arms, config = ("independent", "competitive", "cooperative"), small(mechanism=mechanism)
    straight, stopped = (Cohort(config, arms, 1, 5) for _ in range(2))
    tables = tables_of(straight, 4)
    trades = pd.concat(t["trades"] for t in tables)
    ours = trades[trades["arm"] == "competitive"]
    assert (ours["paid"] > ours["ask"]).any()
    tables_of(stopped, 2)
    RecordWriter(RunFolder(tmp_path)).write_round(1, {}, stopped.state(), {})
    restored, forgetful = (Cohort(config, arms, 1, 5) for _ in range(2))
    restored.restore(load_checkpoint(RunFolder(tmp_path))[0])
    for ours, theirs in zip(tables_of(restored, 2), tables[2:], strict=True):
        for name, table in ours.items():
            pd.testing.assert_frame_equal(table, theirs[name], check_exact=True)
    forgetful.restore(stopped.state())
    for world in forgetful.worlds:
        world.mechanism = world.config.mechanism
    assert tables_of(forgetful, 1)[0]["trades"]["paid"].tolist() != tables[2]["trades"]["paid"].tolist()


def test_worlds_learn_apart():
    """Each world from its own bids; none where organisations cooperate or do not trade."""
    cohort = Cohort(small(mechanism="monopoly_price"), ARMS, 1, 5)
    tables = tables_of(cohort, 2)
    orders = pd.concat(t["orders"] for t in tables)
    for world, arm in zip(cohort.worlds, ARMS, strict=True):
        admitted = orders[(orders["arm"] == arm) & (orders["outcome"] != "refused")]
        learned = world.mechanism.memory()["bid"]
        assert learned.tolist() == ([] if arm in ("autarky", "cooperative") else admitted["bid"].tolist())


def test_the_test_set_is_never_seen_by_a_decision():
    """Scrambling the labels of the test set changes the measurements and nothing else."""
    plain, scrambled = (Cohort(small(), ("competitive",), 1, 7) for _ in range(2))
    test = torch.as_tensor(scrambled.laboratory.divisions[0].test)
    labels = scrambled.laboratory.materials.targets.clone()
    labels[test] = labels[test].roll(1)
    object.__setattr__(scrambled.laboratory.materials, "targets", labels)
    for ours, theirs in zip(tables_of(plain, 3), tables_of(scrambled, 3), strict=True):
        for name in ("trials", "orders", "ledger"):
            pd.testing.assert_frame_equal(ours[name], theirs[name], check_exact=True)
        assert not np.allclose(ours["organisations"]["test_loss"], theirs["organisations"]["test_loss"])


@pytest.mark.parametrize(
    ("mechanism", "broker"),
    [
        ("first_price", {}),
        ("second_price", {"licence": "exclusive"}),
        ("posted_price", {"licence": "copies: 2"}),
        ("assignment", {"licence": "exclusive"}),
        ("ascending_assignment", {"licence": "copies: 2"}),
        ("vcg_bundles", {"licence": "exclusive", "blocks": "layers", "bundles": "whole"}),
        ("k_double_auction", {}),
        ("mcafee", {}),
        ("muda", {}),
        ("two_sided_vcg", {"licence": "exclusive"}),
        ("sbba", {"licence": "exclusive"}),
        ("trade_reduction", {"licence": "copies: 2"}),
        ("nash_bargaining", {"blocks": "layers"}),
        ("second_price", {"shortlist": 2, "demand": 2}),
        ({"name": "reserve_auction", "reserve": {"name": "past_bids", "least": 3}}, {"licence": "copies: 2"}),
        ({"name": "myerson", "prior": {"name": "exponential", "scale": 1e-4}}, {"licence": "exclusive"}),
        ("monopoly_price", {"blocks": "layers"}),
    ],
)
def test_every_mechanism_settles_within_its_licence(mechanism, broker):
    config = small(
        mechanism=mechanism,
        broker=broker,
        population={"mix": {"truthful": 2, "zero_intelligence": 1, "shading": 1}},
    )
    tables = tables_of(Cohort(config, ("competitive", "cooperative"), 1, 1), 2)
    trades = pd.concat(t["trades"] for t in tables)
    assert len(trades) > 0
    assert (trades["paid"] <= trades["bid"]).all()
    assert (trades["received"] >= trades["ask"]).all()
    sold = trades[trades["settled"]].groupby(["arm", "round", "listing"]).size()
    assert sold.max() <= {"exclusive": 1, "copies: 2": 2}.get(broker.get("licence", ""), 3)
    bought = trades[trades["settled"]].groupby(["arm", "round", "buyer", "position"]).size()
    assert bought.max() <= broker.get("demand", 1)


def test_a_subsidy_comes_from_the_brokers_account():
    cohort = Cohort(small(mechanism="two_sided_vcg", broker={"licence": "exclusive"}), ("competitive",), 1, 1)
    ledger = pd.concat(t["ledger"] for t in tables_of(cohort, 3))
    (world,) = cohort.worlds
    paid = ledger[ledger["reason"] == "subsidy"]
    assert (paid["debit"] == world.ledger.account_names()[world.ledger.broker]).all()
    assert world.ledger.balance_of_broker == -paid["amount"].sum() < 0


def test_poor_organisations_are_refused_at_the_door():
    tables = tables_of(Cohort(small(population={"cash": 0.0}), ("competitive",), 1, 1), 4)
    orders = pd.concat(t["orders"] for t in tables)
    refused = orders[orders["outcome"] == "refused"]
    assert len(refused) > 0
    assert (refused["reason"] == "bid above balance").all()
    assert (pd.concat(t["organisations"] for t in tables)["balance"] >= 0).all()


def test_recluses_and_altruists():
    config = small(population={"mix": {"recluse": 1, "altruist": 1, "truthful": 2}})
    tables = tables_of(Cohort(config, ("competitive",), 1, 1), 3)
    trials = pd.concat(t["trials"] for t in tables)
    assert not ((trials["buyer"] == 0) | (trials["seller"] == 0)).any()
    orders = pd.concat(t["orders"] for t in tables)
    assert (orders.loc[orders["seller"] == 1, "ask"] == 0).all()


def test_an_organisation_that_diverges_leaves_the_market_for_good():
    cohort = Cohort(small(), ("competitive",), 1, 1)
    cohort.step()
    cohort.laboratory.fleet.optimiser_state.learning_rate[2] = 1e30
    before = cohort.laboratory.fleet.copy_of(np.array([2]))
    tables = tables_of(cohort, 3)
    for table in tables:
        organisations = table["organisations"]
        assert organisations["status"].tolist() == ["active", "active", "diverged", "active"]
        assert not ((table["trials"]["buyer"] == 2) | (table["trials"]["seller"] == 2)).any()
        for frame in table.values():
            assert np.isfinite(frame.select_dtypes("number").to_numpy(dtype=float)).all()
    after = cohort.laboratory.fleet.copy_of(np.array([2]))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_training_is_counted_by_the_example():
    market = ParameterMarket(small(learning={"local_epochs": 2}), seed=0)
    market.step()
    market.step()
    visited = 2 * np.array([len(own) for own in market.laboratory.divisions[0].endowments])
    table, each = market.report.tables["organisations"], market.laboratory.architecture.training_flops
    np.testing.assert_array_equal(table["training_flops"], visited * each)
    np.testing.assert_array_equal(market.holdings.training_flops, 2 * visited * each)
    assert market.report.totals["training_flops"] == table["training_flops"].sum()


def test_listings_are_goods_with_lineage_and_cost():
    market = ParameterMarket(small(broker={"blocks": "layers", "licence": "copies: 2"}), seed=0)
    market.step()
    market.step()
    listings = market.listings
    assert len(listings) == market.report.totals["listings"] == 4 * len(market.laboratory.positions)
    first = listings[0]
    assert first.block.kind == "weights"
    assert first.block.position == market.laboratory.positions[0]
    assert first.block.cost == market.holdings.training_flops[0] > 0
    assert first.licence.capacity == 2
    assert 0 in first.block.lineage
    assert len({listing.block.block_id for listing in listings}) == len(listings)
    assert ParameterMarket(small(setting="autarky"), seed=0).listings == []


def test_alone_it_is_a_mesa_model():
    market = ParameterMarket(small(), seed=0)
    for _ in range(2):
        market.step()
    frame = market.datacollector.get_model_vars_dataframe()
    assert list(frame.columns) == list(SERIES)
    assert len(frame) == market.steps == 2
    assert market.agents.agg("balance", sum) == pytest.approx(
        market.report.tables["organisations"]["balance"].sum()
    )
    agent = market.agents[0]
    assert agent.active
    assert 0 < agent.quality <= 1
    logits = agent.network()(torch.zeros(1, 1, 8, 8))
    assert logits.shape == (1, 10)


def test_alone_it_plays_as_in_a_cohort(played):
    market = ParameterMarket(small(), replicate=1, seed=3)
    market.step()
    cohort_rows = played[1][0]["organisations"].query("arm == 'competitive' and replicate == 1")
    np.testing.assert_array_equal(
        cohort_rows["test_loss"], market.report.tables["organisations"]["test_loss"]
    )


def test_batch_run_of_mesa():
    parameters = {
        "organisations": 2,
        "mechanism": ["first_price", "second_price"],
        "data": [{"examples": 300}],
        "network": [{"name": "mlp", "widths": [8]}],
        "seed": [0, 1],
    }
    rows = mesa.batch_run(ParameterMarket, parameters, max_steps=1, display_progress=False)
    frame = pd.DataFrame(rows)
    assert len(frame) == 4
    assert frame.groupby("seed")["test_accuracy"].nunique().le(2).all()
    assert frame["test_accuracy"].between(0, 1).all()


@pytest.mark.parametrize(
    ("model", "choices", "told"),
    [
        (ParameterMarket, {"data": {"examples": 300}}, r"\{'data': \[\{'examples': ...\}\]\}"),
        (ParameterMarket, {"mechanism": {"name": "first_price"}}, "mechanism must be a mapping; got 'name'"),
        (ParameterMarket, {"setting": {"demand": {"tau": 0.02}}}, "setting must be a mapping; got 'demand'"),
        (InducedMarket, {"values": {"name": "uniform"}}, "values must be a mapping; got 'name'"),
        (InducedMarket, {"broker": {"licence": "copy"}}, "broker must be a mapping; got 'licence'"),
    ],
)
def test_a_mapping_that_mesa_takes_apart_is_refused_in_a_sentence(model, choices, told):
    with pytest.raises(InputError, match=told):
        mesa.batch_run(model, choices, max_steps=1, display_progress=False)


def test_worlds_are_freed():
    market = ParameterMarket(small(), seed=0)
    market.step()
    gone = weakref.ref(market)
    del market
    gc.collect()
    assert gone() is None


def test_a_seed_from_a_text_field():
    ours, theirs = ParameterMarket(small(), seed="11"), ParameterMarket(small(), rng=11)
    ours.step()
    theirs.step()
    np.testing.assert_array_equal(ours.holdings.validation_loss, theirs.holdings.validation_loss)
