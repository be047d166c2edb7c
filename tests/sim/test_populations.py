"""Groups of organisations that differ: who trades with whom, who enters and leaves, with what."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from markets.accounts.ledger import MICRO
from sim.baseline_cohort import BaselineCohort
from sim.cohort import Cohort
from sim.config.market import MarketConfig
from sim.records.run_folder import RunFolder
from sim.records.tables import RecordWriter, load_checkpoint
from sim.textbook.induced_market import InducedConfig
from tests.sim.conftest import ARMS, small, tables_of

GROUPS = {
    "big": {"count": 2, "share": 3, "cash": 2.0, "region": 0},
    "late": {"count": 1, "enter": 2, "leave": 4, "region": 1},
    "far": {"count": 2, "region": 1, "partners": "region", "strategy": {"name": "shading", "fraction": 0.3}},
    "guest": {"count": 1, "leave": 2, "partners": [[5, 0], "late"], "strategy": "shading", "cash": 0.0},
}
ROUNDS = 4


def world(**choices):
    tiny = {"data": {"examples": 300, "endowment": "class_skew"}, "network": {"name": "mlp", "widths": [6]}}
    return small(**(tiny | choices))


def grouped(groups=GROUPS, **choices):
    number = sum(group.get("count", 1) for group in groups.values())
    return world(organisations=number, population={"groups": groups}, **choices)


@pytest.fixture(scope="module")
def played():
    """A cohort of four arms with groups, and the tables of each of its rounds."""
    cohort = Cohort(grouped(), ARMS, replicates=1, seed=3)
    return cohort, tables_of(cohort, ROUNDS)


def pairs_of(tables, arm):
    trials = tables["trials"].query("arm == @arm")
    return set(map(tuple, trials[["buyer", "seller"]].to_numpy().tolist()))


def test_a_mix_is_short_for_groups_that_differ_in_their_strategy():
    mixed = Cohort(world(population={"mix": {"truthful": 3, "shading": 1}}), ARMS, 1, 3).run(2)
    groups = {"honest": {"count": 3}, "sly": {"strategy": "shading"}}
    found = Cohort(grouped(groups), ARMS, 1, 3).run(2)
    for name, table in mixed.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True)
    assert found["means"]["group"].unique().tolist() == ["honest", "sly"]


def test_strategies_of_a_group_are_its_own(played):
    cohort, _ = played
    names = [one.name for one in cohort.worlds[0].population.strategies]
    assert names == ["truthful"] * 3 + ["shading"] * 2 + ["shading of guest"]
    assert cohort.worlds[0].population.strategies[3].fraction == 0.3


def test_only_partners_are_shortlisted(played):
    """In every setting the same: `region` is that of the settings in which there are rivals."""
    _, rounds = played
    big = {(0, 1), (1, 0)}
    far = {(3, 4), (4, 3)}
    late = {(i, j) for i in range(5) for j in range(5) if 2 in (i, j) and i != j}
    expected = [big | far | {(0, 5), (5, 0)}, big | far | late, big | far | late, big | far]
    for arm in ARMS[1:]:
        assert [pairs_of(tables, arm) for tables in rounds] == expected


def test_a_shortlist_is_drawn_among_partners():
    groups = {"a": {"count": 3, "partners": ["a"]}, "b": {"count": 3, "partners": ["b"]}}
    tables = Cohort(grouped(groups, broker={"shortlist": 1}), ["competitive"], 1, 3).run(2)["trials"]
    assert len(tables) == 2 * 6
    assert ((tables["buyer"] < 3) == (tables["seller"] < 3)).all()


def test_regions_are_those_of_the_groups(played):
    cohort, rounds = played
    told = rounds[0]["organisations"].set_index(["arm", "organisation"])["region"]
    for arm in ("autarky", "competitive", "cooperative"):
        assert told[arm].tolist() == [0, 0, 1, 1, 1, 0 if cohort.config.setting.regions == 1 else 1]
    assert told["independent"].tolist() == list(range(6))


def test_shares_are_those_of_the_groups(played):
    cohort, _ = played
    sizes = [len(own) for own in cohort.laboratory.divisions[0].endowments]
    assert min(sizes[:2]) > 2 * max(sizes[2:])


def test_who_is_not_there_does_nothing_and_its_account_is_closed_through_the_ledger(played):
    cohort, rounds = played
    statuses = {2: ["waiting", "active", "active", "left"], 5: ["active", "left", "left", "left"]}
    for number, tables in enumerate(rounds, start=1):
        told, journal = tables["organisations"], tables["ledger"]
        for organisation, expected in statuses.items():
            own = told[told["organisation"] == organisation]
            assert set(own["status"]) == {expected[number - 1]}
            account = f"organisation {organisation}"
            moved = journal[(journal["debit"] == account) | (journal["credit"] == account)]
            if expected[number - 1] in ("waiting", "left"):
                assert (own[["share", "profit", "net", "bought", "sold", "training_flops"]] == 0).all(
                    axis=None
                )
                assert (own["balance"] == 0).all()
                closing = moved["reason"] == "closing"
                assert (moved.loc[~closing, "amount"] == 0).all()
    entered, left = rounds[1]["ledger"], rounds[3]["ledger"]
    given = entered[(entered["credit"] == "organisation 2") & (entered["reason"] == "issue")]
    assert given["amount"].tolist() == [MICRO] * len(ARMS)
    closed = left[left["reason"] == "closing"].set_index("arm")
    had = rounds[2]["organisations"].query("organisation == 2").set_index("arm")["balance"]
    assert set(closed["debit"]) == {"organisation 2"}
    np.testing.assert_allclose(closed["amount"] / MICRO, had.reindex(closed.index))
    for one in cohort.worlds:
        one.ledger.check()
        assert one.ledger.balances.sum() == 0


def test_a_debt_is_written_off_when_its_debtor_leaves():
    market = Cohort(grouped(), ["competitive"], 1, 3).worlds[0]
    ledger = market.ledger
    ledger.credit_limit = MICRO
    ledger.transfer(0, [5, 0], [1, 2], [400_000, 100_000], "royalty")
    ledger.close(1, np.array([5, 0]))
    assert ledger.balances[[5, 0, 1]].tolist() == [0, 0, 2_400_000]
    assert ledger.balances.sum() == 0
    ledger.check()


def test_groups_survive_a_checkpoint(tmp_path):
    """A cohort that is stopped before anybody enters or leaves goes on as if it had not been."""
    straight, stopped, fresh = (Cohort(grouped(), ("competitive", "cooperative"), 1, 5) for _ in range(3))
    tables_of(straight, 1)
    tables_of(stopped, 1)
    RecordWriter(RunFolder(tmp_path)).write_round(1, {}, stopped.state(), {})
    fresh.restore(load_checkpoint(RunFolder(tmp_path))[0])
    for ours, theirs in zip(tables_of(fresh, 3), tables_of(straight, 3), strict=True):
        for name, table in ours.items():
            pd.testing.assert_frame_equal(table, theirs[name], check_exact=True)


def test_groups_share_out_their_part_by_rules_of_their_own():
    groups = {
        "skewed": {"count": 2, "endowment": {"name": "class_skew", "kept": 0.0}},
        "mixed": {"count": 3, "endowment": "iid", "share": 2},
        "plain": {"count": 2},
    }
    cohort = Cohort(grouped(groups, data={"examples": 600, "endowment": "iid"}), ["autarky"], 1, 3)
    counts = cohort.laboratory.divisions[0].class_counts(cohort.laboratory.labels, 10)
    assert counts[0][5:].sum() == counts[1][:5].sum() == 0
    assert (counts[2:] > 0).all()
    assert counts[2:5].sum() == pytest.approx(3 * counts[5:].sum(), rel=0.1)
    owned = np.concatenate(cohort.laboratory.divisions[0].endowments)
    assert len(np.unique(owned)) == len(owned)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"count": 3}, r"groups must count as many organisations as there are \(4\); got a 2, b 3, 5 in all"),
        ({"count": 0}, "greater than or equal to 1"),
        ({"leav": 3}, "leav"),
        ({"leave": 2, "enter": 2}, "b.leave must be after the round 2 in which it enters; got 2"),
        ({"enter": 0}, "greater than or equal to 1"),
        ({"cash": -1}, "greater than or equal to 0"),
        ({"region": 2}, "b.region must be below setting.regions=2; got 2"),
        ({"strategy": "honest"}, "b.strategy must be one of aa, .*; got 'honest'"),
        ({"strategy": {"name": "shading", "share": 1}}, "b.strategy.share must be allowed"),
        ({"partners": "friends"}, "b.partners must be everybody, region, or a list .*; got 'friends'"),
        ({"partners": ["c"]}, "b.partners must be among a, b, or edges; got 'c'"),
        ({"partners": [[0, 4]]}, r"b.partners must be edges between organisations 0..3; got \[0, 4\]"),
        ({"endowment": "fair"}, "b.endowment must be one of .*; got 'fair'"),
        ({"share": 0}, "greater than 0"),
    ],
)
def test_groups_that_do_not_fit_are_refused(group, message):
    with pytest.raises((ValidationError, ValueError), match=message):
        world(population={"groups": {"a": {"count": 2}, "b": {"count": 2} | group}})


def test_groups_are_refused_where_they_make_no_sense():
    groups = {"a": {"count": 2, "share": 2}, "b": {"count": 2}}
    with pytest.raises(ValueError, match=r"share of a group must be 1 for endowment dirichlet.*got 2"):
        MarketConfig(organisations=4, population={"groups": groups}, data={"endowment": "dirichlet"})
    with pytest.raises(
        ValueError, match=r"population.groups must be empty where values are induced.*got a, b"
    ):
        InducedConfig(buyers=2, sellers=2, population={"groups": groups})


THREE = {
    "small": {"count": 2},
    "slow": {"count": 2, "learning": {"optimiser": {"name": "sgd", "lr": 0.1}, "batch_size": 8}, "enter": 2},
    "wide": {"count": 2, "network": {"name": "mlp", "widths": [10]}, "leave": 4, "learning": {"lr": 0.01}},
    "deep": {"count": 2, "network": {"name": "convnet", "channels": [3, 4]}, "partners": ["deep", [6, 0]]},
    "rest": {"network": {"name": "mlp", "widths": [10]}, "learning": {"local_epochs": 2}},
}


def of_three(**choices):
    return grouped(THREE, **choices)


@pytest.fixture(scope="module")
def three():
    """A cohort of four arms with three networks and two optimisers, and the tables of each of its rounds."""
    cohort = Cohort(of_three(broker={"blocks": "layers"}), ARMS, replicates=1, seed=3)
    return cohort, tables_of(cohort, ROUNDS)


def test_three_networks_two_rules_of_learning_a_trade_network_entry_and_exit(three):
    cohort, rounds = three
    assert cohort.laboratory.family.tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 1]
    for world in cohort.worlds:
        world.ledger.check()
        assert world.ledger.balances.sum() == 0
    last = rounds[-1]["organisations"].set_index("arm")["status"]
    settled = pd.concat([tables["trades"] for tables in rounds]).groupby("arm")["settled"].sum()
    for arm in ARMS[1:]:
        assert last[arm].value_counts().to_dict() == {"active": 7, "left": 2}
        assert settled[arm] > 5


def test_blocks_trade_within_an_architecture_and_others_are_refused_with_a_reason(three):
    cohort, rounds = three
    family, partners = cohort.laboratory.family, cohort.worlds[0].population.partners
    for tables in rounds:
        tried, refused = tables["trials"], tables["refusals"]
        assert (family[tried["buyer"]] == family[tried["seller"]]).all()
        assert (family[refused["buyer"]] != family[refused["seller"]]).all()
        assert set(refused["reason"]) == {"other architecture"}
        assert partners[refused["buyer"], refused["seller"]].all()
        told = tables["organisations"].query("arm == 'competitive' and status == 'active'")["organisation"]
        there = set(told)
        possible = {(i, j) for i in there for j in there if i != j and partners[i, j]}
        met = [table.query("arm == 'competitive'") for table in (tried, refused)]
        found = [set(map(tuple, table[["buyer", "seller"]].to_numpy().tolist())) for table in met]
        assert found[0] | found[1] == possible
        assert not found[0] & found[1]
    own = cohort.laboratory.own_positions
    assert own.tolist() == [[0, 2]] * 4 + [[2, 4]] * 2 + [[4, 7]] * 2 + [[2, 4]]
    assert len({listing.block.architecture for listing in cohort.worlds[2].listings}) == 3


def test_networks_resume_byte_for_byte(tmp_path):
    straight, stopped, fresh = (Cohort(of_three(), ARMS[1:], 1, 5) for _ in range(3))
    tables_of(straight, 2)
    tables_of(stopped, 2)
    RecordWriter(RunFolder(tmp_path)).write_round(2, {}, stopped.state(), {})
    fresh.restore(load_checkpoint(RunFolder(tmp_path))[0])
    for ours, theirs in zip(tables_of(fresh, 2), tables_of(straight, 2), strict=True):
        for name, table in ours.items():
            pd.testing.assert_frame_equal(table, theirs[name], check_exact=True)
    for name, leaf in fresh.state().items():
        assert np.array_equal(leaf, straight.state()[name], equal_nan=True), name


def test_a_group_does_not_depend_on_the_company_of_others():
    """Monopolists with data of their own: what others are, train and trade changes no bit."""
    data = {"examples": 300, "endowment": "class_skew", "disjoint": False}
    ours = {"a": {"count": 3, "partners": ["a"]}}
    others = {"b": {"count": 2, "network": {"name": "mlp", "widths": [9]}, "partners": ["b"], "enter": 2}}
    alone, together = (
        Cohort(grouped(groups, data=data), ["independent"], 1, 3).run(3) for groups in (ours, ours | others)
    )
    for name in ("organisations", "trials", "trades"):
        key = "buyer" if "buyer" in alone[name] else "organisation"
        own = together[name][together[name][key] < 3].reset_index(drop=True)
        columns = [column for column in own if column != "listing"]
        pd.testing.assert_frame_equal(own[columns], alone[name][columns], check_exact=True)


@pytest.mark.parametrize(
    ("own", "world_of_it"),
    [
        ({"lr": 0.005}, {"optimiser": {"name": "adamw", "lr": 0.005}}),
        ({"optimiser": {"name": "sgd", "lr": 0.1}}, {"optimiser": {"name": "sgd", "lr": 0.1}}),
        ({"local_epochs": 3, "batch_size": 7}, {"local_epochs": 3, "batch_size": 7}),
    ],
)
def test_a_group_learns_as_a_world_that_learns_alike(own, world_of_it):
    usual = {"optimiser": {"name": "adamw", "lr": 0.02}}
    mixed = Cohort(grouped({"a": {"count": 2, "learning": own}, "b": {"count": 2}}), ["autarky"], 1, 3).run(2)
    first = Cohort(world(learning=usual | world_of_it), ["autarky"], 1, 3).run(2)["organisations"]
    second = Cohort(world(learning=usual), ["autarky"], 1, 3).run(2)["organisations"]
    expected = first.where(first["organisation"] < 2, second)
    learnt = ["training_loss", "validation_loss", "training_flops"]
    pd.testing.assert_frame_equal(mixed["organisations"][learnt], expected[learnt], check_exact=True)


def test_a_budget_of_operations_ends_training():
    learning = {"local_epochs": 3, "flops": 2e4}
    cohort = Cohort(grouped({"a": {"count": 2, "learning": learning}, "b": {"count": 2}}), ["autarky"], 1, 3)
    spent = cohort.run(1)["organisations"]["training_flops"]
    each = cohort.laboratory.architecture.training_flops
    assert (spent[:2] == 2e4 // each * each).all()
    assert (spent[2:] > 2e4).all()


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"network": "transformer"}, "b.network must be one of convnet, .*; got 'transformer'"),
        ({"network": {"name": "mlp", "width": 3}}, "b.network.width must be allowed by network mlp"),
        ({"learning": {"optimiser": "lion"}}, "b.learning.optimiser must be one of .*; got 'lion'"),
        ({"learning": {"lr": -1}}, "greater than or equal to 0"),
        ({"learning": {"local_epochs": 0}}, "greater than or equal to 1"),
        ({"learning": {"flops": -1}}, "greater than or equal to 0"),
        ({"learning": {"rate": 1}}, "rate"),
    ],
)
def test_networks_and_learning_that_do_not_fit_are_refused(group, message):
    with pytest.raises((ValidationError, ValueError), match=message):
        grouped({"a": {"count": 2}, "b": {"count": 2} | group})


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"network": {"name": "mlp", "widths": [9]}}, "networks must be one and the same.*got mlp, mlp"),
        ({"leave": 3}, "population.groups.b must be there from the first round to the last.*leave 3"),
    ],
)
def test_baselines_refuse_what_has_no_mean_or_comes_and_goes(group, message):
    with pytest.raises(ValueError, match=message):
        BaselineCohort(grouped({"a": {"count": 2}, "b": {"count": 2} | group}), {}, 1, 0)


def test_batches_of_a_group_may_be_too_small_for_its_network():
    vgg = {"name": "vgg", "stages": [[4]]}
    groups = {"a": {}, "b": {"network": vgg, "learning": {"batch_size": 1}}}
    with pytest.raises(ValueError, match=r"learning.batch_size must be at least 2 with network=vgg.*; got 1"):
        Cohort(grouped(groups), ["autarky"], 1, 0)
