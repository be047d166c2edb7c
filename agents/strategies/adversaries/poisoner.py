"""Poisoning: models that look good where they are tested and err elsewhere."""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.adversaries.margin import Pretender
from markets.accounts.money import Money
from markets.columns import Ints


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Poisoner(Pretender):
    """Trains on its own examples with the labels of untested classes swapped in a ring, and sells the result.

    Labels of the first `spared` classes stay true, by default those of half of them, which is what a weak
    trial covers by default; those of the others move on to the next of them. The model that it lists is good
    on the first and wrong with confidence on the others. It buys nothing, which would dilute the poison, asks
    `margin` credits above the cost of delivery, and claims that its model equals the best.

    Source: Biggio, Nelson and Laskov (2012), ICML: poisoning by flipped labels.

    Parameters
    ----------
    spared : int or None
        How many classes, the first ones, keep their true labels; None is half of them.
    margin : float
        Credits above the cost of delivery that it asks.
    """

    name: str = "poisoner"
    spared: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    margin: Money = 0.0

    def teach(self, classes: int) -> Ints:
        """Return the true classes for the spared ones and the next of the others for the others."""
        spared = min(classes, max(1, classes // 2) if self.spared is None else self.spared)
        others = np.arange(spared, classes)
        return np.concatenate([np.arange(spared), np.roll(others, -1)])
