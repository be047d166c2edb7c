"""How each organisation of a world trains.

Core Objects: Ways
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.learning.training.optimisers import Optimiser
from markets.columns import Floats, Ints
from sim.config.market import MarketConfig


@dataclass(frozen=True, eq=False)
class Ways:
    """How N organisations train.

    Attributes
    ----------
    optimisers : list of Optimiser
        Those that are used, but for their learning rates.
    optimiser : int64 [N]
        The number of each one's.
    rate : float64 [N]
        Learning rates.
    epochs, batch : int64 [N]
        Passes a round, and examples a step.
    budget : float64 [N]
        Floating-point operations that training may take in a round; inf: any number.
    """

    optimisers: list[Optimiser]
    optimiser: Ints
    rate: Floats
    epochs: Ints
    batch: Ints
    budget: Floats

    @classmethod
    def of(cls, config: MarketConfig) -> "Ways":
        """Return how the organisations of a world train."""
        usual, optimisers = config.learning, list[Optimiser]()
        rows = []
        for key, group in config.population.each(config.organisations):
            own = group.learning
            optimiser = own.optimiser_of(key, usual.optimiser)
            place = next((i for i, one in enumerate(optimisers) if _alike(one, optimiser)), len(optimisers))
            optimisers += [optimiser] * (place == len(optimisers))
            epochs = usual.local_epochs if own.local_epochs is None else own.local_epochs
            batch = usual.batch_size if own.batch_size is None else own.batch_size
            budget = np.inf if own.flops is None else own.flops
            rows += [(place, optimiser.lr, epochs, batch, budget)] * group.count
        numbers, rates, passes, batches, budgets = zip(*rows, strict=True)
        return cls(
            optimisers=optimisers,
            optimiser=np.array(numbers),
            rate=np.array(rates, dtype=np.float64),
            epochs=np.array(passes),
            batch=np.array(batches),
            budget=np.array(budgets, dtype=np.float64),
        )

    def optimiser_for(self, organisations: Ints) -> Optimiser:
        """Return the one that keeps most of those that some organisations [n] use."""
        used = [self.optimisers[number] for number in np.unique(self.optimiser[organisations]).tolist()]
        return max(used, key=lambda one: len(one.decays))


def _alike(one: Any, other: Any) -> bool:
    """Return whether two optimisers differ in their learning rates alone."""
    return type(one) is type(other) and bool(replace(one, lr=other.lr) == other)
