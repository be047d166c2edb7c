"""Federated averaging."""

import numpy as np
from pydantic.dataclasses import dataclass

from sim.baselines import BASELINES
from sim.baselines.base import Averaging, Floats, Ints


@BASELINES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class FedAvg(Averaging):
    """Everybody's model becomes the mean of all, weighted by examples; nothing is aligned.

    Source: McMahan, Moore, Ramage, Hampson and Aguera y Arcas (2017), "Communication-efficient learning of
    deep networks from decentralized data", with all clients in every round. They start from common initial
    weights; Huang, Vishwakarma and Sala (2023) compare their market with averages of models from different
    ones, at the market's trading rounds: ``same_start`` false and ``schedule`` market.
    """

    name: str = "fedavg"

    def average(self, examples: Ints, rng: np.random.Generator) -> Floats:
        """Return the shares of the examples, in every row."""
        del rng
        return np.tile(examples / examples.sum(), (len(examples), 1))
