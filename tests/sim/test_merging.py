"""Merge operators, searches for the merge weight and the schedule of trade in the market as a whole."""

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from agents.learning.operators import MERGE_OPERATORS
from sim.cohort import Cohort
from sim.laboratory.evidence import collect_evidence, shuffled
from sim.streams import Streams
from tests.sim.conftest import small, tables_of

ADAM = {"name": "adamw", "lr": 0.02}
ADAPTERS = {"name": "lora_svd", "inner": "down", "outer": "up"}
OPERATORS = [name for name in MERGE_OPERATORS if name != ADAPTERS["name"]]
"""Those for any network."""


def play(learning=(), broker=(), rounds=3, arms=("competitive",), **choices):
    """Return the cohort and the tables of each round."""
    config = small(learning={"optimiser": ADAM} | dict(learning), broker=dict(broker), **choices)
    cohort = Cohort(config, arms, 1, 3)
    return cohort, tables_of(cohort, rounds)


@pytest.mark.parametrize(
    ("operator", "same_start"), [*[(name, False) for name in MERGE_OPERATORS], ("ties", True), ("dare", True)]
)
def test_a_buyer_gets_what_its_trial_promised(operator, same_start):
    """One block a round: the loss after the merge is the one that the broker measured."""
    learning, choices = {"merge_operator": operator, "same_start": same_start}, {}
    if operator == ADAPTERS["name"]:
        learning["merge_operator"] = ADAPTERS
        choices["network"] = {"name": "module", "factory": "tests.agents.learning.own_nets:Adapted"}
    _, tables = play(learning, rounds=2, **choices)
    for round_ in tables:
        after = round_["organisations"].rename(columns={"organisation": "buyer"})
        trades = round_["trials"][round_["trials"]["traded"]]
        joined = trades.merge(after, on=["arm", "replicate", "buyer"])
        assert len(joined) == len(trades) > 0
        np.testing.assert_allclose(joined["validation_loss"], joined["loss_after"], rtol=1e-5)
        assert (joined["gain"] > 0).all()
        if not MERGE_OPERATORS[operator].weighted:
            assert (joined["weight"] == 1).all()


def test_an_average_is_what_is_tried_where_it_is_what_is_merged():
    _, tables = play(broker={"weight_search": "half"}, rounds=2)
    for round_ in tables:
        assert set(round_["trials"]["weight"]) <= {0.0, 0.5}
        after = round_["organisations"].set_index("organisation")["validation_loss"]
        trades = round_["trials"][round_["trials"]["traded"]]
        np.testing.assert_allclose(after[trades["buyer"]], trades["loss_after"], rtol=1e-5)


def test_operators_differ_and_arms_do_not_disturb_each_other():
    """What an operator draws depends on neither the arms nor what else is in the batch."""
    losses = {}
    for operator in OPERATORS:
        _, alone = play({"merge_operator": operator}, rounds=1)
        _, both = play({"merge_operator": operator}, rounds=1, arms=("independent", "competitive"))
        ours = alone[0]["organisations"]
        theirs = both[0]["organisations"].query("arm == 'competitive'").reset_index(drop=True)
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
        losses[operator] = ours["validation_loss"].sum()
    greedy = losses.pop("greedy_soup")
    assert greedy == losses["uniform_soup"]  # one purchase a round: the trial has already tasted it
    assert len(set(losses.values())) == len(losses)


def test_a_greedy_soup_of_several_purchases_never_raises_the_loss():
    shared = {"demand": 3}
    _, greedy = play({"merge_operator": "greedy_soup"}, shared, mechanism="posted_price", rounds=2)
    _, uniform = play({"merge_operator": "uniform_soup"}, shared, mechanism="posted_price", rounds=2)

    def rise(tables):
        round_ = tables[0]
        bought = round_["trials"][round_["trials"]["traded"]]
        assert bought.groupby("buyer").size().max() > 1
        after = round_["organisations"].set_index("organisation")["validation_loss"]
        before = bought.groupby("buyer")["loss_before"].first()
        return (after[before.index] - before).max()

    assert rise(greedy) <= 1e-6
    pd.testing.assert_frame_equal(greedy[0]["trials"], uniform[0]["trials"], check_exact=True)
    assert not np.allclose(
        greedy[0]["organisations"]["validation_loss"], uniform[0]["organisations"]["validation_loss"]
    )


@pytest.mark.parametrize(
    ("broker", "evaluations"),
    [
        ({}, 11),
        ({"merge_weights": 10, "weight_range": [0.05, 0.95]}, 11),
        ({"weight_search": "golden", "weight_tolerance": 0.1}, 7),
        ({"weight_search": "golden", "weight_range": [0.0, 0.5], "weight_tolerance": 0.1}, 6),
        ({"weight_search": "quadratic"}, 4),
    ],
)
def test_searches_cost_what_is_recorded_and_gains_are_never_negative(broker, evaluations):
    cohort, tables = play(broker=broker, rounds=2)
    low, high = broker.get("weight_range", [0.0, 1.0])
    laboratory = cohort.laboratory
    examples = laboratory.divisions[0].validation.shape[-1]
    stem, forward = laboratory.architecture.stem_flops, laboratory.architecture.forward_flops
    for round_ in tables:
        trials = round_["trials"]
        assert len(trials) == 4 * 3
        # four first layers; the rest for each buyer as it stands, and for each pair at all further weights
        passes = 4 * stem + (4 + 12 * (evaluations - 1)) * (forward - stem)
        assert round_["rounds"]["trial_flops"][0] == examples * passes
        assert (trials["gain"] >= 0).all()
        assert (trials["gain"] > 0).any()
        bought = trials.loc[trials["gain"] > 0, "weight"]
        assert bought.between(low, high).all()


def test_the_papers_grid_of_merge_weights():
    _, tables = play(broker={"merge_weights": 10, "weight_range": [0.05, 0.95]}, rounds=2)
    weights = pd.concat(t["trials"] for t in tables)["weight"]
    grid = np.array([0, *np.arange(0.05, 1, 0.1)])
    assert np.abs(weights.to_numpy()[:, None] - grid).min(axis=1).max() < 1e-12


@pytest.mark.parametrize(("start_round", "every"), [(1, 1), (3, 1), (2, 2), (9, 1)])
def test_trade_follows_the_schedule(start_round, every):
    cohort, tables = play(broker={"start_round": start_round, "every": every}, rounds=4)
    rounds = pd.concat(t["rounds"] for t in tables).set_index("round")
    planned = [r for r in range(1, 5) if r >= start_round and (r - start_round) % every == 0]
    for column in ("listings", "trials", "trades"):
        assert rounds.index[rounds[column] > 0].tolist() == planned
    assert (rounds["training_flops"] > 0).all()
    assert all(world.ledger.balances.sum() == 0 for world in cohort.worlds)


def test_until_the_first_trade_a_market_is_autarky():
    _, tables = play(broker={"start_round": 3}, rounds=3, arms=("autarky", "independent"))
    for number, round_ in enumerate(tables, start=1):
        arms = [group.drop(columns="arm") for _, group in round_["organisations"].groupby("arm")]
        alike = np.array_equal(arms[0]["validation_loss"], arms[1]["validation_loss"])
        assert alike == (number < 3)


@pytest.mark.parametrize("reset", [True, False])
def test_moments_are_forgotten_after_a_purchase_or_kept(reset):
    cohort, tables = play({"reset_after_merge": reset}, rounds=1)
    steps = cohort.laboratory.fleet.optimiser_state.steps.numpy()
    bought = tables[0]["organisations"]["bought"].to_numpy() > 0
    assert bought.any()
    assert (steps[bought] == 0).all() == reset
    assert (steps[~bought] > 0).all()


def test_without_trials_blocks_are_merged_half_and_half_by_any_weighted_operator():
    _, tables = play({"merge_operator": "fisher"}, {"trials": "none"}, rounds=2)
    trades = pd.concat(t["trials"] for t in tables).query("traded")
    assert len(trades) > 0
    assert (trades["weight"] == 0.5).all()


def test_a_soup_with_a_whole_model_is_not_the_seller_s_own():
    """With weight 1, interpolation leaves nothing of the buyer's model; an average does."""
    cohort, tables = play({"merge_operator": "uniform_soup"}, rounds=1)
    bought = tables[0]["trials"].query("traded")["buyer"].to_numpy()
    assert len(bought) > 0
    assert cohort.worlds[0].holdings.lineage[bought, bought].all()


def test_evidence_is_of_those_who_trade_and_of_their_own_examples():
    cohort, _ = play(rounds=1)
    fleet, endowments = cohort.laboratory.fleet, cohort.laboratory.divisions[0].endowments
    operator = MERGE_OPERATORS.build({"name": "fisher", "examples": 10})
    seen = []

    class Watched(type(operator)):
        def evidence(self, owners):
            seen.append(owners)
            return super().evidence(owners)

    watched = Watched(examples=10)
    traders = [(0, 1, np.array([1, 3]), np.array([1, 3]))]
    inputs = cohort.laboratory.materials.inputs
    found = collect_evidence(fleet, watched, traders, {0: endowments}, Streams(3), inputs)
    assert found.place.tolist() == [-1, 0, -1, 1]
    rows = torch.cat([owners.rows for owners in seen]).numpy()
    assert rows.shape == (2, 10)
    for row, organisation in zip(rows, (1, 3), strict=True):
        assert set(row) <= set(endowments[organisation])
        assert len(set(row)) == 10
    again = collect_evidence(fleet, operator, traders, {0: endowments}, Streams(3), inputs)
    assert all(torch.equal(again.leaves[name], leaf) for name, leaf in found.leaves.items())


def test_shuffled_endowments_are_padded():
    rows = shuffled([np.array([4, 7, 9]), np.array([1])], np.random.default_rng(0))
    assert sorted(rows[0]) == [4, 7, 9]
    assert rows[1].tolist() == [1, -1, -1]


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"learning": {"merge_operator": "glue"}}, "learning.merge_operator must be one of dare, fisher"),
        ({"learning": {"merge_operator": {"name": "ties", "density": 2}}}, "less than or equal to 1"),
        (
            {"learning": {"merge_operator": "uniform_soup"}, "broker": {"weight_search": "half"}},
            "broker.weight_search not half, for merge operator uniform_soup, .*; got full, half",
        ),
        (
            {"learning": {"merge_operator": "greedy_soup"}, "broker": {"trials": "none"}},
            "broker.trials must be full or weak, .* for merge operator greedy_soup",
        ),
        ({"broker": {"weight_search": "guess"}}, "weight_search"),
        ({"broker": {"weight_range": [0.5, 0.2]}}, r"broker.weight_range must be \[least, greatest\]"),
        ({"broker": {"weight_range": [0.0]}}, "broker.weight_range must be"),
        ({"broker": {"weight_tolerance": 0}}, "greater than 0"),
        ({"broker": {"start_round": 0}}, "greater than or equal to 1"),
        ({"broker": {"every": 0}}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_is_refused(choices, message):
    with pytest.raises((ValidationError, ValueError), match=message):
        small(**choices)
