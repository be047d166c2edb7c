"""Each adversary does its harm under a rule that is weak against it, and not under one that resists."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from experiments.command_line.cli import main
from experiments.findings.statistics import paired_interval
from experiments.studies import adversaries
from experiments.studies.adversaries import harm_table
from experiments.studies.contests import (
    ADVERSARIES,
    INDUCED_RULES,
    MEASURES,
    RULES,
    market_of,
    mix_of,
    play_induced,
    play_parameters,
)
from markets.theory import false_name_bid, ring_revenue

BY_NAME = {adversary.name: adversary for adversary in ADVERSARIES}


def trick(name, rule, replicates=5, rounds=2):
    """Return the paired differences of every measure."""
    adversary = BY_NAME[name]
    attack, control = (
        play_parameters(market_of(adversary, RULES[rule], side), adversary.seats, rounds, replicates, 0)
        for side in (True, False)
    )
    return {m: paired_interval(attack[m].to_numpy(), control[m].to_numpy()) for m in MEASURES}


@pytest.mark.parametrize("name", ["free_rider", "poisoner"])
def test_full_trials_leave_nothing_to_who_sells_bad_blocks(name):
    """Nobody buys: not one number differs from the market in which it asks more than anybody pays."""
    found = trick(name, "full trials", replicates=2, rounds=1)
    assert all(each.mean == each.low == each.high == 0 for each in found.values())


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "rule", "replicates", "rounds"),
    [
        ("free_rider", "no trials", 4, 2),
        ("poisoner", "no trials", 4, 2),
        ("poisoner", "weak trials", 8, 3),
    ],
)
def test_bad_blocks_sell_and_do_harm_where_trials_do_not_find_them_out(name, rule, replicates, rounds):
    found = trick(name, rule, replicates, rounds)
    assert found["others_payoff"].high < 0
    assert found["welfare"].high < 0
    assert found["adversary_revenue"].mean > 0.02


def test_an_untrained_model_cannot_be_listed_where_listings_need_own_training():
    found = trick("free_rider", "no trials, own training", replicates=2, rounds=1)
    assert all(each.mean == 0 for each in found.values())


@pytest.mark.heavy
def test_a_reseller_undoes_exclusivity_unless_listings_need_own_training():
    found = trick("reseller", "second price, one copy", replicates=6, rounds=2)
    assert found["others_payoff"].high < 0
    assert found["adversary_revenue"].low > 0
    resisted = trick("reseller", "second price, one copy, own training", replicates=2)
    assert all(each.mean == 0 for each in resisted.values())


@pytest.mark.slow
def test_a_ring_lowers_what_producers_of_scarce_blocks_get_at_the_second_price_and_not_at_the_first():
    second, first = (
        trick("ring", f"{which} price, one copy", replicates=8, rounds=3) for which in ("second", "first")
    )
    assert second["others_revenue"].high < 0
    assert first["others_revenue"].high > 0
    assert second["others_revenue"].mean < first["others_revenue"].mean


def induced(name, rule, replicates, buyers=6, seats=3):
    attack, control = (
        play_induced(name, INDUCED_RULES[rule], side, buyers, seats, replicates, 3) for side in (True, False)
    )
    return attack, control, {m: paired_interval(attack[m], control[m]) for m in MEASURES}


def test_a_ring_at_the_second_price_of_the_textbook():
    """Graham and Marshall 1987: the seller loses what the ring wins; the formula gives how much."""
    _, _, found = induced("ring", "second price, one copy", replicates=250)
    expected, revenue = ring_revenue(6, 3) - ring_revenue(6, 1), found["others_revenue"]
    assert abs(revenue.mean - expected) < 2 * (revenue.high - revenue.mean)
    assert found["adversary_payoff"].mean == pytest.approx(-found["others_payoff"].mean)
    assert found["adversary_payoff"].low > 0
    for rule in ("first price, one copy", "posted price, copies", "optimal price, copies"):
        assert induced("ring", rule, replicates=50)[2]["adversary_payoff"].high <= 0


def test_false_names_at_an_optimal_price_of_the_textbook():
    """Yokoo, Sakurai and Matsubara 2004: alike buyers pay v, the owner of two more names a share of it."""
    attack, control, found = induced("false_name", "optimal price, copies", replicates=50)
    # Four real buyers at v in the control; two names bid the share, and the owner saves the rest.
    saved = attack["adversary_payoff"] - control["adversary_payoff"]
    value = control["others_revenue"] / 4
    np.testing.assert_allclose(saved, (1 - false_name_bid(4, 2)) * value)
    assert found["others_payoff"].high < 0
    for rule in (
        "second price, one copy",
        "first price, one copy",
        "posted price, copies",
        "random sampling",
    ):
        assert induced("false_name", rule, replicates=50)[2]["adversary_payoff"].high <= 0


def test_populations_differ_in_the_adversary_s_seats_alone():
    for adversary in ADVERSARIES:
        attack, control = mix_of(adversary, True), mix_of(adversary, False)
        assert sum(attack.values()) == sum(control.values()) == 8
        assert attack[adversary.name] == adversary.seats
        assert attack["truthful"] == 8 - adversary.seats <= control["truthful"]


def test_differences_are_paired():
    rows = [(attack, r, r + 2.0 * attack) for attack in (True, False) for r in (3, 1, 2)]
    samples = pd.DataFrame(rows, columns=["attack", "replicate", "x"])
    samples = samples.assign(market="m", adversary="a", rule="r", **dict.fromkeys(MEASURES, samples["x"]))
    table = harm_table(samples)
    assert list(table["measure"]) == list(MEASURES)
    assert (table[["mean", "low", "high"]] == 2.0).all().all()


@pytest.fixture
def few_cells(monkeypatch):
    """One adversary, two rules and a few textbook markets under two more."""
    monkeypatch.setattr(adversaries, "ADVERSARIES", (dataclasses.replace(BY_NAME["ring"], seats=6),))
    monkeypatch.setattr(adversaries, "RULES", {name: RULES[name] for name in list(RULES)[4:6]})
    few = {name: INDUCED_RULES[name] for name in list(INDUCED_RULES)[:2]}
    monkeypatch.setattr(adversaries, "INDUCED_RULES", few)
    monkeypatch.setattr(adversaries, "INDUCED_REPLICATES", 5)


def test_the_command_prints_and_saves(few_cells, tmp_path, capsys):
    assert main(["adversaries", "--replicates", "2", "--rounds", "1", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "second price, one copy" in printed
    assert "ring: the last 6 seats, against truthful in the same seats" in printed
    names = {path.name for path in tmp_path.iterdir()}
    figures = {f"harm_{m}.{kind}" for m in ("parameters", "induced") for kind in ("png", "svg")}
    assert figures | {"harm.csv", "harm.parquet", "replicates.parquet", "cells", "config.yaml"} == names
    table = pd.read_csv(tmp_path / "harm.csv")
    assert set(table["market"]) == {"parameters", "induced"}


def test_wrong_numbers_are_refused(tmp_path, capsys):
    assert main(["adversaries", "--replicates", "1", "--output", str(tmp_path)]) == 2
    assert "replicates must be a whole number from 2 to 1000; got 1" in capsys.readouterr().err
