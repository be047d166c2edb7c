"""What every baseline says: from what it starts, what it trains on, and how models are mixed after that."""

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.columns import Floats, Ints
from sim.config.broker import BrokerConfig

Schedule = Annotated[str, Field(pattern="^(every_round|market)$")]


@dataclass(frozen=True, config={"extra": "forbid"})
class Baseline:
    """A way to learn without a market, played by the organisations of the market's arms.

    Attributes
    ----------
    pooled : bool
        Whether everybody trains on the union of all endowments.
    ensemble : bool
        Whether what is measured is the mean of all organisations' answers.
    """

    name: str = ""
    pooled: ClassVar[bool] = False
    ensemble: ClassVar[bool] = False

    @property
    def one_start(self) -> bool:
        """Whether all organisations start from the initial weights of the first, whatever the market does."""
        return False

    @property
    def pulls(self) -> tuple[float, ...]:
        """Strengths of the proximal term to play; of several, validation data choose."""
        return (0.0,)

    def mixing(
        self, round_number: int, broker: BrokerConfig, examples: Ints, rng: np.random.Generator
    ) -> Floats:
        """Return the weights of all models in the model of each organisation after training, [N, N].

        By default the identity: everybody keeps its model.

        Parameters
        ----------
        round_number : int
            The round, from 1.
        broker : BrokerConfig
            The market's, for its schedule.
        examples : int64 array [N]
            Examples that each organisation owns.
        rng : numpy.random.Generator
            A stream of this round.
        """
        del round_number, broker, rng
        return np.eye(len(examples))


@dataclass(frozen=True, config={"extra": "forbid"})
class Averaging(Baseline, ABC):
    """A baseline whose models are averaged, by a schedule.

    Parameters
    ----------
    same_start : bool
        Whether all organisations start from the same initial weights.
    schedule : str
        ``every_round``, or ``market``: in the rounds in which the market's broker trades.
    """

    same_start: bool = True
    schedule: Schedule = "every_round"

    @property
    def one_start(self) -> bool:
        """As configured."""
        return self.same_start

    def mixing(
        self, round_number: int, broker: BrokerConfig, examples: Ints, rng: np.random.Generator
    ) -> Floats:
        """Return the weights of an averaging round, or the identity in the others."""
        if self.schedule == "market" and not broker.trades_in(round_number):
            return np.eye(len(examples))
        return self.average(examples, rng)

    @abstractmethod
    def average(self, examples: Ints, rng: np.random.Generator) -> Floats:
        """Return the weights of an averaging round, [N, N]."""
