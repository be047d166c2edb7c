"""A cell of an experiment: all arms and replicates of one configuration, played on the same data and weights.

Core Objects: RECORDS, play_cell
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from experiments.studies.reproduction.config import ReproductionConfig
from markets.columns import Floats, Ints
from sim.baseline_cohort import BaselineCohort
from sim.cohort import Cohort
from sim.laboratory import Laboratory

RECORDS: dict[str, str] = {
    "arm": "name of the arm",
    "replicate": "which division of the data and which initial weights",
    "round": "from 1",
    "organisation": "from 0",
    "pull": "strength of the proximal term (FedProx); 0 elsewhere",
    "validation_loss": "on the broker's data, nats an example, at the end of the round",
    "test_loss": "on data that no decision has seen, nats an example",
    "test_accuracy": "share right on these",
    "examples": "trained on so far, repeats counted",
    "flops": "floating-point operations so far of training and trials (see "
    "`agents.learning.training.flops`); what the trials of a round take is shared by its buyers in "
    "proportion to the trials that they make",
    "bought": "merges so far; for a baseline, rounds so far in which its model was mixed",
    "gain": "what the purchase of this round gained on the broker's data, nats; NaN without one",
    "weight": "its merge weight",
    "gradient": "squared norm of the gradient of the mean loss on the own examples; NaN unless asked for",
    "profit": "of this round in the market for the model's use, credits; NaN for baselines, and for arms "
    "whose consumers are in other regions than the configured setting's",
    "net": "profit and payments of this round, credits; NaN as for profit",
}
"""Columns of a cell's records; one row an arm, `pull`, replicate, round and organisation."""

KEY = ["arm", "pull", "replicate", "round", "organisation"]
CUMULATIVE = ["examples", "flops", "bought"]


def play_cell(config: ReproductionConfig, watch: Callable[[], None] | None = None) -> pd.DataFrame:
    """Play every arm of a cell and return its records, with the columns `RECORDS`.

    Worlds of the market with the same alignment are one cohort, and all baselines another. Since a slot's
    numbers do not depend on who else is in a batch, all arms are those of one comparison: same data, initial
    weights, visiting orders. `watch` is called after every round of a cohort.
    """
    frames = []
    for alignment in dict.fromkeys(arm.alignment for arm in config.markets.values()):
        names = {n: arm.setting for n, arm in config.markets.items() if arm.alignment == alignment}
        settings = list(dict.fromkeys(names.values()))
        cohort = Cohort(config.market(alignment), settings, config.replicates, config.seed)
        rounds = [_market_rows(config, cohort, watch) for _ in range(config.rounds)]
        played = pd.concat(rounds, ignore_index=True)
        frames += [played[played["arm"] == setting].assign(arm=name) for name, setting in names.items()]
    if config.baselines:
        baselines = BaselineCohort(config.market(), config.baselines, config.replicates, config.seed)
        frames += [_baseline_rows(config, baselines, watch) for _ in range(config.rounds)]
    records = pd.concat(frames, ignore_index=True)
    records["arm"] = pd.Categorical(records["arm"], config.arm_names)
    records = records.sort_values(KEY, ignore_index=True).astype({"arm": "str"})
    each = records.groupby([name for name in KEY if name != "round"], sort=False)
    records[CUMULATIVE] = each[CUMULATIVE].cumsum()
    return records[list(RECORDS)]


def _market_rows(
    config: ReproductionConfig, cohort: Cohort, watch: Callable[[], None] | None
) -> pd.DataFrame:
    """Play a round of a cohort of markets and return its rows; counts are those of the round."""
    tables = cohort.step()
    if watch:
        watch()
    key = ["arm", "replicate", "round", "organisation"]
    of_buyer = {"buyer": "organisation"}
    trials = tables["trials"].rename(columns=of_buyer).groupby(key).size().rename("trials")
    trades = tables["trades"].rename(columns=of_buyer).query("settled")
    best = trades.sort_values("measured_gain", kind="stable").groupby(key)[["measured_gain", "weight"]].last()
    rounds = tables["rounds"].set_index(key[:-1])
    a_trial = (rounds["trial_flops"] / rounds["trials"].clip(lower=1)).rename("flops_a_trial")
    rows = tables["organisations"].join(trials, on=key).join(best, on=key).join(a_trial, on=key[:-1])
    laboratory = cohort.laboratory
    return rows.assign(
        pull=0.0,
        examples=rows["training_flops"] // laboratory.architecture.training_flops,
        flops=rows["training_flops"] + rows["trials"].fillna(0) * rows["flops_a_trial"],
        gain=rows["measured_gain"],
        gradient=_gradients(config, laboratory, [(w.replicate, w.slots) for w in cohort.worlds]),
        **{name: rows[name].where(_comparable(config, rows["arm"])) for name in ("profit", "net")},
    )[list(RECORDS)]


def _baseline_rows(
    config: ReproductionConfig, cohort: BaselineCohort, watch: Callable[[], None] | None
) -> pd.DataFrame:
    """Play a round of all baselines and return its rows; counts are those of the round."""
    rows = cohort.step()
    if watch:
        watch()
    nothing = dict.fromkeys(["gain", "weight", "profit", "net"], np.nan)
    flops = rows["examples"] * float(cohort.laboratory.architecture.training_flops)
    gradient = _gradients(config, cohort.laboratory, [(g.replicate, g.slots) for g in cohort.groups])
    return rows.assign(flops=flops, gradient=gradient, **nothing)[list(RECORDS)]


def _comparable(config: ReproductionConfig, settings: pd.Series) -> pd.Series:
    """Return which rows are of a setting with the regions of the configured one."""
    market = config.market()
    regions = market.downstream().region
    same = {
        name: np.array_equal(market.in_setting(name).downstream().region, regions)
        for name in settings.unique()
    }
    return settings.map(same).astype(bool)


def _gradients(config: ReproductionConfig, laboratory: Laboratory, worlds: list[tuple[int, Ints]]) -> Floats:
    """Return the squared gradient norms of all worlds' organisations, in the order of the worlds."""
    if not config.gradients:
        return np.full(sum(len(slots) for _, slots in worlds), np.nan)
    return np.concatenate([laboratory.squared_gradient_norms(*world) for world in worlds])
