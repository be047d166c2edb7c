"""What the broker needs of a world: who trades, under which rule, and where money and memories are kept.

`sim.market.ParameterMarket` and `sim.induced.InducedMarket` are worlds: orders, settlement and learning run
through the same code in both, whether a trial found what a unit is worth or a card says so.

Core Objects: TradingWorld
"""

from collections.abc import Sized
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.strategies import Memory, Strategy
from markets.ledger import Ledger
from markets.mechanisms import Mechanism


class _Laboratory(Protocol):
    @property
    def positions(self) -> Sized: ...

    @property
    def contents(self) -> NDArray[np.int64]: ...


class TradingWorld(Protocol):
    """A world that collects orders, clears, settles and learns.

    Attributes
    ----------
    config : object
        With `broker` (licence and demand) and `setting` (delivery, and whether organisations cooperate).
    organisations, steps : int
        How many there are, and the number of the round.
    strategies : list of (Strategy, bool [organisations])
        Who follows which strategy.
    memories : dict
        What each strategy remembers, by its name.
    mechanism : Mechanism
        The rule.
    ledger : Ledger
        The accounts.
    laboratory : object
        With `positions`, on which orders meet, and their `contents` (see `markets.orders.Orders`).
    """

    config: Any
    organisations: int
    steps: int
    strategies: list[tuple[Strategy, NDArray[np.bool_]]]
    memories: dict[str, Memory]
    mechanism: Mechanism
    ledger: Ledger

    @property
    def laboratory(self) -> _Laboratory:
        """Where the positions are."""

    def stream(self, purpose: str, *keys: int | str) -> np.random.Generator:
        """Return the random stream of this round for a purpose."""
