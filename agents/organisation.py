"""The organisation: a Mesa agent that owns data, a model, an account and a strategy.

An organisation holds places and views, never copies: its parameters are a slot of the fleet, its money an
account of the ledger.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import mesa
from torch import nn

from agents.strategies import Strategy
from markets.columns import Ints


class _Counters(WeakKeyDictionary[mesa.Model, Iterator[int]]):
    """Counters of agents by model that do not keep the models alive, as Mesa's own table of them does."""

    def __getitem__(self, model: mesa.Model) -> Iterator[int]:
        return self.setdefault(model, count(1))


class Organisation(mesa.Agent):
    """One organisation of a world.

    Parameters
    ----------
    model : mesa.Model
        The world. It must offer `ledger`, `laboratory`, `quality`, `active` and `slots`, all indexed by
        `index`, and its `members`.
    index : int
        Number of the organisation in its world, from 0: its account, its row in every record.
    region : int
        Where it sells the use of its model.
    endowment : int64 [n]
        Which examples it owns.
    """

    _ids = _Counters()

    def __init__(self, model: Any, index: int, region: int, endowment: Ints) -> None:
        super().__init__(model)
        self.index = index
        self.region = region
        self.endowment = endowment

    def remove(self) -> None:
        """Leave the world for good, from the next round on.

        It trains, trades and sells no more and earns nothing. Its account stays on the ledger as it is, and
        its rows in the tables, with the status ``removed``.
        """
        self.model.members.removed[self.index] = True
        super().remove()

    @property
    def strategy(self) -> Strategy:
        """How it decides; shared by all the organisations that follow it.

        Another one counts from the next round on. If nobody has followed it, it begins to remember then; who
        comes back to a strategy takes up what it remembered.
        """
        strategy: Strategy = self.model.members.strategy_of(self.index)
        return strategy

    @strategy.setter
    def strategy(self, strategy: Strategy) -> None:
        self.model.members.choose(self.index, strategy)

    @property
    def active(self) -> bool:
        """Whether it trains and trades: not once its loss was not finite, or it was removed."""
        return bool(self.model.active[self.index] and not self.model.members.removed[self.index])

    @property
    def quality(self) -> float:
        """The quality of its model, exp(-validation loss), in (0, 1]."""
        return float(self.model.quality[self.index])

    @property
    def balance(self) -> float:
        """Its account in credits."""
        return float(self.model.ledger.balances[self.index]) / 1_000_000

    def network(self) -> nn.Module:
        """Return its model as a plain torch module that holds a copy of its parameters."""
        return self.model.laboratory.module(int(self.model.slots[self.index]))
