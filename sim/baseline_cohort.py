"""The cohort of baselines: all baselines x replicates, stepped together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from markets.columns import Floats, Ints
from markets.refusals import InputError
from sim.baselines import Baseline
from sim.config.market import MarketConfig
from sim.laboratory import Laboratory
from sim.laboratory.requests import Evaluate, EvaluateTogether, Measured, Mix, Train


@dataclass(frozen=True)
class _Group:
    """The organisations of one baseline, strength of its proximal term, and replicate."""

    arm: str
    baseline: Baseline
    pull: float
    replicate: int
    slots: Ints


class BaselineCohort:
    """Organisations that learn without a market, as those of a `sim.cohort.Cohort` of the same configuration.

    They have the same data, initial weights and visiting orders as the market's arms, so that arms differ in
    pairs. All train in one batched computation a round.

    Parameters
    ----------
    config : MarketConfig
        The world of the market's arms.
    baselines : mapping
        Baselines by the names of their arms.
    replicates : int
        How many independent repetitions.
    seed : int
        Root of all random streams.
    """

    def __init__(
        self, config: MarketConfig, baselines: Mapping[str, Baseline], replicates: int, seed: int
    ) -> None:
        for key, group in config.population.each(config.organisations):
            if group.enter > 1 or group.leave is not None:
                raise InputError(
                    f"{key} must be there from the first round to the last where baselines are played, which "
                    f"have no market to enter; got enter {group.enter} and leave {group.leave}"
                )
        if len(config.networks()[0]) > 1:
            named = ", ".join(network.name for network in config.networks()[0])
            raise InputError(
                f"networks must be one and the same where baselines are played, which take means of models; "
                f"got {named}"
            )
        self.config = config
        played = [(arm, one, pull) for arm, one in baselines.items() for pull in one.pulls]
        self.laboratory = Laboratory(config, seed, range(replicates), len(played))
        self.groups = [
            _Group(*each, replicate, self.laboratory.slots_of(replicate, world))
            for replicate in range(replicates)
            for world, each in enumerate(played)
        ]
        self.rounds_played = 0
        self._set_starts()

    def step(self) -> pd.DataFrame:
        """Play one round of every group: train, mix, measure.

        Returns
        -------
        DataFrame
            One row a group and organisation: `arm`, `replicate`, `round`, `organisation`, `pull` (strength of
            the proximal term), `validation_loss` and `test_loss` (nats an example), `test_accuracy`,
            `examples` (trained on in the round) and `bought` (whether the model was mixed). All organisations
            of an ensemble have its losses and accuracy.
        """
        self.rounds_played += 1
        perform = self.laboratory.perform
        trained = perform([self._training(group) for group in self.groups])
        mixing = [self._mixing(group) for group in self.groups]
        mixed = [(weights != np.eye(len(weights))).any(axis=1) for weights in mixing]
        mixes = [
            Mix(slots=group.slots, weights=weights)
            for group, weights, moved in zip(self.groups, mixing, mixed, strict=True)
            if moved.any()
        ]
        if mixes:
            perform(mixes)
        known, tested = (self._measure(part) for part in ("validation", "test"))
        number = self.config.organisations
        of_group = {
            "arm": np.array([group.arm for group in self.groups], dtype=object),
            "replicate": np.array([group.replicate for group in self.groups]),
            "round": np.full(len(self.groups), self.rounds_played),
            "pull": np.array([group.pull for group in self.groups]),
        }
        of_each = {
            "organisation": np.tile(np.arange(number), len(self.groups)),
            "validation_loss": np.concatenate([np.resize(measured.loss, number) for measured in known]),
            "test_loss": np.concatenate([np.resize(measured.loss, number) for measured in tested]),
            "test_accuracy": np.concatenate([np.resize(measured.accuracy, number) for measured in tested]),
            "examples": np.concatenate([answer.examples for answer in trained]),
            "bought": np.concatenate(mixed).astype(np.int64),
        }
        return pd.DataFrame({name: np.repeat(c, number) for name, c in of_group.items()} | of_each)

    def _set_starts(self) -> None:
        fleet = self.laboratory.fleet
        for group in self.groups:
            if group.baseline.one_start:
                fleet.write(group.slots, fleet.copy_of(np.full(len(group.slots), group.slots[0])))

    def _training(self, group: _Group) -> Train:
        number, classes = len(group.slots), self.laboratory.classes
        return Train(
            slots=group.slots,
            organisation=np.arange(number),
            replicate=group.replicate,
            round=self.rounds_played,
            trains=np.ones(number, dtype=bool),
            relabelled=np.tile(np.arange(classes), (number, 1)),
            pooled=group.baseline.pooled,
            pull=np.full(number, group.pull) if group.pull else None,
        )

    def _mixing(self, group: _Group) -> Floats:
        examples = np.array([len(own) for own in self.laboratory.divisions[group.replicate].endowments])
        draw = self.laboratory.streams.stream("mixing", group.replicate, self.rounds_played)
        return group.baseline.mixing(self.rounds_played, self.config.broker, examples, draw)

    def _measure(self, part: str) -> list[Measured]:
        """Return loss and accuracy of every group's organisations, [N] each; [1] of an ensemble."""
        alone = [group for group in self.groups if not group.baseline.ensemble]
        together = [group for group in self.groups if group.baseline.ensemble]
        asked: dict[type, Any] = {Evaluate: alone, EvaluateTogether: together}
        answers: dict[int, Measured] = {}
        for kind, groups in asked.items():
            if groups:
                found = self.laboratory.perform([kind(slots=g.slots, part=part) for g in groups])
                answers |= {int(g.slots[0]): answer for g, answer in zip(groups, found, strict=True)}
        return [answers[int(group.slots[0])] for group in self.groups]
