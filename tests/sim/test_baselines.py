"""Baselines: what they mix, that they are paired with the market, and plain loops that give the same."""

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from sim.baseline_cohort import BaselineCohort
from sim.baselines import BASELINES
from sim.cohort import Cohort
from sim.config.broker import BrokerConfig
from sim.laboratory.epochs import union, visiting_order
from sim.laboratory.requests import Train
from tests.sim.conftest import small

SIZES = np.array([10, 30, 40, 20, 0])
RATE, ROUNDS = 0.1, 3
WORLD = {"learning": {"optimiser": {"name": "sgd", "lr": RATE, "momentum": 0}, "batch_size": 16}}


def mixing(name, number=1, broker=None, **fields):
    baseline = BASELINES.build({"name": name, **fields})
    return baseline.mixing(number, broker or BrokerConfig(), SIZES, np.random.default_rng(number))


def test_fedavg_weighs_by_examples():
    """McMahan et al. 2017, algorithm 1: sum over clients of n_k / n times the client's weights."""
    np.testing.assert_allclose(mixing("fedavg"), np.tile([0.1, 0.3, 0.4, 0.2, 0.0], (5, 1)))


def test_gossip_pairs_everybody_once_and_keeps_the_mean():
    """Boyd et al. 2006: averaging matrices are doubly stochastic, symmetric and idempotent."""
    met = np.zeros((5, 5))
    for number in range(40):
        weights = mixing("gossip", number)
        np.testing.assert_array_equal(weights.sum(axis=0), 1)
        np.testing.assert_array_equal(weights.sum(axis=1), 1)
        np.testing.assert_array_equal(weights, weights.T)
        np.testing.assert_array_equal(weights @ weights, weights)
        assert sorted(weights.diagonal()) == [0.5] * 4 + [1.0]
        met += weights > 0
    assert (met > 0).all()


def test_the_schedule_of_the_market():
    broker = BrokerConfig(start_round=3, every=2)
    averages = [(mixing("fedavg", n, broker, schedule="market") != np.eye(5)).any() for n in range(1, 7)]
    assert averages == [False, False, True, False, True, False]
    assert (mixing("fedavg", 1, broker) != np.eye(5)).any()


@pytest.fixture(scope="module")
def played():
    """A cohort of every baseline, its rows of three rounds, and the autarky of the same world."""
    config = small(**WORLD)
    named = {name: BASELINES.build(name) for name in ("fedavg", "gossip", "pooled", "deep_ensemble")}
    named["fedprox"] = BASELINES.build({"name": "fedprox", "mu": [0.0, 0.5]})
    cohort = BaselineCohort(config, named, replicates=2, seed=3)
    rows = pd.concat([cohort.step() for _ in range(ROUNDS)], ignore_index=True)
    market = Cohort(config, ("autarky",), replicates=2, seed=3)
    alone = [market.step()["organisations"] for _ in range(ROUNDS)]
    return cohort, rows, market, alone


def slots(cohort, arm, replicate=1, pull=0.0):
    (group,) = [g for g in cohort.groups if (g.arm, g.replicate, g.pull) == (arm, replicate, pull)]
    return group.slots


def plain_federation(laboratory, config, average, pooled=False, mu=0.0):
    """Return the modules after three rounds of local SGD in plain loops; `average` mixes state dicts."""
    endowments = laboratory.divisions[1].endowments
    inputs, labels = laboratory.materials.inputs, laboratory.materials.targets
    fleet = BaselineCohort(config, {"alone": BASELINES.build("pooled")}, 2, 3).laboratory
    modules = [fleet.module(slot) for slot in fleet.slots_of(1, 0)]
    if average:
        for module in modules:
            module.load_state_dict(modules[0].state_dict())
    for number in range(1, ROUNDS + 1):
        asked = _training(number, len(modules), pooled)
        order = visiting_order([asked], laboratory.divisions, laboratory.streams, 0)
        for module, row in zip(modules, order, strict=True):
            anchor = [p.detach().clone() for p in module.parameters()]
            for batch in torch.from_numpy(row[row >= 0]).split(16):
                loss = F.cross_entropy(module(inputs[batch]), labels[batch])
                near = sum((p - a).square().sum() for p, a in zip(module.parameters(), anchor, strict=True))
                module.zero_grad()
                (loss + mu / 2 * near).backward()
                with torch.no_grad():
                    for p in module.parameters():
                        p -= RATE * p.grad
        if average:
            share = [len(e) / sum(map(len, endowments)) for e in endowments]
            states = [module.state_dict() for module in modules]
            mean = {n: sum(w * s[n] for w, s in zip(share, states, strict=True)) for n in states[0]}
            for module in modules:
                module.load_state_dict(mean)
    return modules


def _training(number, organisations, pooled):
    everyone = np.arange(organisations)
    return Train(
        slots=everyone,
        organisation=everyone,
        replicate=1,
        round=number,
        trains=np.ones(organisations, bool),
        relabelled=np.zeros((4, 1)),
        pooled=pooled,
    )


@pytest.mark.parametrize(
    ("arm", "average", "pull", "pooled"),
    [("fedavg", True, 0.0, False), ("fedprox", True, 0.5, False), ("pooled", False, 0.0, True)],
)
def test_the_fleet_does_what_plain_loops_do(played, arm, average, pull, pooled):
    cohort = played[0]
    modules = plain_federation(cohort.laboratory, small(**WORLD), average, pooled, pull)
    for slot, module in zip(slots(cohort, arm, pull=pull), modules, strict=True):
        for name, expected in module.state_dict().items():
            found = cohort.laboratory.fleet.parameters[name][slot]
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_no_proximal_term_is_fedavg_bit_for_bit(played):
    cohort = played[0]
    fedavg, fedprox = (cohort.laboratory.fleet.copy_of(slots(cohort, a)) for a in ("fedavg", "fedprox"))
    assert all(torch.equal(fedavg[name], fedprox[name]) for name in fedavg)


def test_members_of_the_ensemble_are_the_models_of_autarky_bit_for_bit(played):
    cohort, rows, market, alone = played
    members = cohort.laboratory.fleet.copy_of(slots(cohort, "deep_ensemble"))
    silo = market.laboratory.fleet.copy_of(market.laboratory.slots_of(1, 0))
    assert all(torch.equal(members[name], silo[name]) for name in silo)
    together = rows[(rows["arm"] == "deep_ensemble") & (rows["round"] == ROUNDS)]
    assert together.groupby("replicate")["test_loss"].nunique().tolist() == [1, 1]
    assert together["test_loss"].mean() < alone[-1]["test_loss"].mean()  # the loss is convex in the answer


def test_pooled_organisations_see_everything_once(played):
    cohort, rows, _, _ = played
    divisions = cohort.laboratory.divisions
    division = divisions[0]
    everything = union(division.endowments)
    order = visiting_order([_training(1, 4, True)], divisions, cohort.laboratory.streams, 0)
    assert all(np.array_equal(np.sort(row), union(divisions[1].endowments)) for row in order)
    assert len({tuple(row) for row in order}) == 4
    own = rows[(rows["arm"] == "pooled") & (rows["replicate"] == 0)]
    assert (own["examples"] == len(everything)).all()
    held = division.class_counts(cohort.laboratory.labels, 10).sum()
    assert len(everything) == held  # disjoint here


def test_the_same_rows_whatever_else_is_played(played):
    """Adding a baseline moves no random stream of the others."""
    alone = BaselineCohort(small(**WORLD), {"gossip": BASELINES.build("gossip")}, replicates=2, seed=3)
    rows = pd.concat([alone.step() for _ in range(ROUNDS)], ignore_index=True)
    beside = played[1][played[1]["arm"] == "gossip"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, beside, rtol=1e-4)
