"""The cells of a mechanism: all strategies and settings played at once, on the same data and weights.

Core Objects: play_mechanism, MEASURES
"""

import numpy as np
import pandas as pd

from experiments.studies.cross.config import CrossConfig
from markets.columns import Floats
from sim.consumers.welfare import allocative_efficiency, share_better_off
from sim.laboratory import Laboratory
from sim.market import ParameterMarket
from sim.play import play
from sim.settings import SETTINGS

MEASURES: dict[str, str] = {
    "efficiency": "realised over first-best gains from trade",
    "revenue": "received by sellers, millicredits",
    "regret": "regret of misreporting, millicredits an organisation in the last round",
    "budget": "kept by the broker, millicredits",
    "welfare": "total welfare, millicredits",
    "better_off": "share of organisations better off than in autarky",
    "advantage": "a follower's net profit above that of the same seat telling the truth, millicredits",
    "damage": "a truthful rival's net profit below that where all tell the truth, millicredits",
}
"""What is measured in every cell and replicate, with units; sums over the rounds of a world."""

HEADINGS: dict[str, str] = {
    "efficiency": "efficiency",
    "revenue": "revenue, mCr",
    "regret": "regret, mCr",
    "budget": "broker, mCr",
    "welfare": "welfare, mCr",
    "better_off": "better off",
    "advantage": "advantage, mCr",
    "damage": "damage, mCr",
}
"""The same in short."""

MILLI = 1000.0

KEYS = ["mechanism", "strategy", "setting", "licence"]


def play_mechanism(config: CrossConfig, mechanism: str) -> pd.DataFrame:
    """Return one row for each strategy, setting and replicate of a mechanism, with the columns `MEASURES`.

    All worlds, and those of autarky and of truth that they are compared with, share one laboratory: each
    training step, trial and merge is one batched computation over strategies x settings x replicates. Cost
    grows with their number times the cost of a world, and of a round's clearing times organisations x
    factors.
    """
    compared = [(s, t) for t in config.settings for s in dict.fromkeys(["truthful", *config.strategies])]
    choices = list(dict.fromkeys(_played(*choice) for choice in [*compared, ("truthful", "autarky")]))
    worlds = _worlds(config, mechanism, choices)
    every = [world for replicate in worlds for world in replicate]
    nets = {id(world): np.zeros(config.organisations) for world in every}
    sums = {id(world): dict.fromkeys(_SUMMED, 0.0) for world in every}
    qualities: dict[int, list[np.ndarray]] = {id(world): [] for world in every}
    for _ in range(config.rounds):
        play(every)
        for world in every:
            assert world.report is not None
            for name in _SUMMED:
                sums[id(world)][name] += float(world.report.totals[name])
            nets[id(world)] += world.report.tables["organisations"]["net"]
            qualities[id(world)].append(world.quality)
    rows = []
    for replicate, own in enumerate(worlds):
        of = dict(zip(choices, own, strict=True))
        alone = np.array(qualities[id(of["truthful", "autarky"])])
        for strategy, setting in compared:
            if strategy in config.strategies:
                world, honest = of[_played(strategy, setting)], of["truthful", setting]
                key = [mechanism, strategy, setting, config.licence_of(mechanism), replicate]
                row = dict(zip([*KEYS, "replicate"], key, strict=True))
                row |= _outcome(sums[id(world)], world.regret_of_misreporting(config.factors))
                baseline = world.downstream.outcomes(alone)[0].sum(axis=0)
                row["better_off"] = share_better_off(nets[id(world)], baseline)
                change = nets[id(world)] - nets[id(honest)]
                row["advantage"] = MILLI * change[: config.followers].mean()
                row["damage"] = -MILLI * change[config.followers :].mean()
                rows.append(row)
    return pd.DataFrame(rows)


_SUMMED = ("gains_realised", "gains_first_best", "volume", "broker_surplus", "welfare")


def _played(strategy: str, setting: str) -> tuple[str, str]:
    """Return the world that stands for a cell: where organisations cooperate no strategy is asked."""
    return ("truthful" if SETTINGS[setting].cooperates else strategy, setting)


def _worlds(
    config: CrossConfig, mechanism: str, choices: list[tuple[str, str]]
) -> list[list[ParameterMarket]]:
    """Return a world for each (strategy, setting), a list for each replicate."""
    configs = [config.world(mechanism, strategy, setting) for strategy, setting in choices]
    laboratory = Laboratory(configs[0], config.seed, range(config.replicates), len(configs))
    return [
        [
            ParameterMarket(own, replicate=replicate, world=number, laboratory=laboratory, seed=config.seed)
            for number, own in enumerate(configs)
        ]
        for replicate in range(config.replicates)
    ]


def _outcome(sums: dict[str, float], regret: Floats) -> dict[str, float]:
    return {
        "efficiency": allocative_efficiency(sums["gains_realised"], sums["gains_first_best"]),
        "revenue": MILLI * (sums["volume"] - sums["broker_surplus"]),
        "regret": MILLI * float(regret.mean()),
        "budget": MILLI * sums["broker_surplus"],
        "welfare": MILLI * sums["welfare"],
    }
