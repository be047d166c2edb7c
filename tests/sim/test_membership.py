"""Changes between rounds as Mesa's users make them: another strategy, agents removed, entries of `active`."""

import mesa
import numpy as np
import pandas as pd
import pytest

from agents.strategies import STRATEGIES
from agents.strategies.recluse import Recluse
from agents.strategies.shading import Shading
from sim.cohort import Cohort
from sim.consumers.demand import equilibrium
from sim.market import ParameterMarket
from sim.membership import statuses
from sim.records.run_folder import RunFolder
from sim.records.tables import RecordWriter, load_checkpoint
from tests.sim.conftest import ARMS, small, tables_of


def tiny(**choices):
    return small(
        **(
            {"data": {"examples": 300, "endowment": "class_skew"}, "network": {"name": "mlp", "widths": [6]}}
            | choices
        )
    )


def market_of(**choices):
    return ParameterMarket(tiny(**choices), seed=3)


def agent(world, index):
    return next(one for one in world.agents if one.index == index)


def frames(market, rounds):
    """Return the tables of each of the next rounds of a world."""
    told = []
    for _ in range(rounds):
        market.step()
        told.append({name: pd.DataFrame(columns) for name, columns in market.report.tables.items()})
    return told


def parties(tables, *names):
    """Return who occurs as a buyer or a seller in tables."""
    return {int(who) for name in names for side in ("buyer", "seller") for who in tables[name][side]}


def assert_same(ours, theirs):
    for name, table in ours.items():
        pd.testing.assert_frame_equal(table, theirs[name], check_exact=True)


def test_a_strategy_assigned_before_the_first_round_is_as_good_as_configured():
    configured = market_of(population={"mix": {"truthful": 3, "shading": 1}})
    assigned = market_of()
    agent(assigned, 3).strategy = Shading()
    for ours, theirs in zip(frames(assigned, 3), frames(configured, 3), strict=True):
        assert_same(ours, theirs)


def test_a_strategy_assigned_in_mid_run_counts_from_the_next_round():
    changed, same = market_of(mechanism="first_price"), market_of(mechanism="first_price")
    assert_same(frames(changed, 1)[0], frames(same, 1)[0])
    agent(changed, 2).strategy = Shading(fraction=0.5)
    assert agent(changed, 2).strategy.name == "shading"
    assert changed.report.tables["organisations"]["strategy"].tolist() == ["truthful"] * 4
    [after], [before] = frames(changed, 1), frames(same, 1)
    assert after["organisations"]["strategy"].tolist() == ["truthful", "truthful", "shading", "truthful"]
    ours, theirs = (t["orders"].set_index(["buyer", "listing"])["bid"] for t in (after, before))
    shaded = ours.index.get_level_values("buyer") == 2
    assert 0 < shaded.sum() < len(ours)
    np.testing.assert_allclose(ours[shaded], theirs.reindex(ours.index)[shaded] / 2, atol=1e-6)
    pd.testing.assert_series_equal(ours[~shaded], theirs.reindex(ours.index)[~shaded])


def test_a_new_strategy_begins_to_remember_and_an_old_one_is_taken_up():
    market = market_of(
        mechanism="k_double_auction", population={"mix": {"zip": 4}, "parameters": {"zip": {"unit": 1e-5}}}
    )
    market.step()
    zip_trader = agent(market, 0).strategy
    for one in market.agents:
        one.strategy = STRATEGIES.build({"name": "gd", "highest": 1e-3})
    left = {name: array.copy() for name, array in market.memories["zip"].items()}
    market.step()
    market.step()
    assert market.memories["gd"]["written"].sum() + market.memories["gd"]["refusals"].sum() > 0
    for name, array in left.items():
        np.testing.assert_array_equal(market.memories["zip"][name], array)
    agent(market, 0).strategy = zip_trader
    market.step()
    moved = (market.memories["zip"]["margin"] != left["margin"]).any(axis=1)
    assert moved.tolist() == [True, False, False, False]
    assert market.report.tables["organisations"]["strategy"].tolist() == ["zip", "gd", "gd", "gd"]


def test_what_cannot_be_followed_is_refused_at_once():
    market = market_of(population={"mix": {"truthful": 3, "shading": 1}})
    one, other = agent(market, 0), agent(market, 1)
    with pytest.raises(
        ValueError, match=r"strategy must be a Strategy, as STRATEGIES.build\('shading'\) .*got 'shading'"
    ):
        one.strategy = "shading"
    with pytest.raises(ValueError, match=r"must have a name of its own, such as name='shading_2'"):
        one.strategy = Shading(fraction=0.7)
    one.strategy = Shading(fraction=0.7, name="bold")
    one.strategy = Shading(fraction=0.6, name="bold")
    with pytest.raises(ValueError, match="name of its own"):
        other.strategy = Shading(fraction=0.5, name="bold")
    market.step()
    assert market.report.tables["organisations"]["strategy"].tolist() == [
        "bold",
        "truthful",
        "truthful",
        "shading",
    ]


def leave_by_removal(world):
    agent(world, 1).remove()


def leave_by_hand(world):
    world.active[1] = False


@pytest.mark.parametrize(("leave", "status"), [(leave_by_removal, "removed"), (leave_by_hand, "inactive")])
def test_who_leaves_is_out_of_training_trade_and_the_consumers_market(leave, status):
    """In every setting, with the tables rectangular and money where it was."""
    cohort = Cohort(tiny(), ARMS, replicates=1, seed=3)
    before = tables_of(cohort, 1)[0]["organisations"].set_index(["arm", "organisation"])
    for world in cohort.worlds:
        leave(world)
        assert not agent(world, 1).active if status == "inactive" else len(world.agents) == 3
    for tables in tables_of(cohort, 2):
        told = tables["organisations"]
        assert len(told) == 4 * len(ARMS)
        gone = told[told["organisation"] == 1].set_index(["arm", "organisation"])
        stays = told[told["organisation"] != 1]
        assert set(gone["status"]) == {status}
        assert set(stays["status"]) == {"active"}
        assert (gone[["share", "profit", "net", "royalty", "bought", "sold", "training_flops"]] == 0).all(
            axis=None
        )
        assert gone["price"].isna().all()
        same = ["balance", "validation_loss", "test_loss", "lineage"]
        pd.testing.assert_frame_equal(gone[same], before.loc[gone.index, same])
        assert not stays.isna().any(axis=None)
        assert 1 not in parties(tables, "trials", "orders", "trades")
        journal = tables["ledger"]
        touched = (journal["debit"] == "organisation 1") | (journal["credit"] == "organisation 1")
        assert (journal.loc[touched, "amount"] == 0).all()
        assert (tables["rounds"]["active"] == 3).all()
        present = stays.groupby("arm", sort=False)["test_accuracy"].mean()
        np.testing.assert_allclose(tables["rounds"].set_index("arm")["test_accuracy"], present)
    assert {
        world.config.setting.name for world in cohort.worlds if len(world.report.tables["trades"]["buyer"])
    }
    for world in cohort.worlds:
        world.ledger.check()
        assert world.ledger.balances.sum() == 0
        there = np.array([True, False, True, True])
        region, demand = world.downstream.region, world.config.setting.demand
        for number in np.unique(region):
            own = np.flatnonzero((region == number) & there)
            if len(own):
                size = (region == number).sum()
                alone = equilibrium(world.quality[own][None], demand, mass=[demand.mass * size])
                np.testing.assert_allclose(world.report.tables["organisations"]["share"][own], alone.share[0])
                np.testing.assert_allclose(
                    world.report.tables["organisations"]["profit"][own], alone.profit[0]
                )


def test_who_is_switched_on_again_is_back_and_who_was_removed_is_not():
    market = market_of()
    market.active[[1, 2]] = False
    agent(market, 2).remove()
    market.step()
    market.active[[1, 2]] = True
    [told] = frames(market, 1)
    assert told["organisations"]["status"].tolist() == ["active", "active", "removed", "active"]
    assert (told["organisations"]["profit"] > 0).tolist() == [True, True, False, True]
    assert parties(told, "trials") == {0, 1, 3}


def test_the_statuses():
    """Diverged for as long as it is not set going again; removed above all."""
    active, diverged, removed = np.array([[1, 0, 0, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 1, 1]], dtype=bool)
    expected = ["active", "inactive", "diverged", "removed", "removed"]
    assert statuses(active, diverged, removed).tolist() == expected


def test_who_diverged_sells_the_use_of_its_last_model():
    market = market_of()
    market.members.diverge([0])
    [told] = frames(market, 1)
    assert told["organisations"]["status"].tolist() == ["diverged", "active", "active", "active"]
    assert (told["organisations"]["profit"] > 0).all()
    assert parties(told, "trials") == {1, 2, 3}


@pytest.mark.parametrize("setting", ["competitive", "cooperative"])
def test_a_world_goes_on_when_nobody_is_left(setting):
    market = market_of(setting=setting)
    market.step()
    accounts = market.ledger.balances
    market.remove_all_agents()
    [told] = frames(market, 1)
    assert set(told["organisations"]["status"]) == {"removed"}
    np.testing.assert_array_equal(market.ledger.balances, accounts)
    assert told["rounds"][["welfare", "trades", "active"]].to_numpy().tolist() == [[0.0, 0, 0]]
    assert told["rounds"]["test_accuracy"].isna().all()


def test_agents_of_the_users_own_do_not_count():
    plain, visited = market_of(), market_of()
    mesa.Agent(visited)
    assert_same(frames(visited, 1)[0], frames(plain, 1)[0])


def test_all_of_it_survives_a_checkpoint(tmp_path):
    """Followed, pending, removed, inactive, remembered: a restored cohort goes on as if never stopped."""
    config = tiny(mechanism="k_double_auction", population={"mix": {"truthful": 3, "zip": 1}})

    def change(cohort):
        for world in cohort.worlds:
            agent(world, 0).strategy = Shading(name="bold", fraction=0.5)
            agent(world, 1).strategy = STRATEGIES.build({"name": "gd", "highest": 1e-3})

    def change_again(cohort):
        for world in cohort.worlds:
            agent(world, 0).strategy = Recluse()
            agent(world, 3).remove()
            world.active[2] = False

    straight, stopped, fresh = (Cohort(config, ("competitive", "cooperative"), 1, 5) for _ in range(3))
    for cohort in (straight, stopped):
        tables_of(cohort, 1)
        change(cohort)
        tables_of(cohort, 1)
        change_again(cohort)
    RecordWriter(RunFolder(tmp_path)).write_round(2, {}, stopped.state(), {})
    fresh.restore(load_checkpoint(RunFolder(tmp_path))[0])
    assert [one.index for one in fresh.worlds[0].agents] == [0, 1, 2]
    for ours, theirs in zip(tables_of(fresh, 2), tables_of(straight, 2), strict=True):
        assert_same(ours, theirs)


def test_a_state_from_before_brings_back_who_was_removed():
    market = market_of()
    state = market.state()
    assert "strategies" not in state
    agent(market, 1).remove()
    agent(market, 0).strategy = Recluse()
    market.step()
    market.restore(state)
    assert sorted(one.index for one in market.agents) == [0, 1, 2, 3]
    assert {one.strategy.name for one in market.agents} == {"truthful"}
    [told] = frames(market, 1)
    assert set(told["organisations"]["status"]) == {"active"}


def test_a_strategy_that_no_checkpoint_can_name_is_refused_where_one_is_made():
    class Nameless(Recluse):
        """Not registered."""

    market = market_of()
    agent(market, 0).strategy = Nameless(name="nameless")
    market.step()
    with pytest.raises(ValueError, match=r"strategy must be registered \(@STRATEGIES.register\)"):
        market.state()
