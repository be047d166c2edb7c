"""Distributions from which a textbook market draws what its traders are told a unit is worth or costs."""

from abc import ABC, abstractmethod
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from markets.columns import Floats
from markets.refusals import InputError
from markets.registry import Registry

Amount = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class Distribution(ABC):
    """Where the values or costs of one side come from. Subclasses are frozen dataclasses."""

    name: str

    @abstractmethod
    def draw(self, markets: int, traders: int, rng: np.random.Generator) -> Floats:
        """Return amounts in credits, float64 [markets, traders], none negative.

        Raises
        ------
        InputError
            If the distribution is for another number of traders.
        """


DISTRIBUTIONS: Registry[Distribution] = Registry("distribution", Distribution)
"""Every distribution by name."""


@DISTRIBUTIONS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Uniform(Distribution):
    """Independent draws, uniform on [low, high] credits.

    Parameters
    ----------
    low, high : float
        Ends of the interval, in credits.
    """

    name: str = "uniform"
    low: Amount = 0.0
    high: Amount = 1.0

    @model_validator(mode="after")
    def _is_a_range(self) -> "Uniform":
        if not self.high > self.low:
            raise InputError(f"high must be above low ({self.low}); got {self.high}")
        return self

    def draw(self, markets: int, traders: int, rng: np.random.Generator) -> Floats:
        """Return uniform draws."""
        return rng.uniform(self.low, self.high, (markets, traders))


@DISTRIBUTIONS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Exponential(Distribution):
    """Independent draws, exponential with the given mean in credits, cut off at 50 times the mean.

    Parameters
    ----------
    mean : float
        In credits.
    """

    name: str = "exponential"
    mean: Annotated[float, Field(gt=0, le=1e4, allow_inf_nan=False)] = 1.0

    def draw(self, markets: int, traders: int, rng: np.random.Generator) -> Floats:
        """Return exponential draws; the cut, met once in 5e21 draws, keeps amounts within the ledger's."""
        return np.minimum(rng.exponential(self.mean, (markets, traders)), 50 * self.mean)


@DISTRIBUTIONS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Schedule(Distribution):
    """Fixed amounts, one a trader: a demand or supply schedule, as Smith (1962) handed out on cards.

    Each amount may stand for several traders in a row, `counts`; by default for one.

    Parameters
    ----------
    amounts : list of float
        Credits, one a trader or run of traders.
    counts : list of int
        How many traders in a row each amount stands for; empty: one each.
    """

    name: str = "schedule"
    amounts: tuple[Amount, ...] = (0.0,)
    counts: tuple[Annotated[int, Field(ge=1, le=1_000_000)], ...] = ()

    @model_validator(mode="after")
    def _one_count_an_amount(self) -> "Schedule":
        if not self.amounts:
            raise InputError("amounts must name at least one amount; got none")
        if self.counts and len(self.counts) != len(self.amounts):
            raise InputError(
                f"counts must be as many as amounts ({len(self.amounts)}) or none; got {len(self.counts)}"
            )
        return self

    def draw(self, markets: int, traders: int, rng: np.random.Generator) -> Floats:  # noqa: ARG002
        """Return the schedule in every market; one amount alone stands for all traders."""
        amounts = np.repeat(self.amounts, self.counts or 1)
        if len(amounts) not in (1, traders):
            raise InputError(
                f"schedule must have an amount for each of {traders} traders; got {len(amounts)}"
            )
        return np.tile(np.broadcast_to(amounts, traders), (markets, 1))
