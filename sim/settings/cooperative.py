"""Rivals who decide for everybody."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Floats
from markets.mechanisms import Mechanism
from markets.orders.orders import Orders, Trades, first_best
from sim.consumers.payoffs import Change
from sim.settings import SETTINGS
from sim.settings.base import Setting


@SETTINGS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Cooperative(Setting):
    """The demand of competitive, but decisions maximise welfare; blocks go at cost, royalties share gains."""

    name: str = "cooperative"
    cooperates: ClassVar[bool] = True

    def value(self, change: Change) -> Floats:
        """Return the change of total welfare."""
        return change.welfare

    def cost(self, change: Change) -> Floats:
        """Return the cost of delivery."""
        return np.full(len(change.welfare), self.delivery)

    def clear(self, mechanism: Mechanism, orders: Orders, rng: np.random.Generator) -> Trades:  # noqa: ARG002
        """Return the allocation with the greatest gain of welfare, each block at its ask; no auction."""
        rows, _ = first_best(orders)
        return Trades.of(orders, rows, orders.ask[rows], orders.ask[rows])
