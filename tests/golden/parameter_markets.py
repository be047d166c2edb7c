"""Records of models that learn: worlds, baselines, a row of the cross table, contests and prices."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from experiments.studies.contests import (
    ADVERSARIES,
    INDUCED_RULES,
    RULES,
    market_of,
    play_induced,
    play_parameters,
)
from experiments.studies.cross.cells import play_mechanism
from experiments.studies.cross.config import CrossConfig
from experiments.studies.pricing.command import play_pricing
from experiments.studies.pricing.markets import markets_of
from sim.baseline_cohort import BaselineCohort
from sim.baselines import BASELINES
from sim.cohort import Cohort
from sim.config.market import MarketConfig
from tests.golden.kinds import Fields, Tables, joined, over


@dataclass(frozen=True)
class Worlds:
    """Worlds of models that learn: all tables of a run.

    Attributes
    ----------
    base : mapping
        Fields of `MarketConfig` that all cases share.
    cases : mapping
        What is different in each case. ``arms``, ``rounds`` and ``replicates`` may be among it.
    """

    base: Fields
    cases: Mapping[str, Fields]
    portable = True

    def tables(self) -> Tables:
        """Play every case."""
        return joined({case: self._played(**over(self.base, own)) for case, own in self.cases.items()})

    def configurations(self) -> Iterator[Any]:
        """The worlds, in every setting that is played."""
        for own in self.cases.values():
            spec = over(self.base, own)
            arms = spec.pop("arms", ["competitive"])
            config = MarketConfig(**{k: v for k, v in spec.items() if k not in ("rounds", "replicates")})
            yield from (config.in_setting(arm) for arm in arms)

    def _played(
        self, arms: tuple[str, ...] = ("competitive",), rounds: int = 2, replicates: int = 1, **world: Any
    ) -> Tables:
        return Cohort(MarketConfig(**world), arms, replicates, seed=0).run(rounds)


@dataclass(frozen=True)
class Baselines:
    """Organisations that learn without a market.

    Attributes
    ----------
    world : mapping
        Fields of `MarketConfig`.
    baselines : mapping
        What they do, by the names of their arms.
    """

    world: Fields
    baselines: Mapping[str, Any]
    rounds: int = 2
    portable = True

    def tables(self) -> Tables:
        """Play the rounds of every baseline."""
        cohort = BaselineCohort(MarketConfig(**self.world), self._built(), replicates=1, seed=0)
        rounds = [cohort.step() for _ in range(self.rounds)]
        return {"organisations": pd.concat(rounds, ignore_index=True)}

    def configurations(self) -> Iterator[Any]:
        """The world and the baselines."""
        yield MarketConfig(**self.world)
        yield from self._built().values()

    def _built(self) -> dict[str, Any]:
        return {arm: BASELINES.build(baseline) for arm, baseline in self.baselines.items()}


@dataclass(frozen=True)
class Cross:
    """A row of the cross table: strategies x settings under one mechanism."""

    config: Fields
    mechanism: str
    portable = True

    def tables(self) -> Tables:
        """Play the cells."""
        return {"cells": play_mechanism(CrossConfig(**self.config), self.mechanism)}

    def configurations(self) -> Iterator[Any]:
        """The worlds of the cells."""
        config = CrossConfig(**self.config)
        for strategy, setting in itertools.product(config.strategies, config.settings):
            yield config.world(self.mechanism, strategy, setting)


@dataclass(frozen=True)
class Contests:
    """Adversaries beside the same seats without their trick, and prices under information."""

    adversary: str
    rule: str
    portable = True

    def tables(self) -> Tables:
        """Play a contest on parameters, those on induced values, and the markets of the pricing study."""
        (adversary,) = (one for one in ADVERSARIES if one.name == self.adversary)
        config = market_of(adversary, RULES[self.rule], attack=True)
        induced = {
            f"{name}, {rule}": {"induced": play_induced(name, INDUCED_RULES[rule], True, 4, 2, 4, 0)}
            for name, rule in itertools.product(("ring", "false_name"), INDUCED_RULES)
        }
        priced = play_pricing(markets_of(2), rounds=2, replicates=1, seed=0)
        parameters = play_parameters(config, adversary.seats, 1, 1, 0)
        return {"parameters": parameters} | priced | joined(induced)

    def configurations(self) -> Iterator[Any]:
        """The world of the adversary."""
        (adversary,) = (one for one in ADVERSARIES if one.name == self.adversary)
        yield market_of(adversary, RULES[self.rule], attack=True)
