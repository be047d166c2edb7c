"""Gossip averaging."""

import numpy as np
from pydantic.dataclasses import dataclass

from sim.baselines import BASELINES
from sim.baselines.base import Averaging, Floats, Ints


@BASELINES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Gossip(Averaging):
    """Organisations meet in random pairs, and the two models of a pair become their mean; no server.

    Source: Boyd, Ghosh, Prabhakar and Shah (2006), "Randomized gossip algorithms", with as many disjoint
    pairs a round as there can be. The matrices are doubly stochastic: the mean of all models stays what it
    was.
    """

    name: str = "gossip"

    def average(self, examples: Ints, rng: np.random.Generator) -> Floats:
        """Return 1/2 for both of a pair; of an odd number one organisation stays alone."""
        number = len(examples)
        paired = rng.permutation(number)[: number - number % 2].reshape(-1, 2)
        partner = np.arange(number)
        partner[paired] = paired[:, ::-1]
        return (np.eye(number) + np.eye(number)[partner]) / 2
