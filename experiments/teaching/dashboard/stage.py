"""The worlds that a page plays: one or two markets, and the same organisations without one."""

import mesa
import numpy as np
import pandas as pd

from experiments.teaching.dashboard.chronicle import Chronicle, Tables, beside_autarky
from markets.refusals import InputError
from sim.config.market import MarketConfig
from sim.laboratory import Laboratory
from sim.market import ParameterMarket
from sim.play import play

MOST_ROUNDS = 200
"""A stage plays so many rounds at most: what it keeps of them is bounded, even if nobody watches."""


class Stage(mesa.Model):
    """Markets that share data, initial weights and random streams, stepped together.

    Parameters
    ----------
    markets : tuple of MarketConfig
        They may differ in setting and mechanism.
    seed : int
        Root of all random streams.

    Attributes
    ----------
    chronicles : tuple of Chronicle
        One a market; it grows by a round a step.

    Raises
    ------
    InputError
        If the seed is negative or the data cannot be shared out as configured.
    """

    def __init__(self, markets: tuple[MarketConfig, ...], seed: int) -> None:
        if seed < 0:
            raise InputError(f"seed must be a whole number from 0; got {seed}")
        super().__init__(seed=seed)
        self.running: bool = True
        laboratory = Laboratory(markets[0], seed, worlds=len(markets) + 1)
        self.worlds = [
            ParameterMarket(config, world=number, laboratory=laboratory, seed=seed)
            for number, config in enumerate([*markets, markets[0].in_setting("autarky")])
        ]
        owned = laboratory.divisions[0].class_counts(laboratory.labels, laboratory.classes)
        self.chronicles = tuple(Chronicle(market, endowments=owned) for market in markets)

    def step(self) -> None:
        """Play one round in every world, and write down what happened."""
        play(self.worlds)
        *markets, autarky = [self._tables(world) for world in self.worlds]
        for chronicle, tables in zip(self.chronicles, markets, strict=True):
            chronicle.rounds.append(beside_autarky(chronicle.market, tables, autarky))
        self.running = self.running and self.steps < MOST_ROUNDS

    @staticmethod
    def _tables(world: ParameterMarket) -> Tables:
        """Return the tables of the round just played, and the accuracy on test examples of each class."""
        assert world.report is not None
        tables = {name: pd.DataFrame(columns) for name, columns in world.report.tables.items()}
        accuracy = world.laboratory.accuracy_by_class(world.slots)
        organisation, label = np.indices(accuracy.shape)
        tables["classes"] = pd.DataFrame(
            {"organisation": organisation.ravel(), "class": label.ravel(), "accuracy": accuracy.ravel()}
        )
        return tables
