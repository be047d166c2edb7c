"""What the mechanism decided, on its way through the ledger: trades and levies, settled or refused.

Core Objects: Deals, Charges
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Deals:
    """Trades that the mechanism made, one entry each; money in micro-credits.

    Attributes
    ----------
    row, order : int64 [T]
        The trial and the order that each is about.
    buyer, seller : int64 [T]
        Organisations.
    bid, ask, paid, received, delivery : int64 [T]
        What was offered and demanded, what the buyer paid and the seller received, and the cost of delivery
        that the seller paid.
    settled : bool [T]
        Whether money moved and the block was delivered: both or neither.
    """

    row: Ints
    order: Ints
    buyer: Ints
    seller: Ints
    bid: Ints
    ask: Ints
    paid: Ints
    received: Ints
    delivery: Ints
    settled: NDArray[np.bool_]

    def settled_only(self) -> "Deals":
        """Return the deals that settled."""
        return Deals(**{f.name: getattr(self, f.name)[self.settled] for f in dataclasses.fields(self)})


@dataclass(frozen=True)
class Charges:
    """Levies of the mechanism, one entry each: money for which nothing is delivered, in micro-credits.

    Attributes
    ----------
    order : int64 [D]
        The order that each is about.
    buyer, seller : int64 [D]
        Organisations.
    paid, received : int64 [D]
        By the buyer and by the seller; the broker has the difference.
    settled : bool [D]
        Whether the money moved.
    """

    order: Ints
    buyer: Ints
    seller: Ints
    paid: Ints
    received: Ints
    settled: NDArray[np.bool_]

    def settled_only(self) -> "Charges":
        """Return the charges that settled."""
        return Charges(**{f.name: getattr(self, f.name)[self.settled] for f in dataclasses.fields(self)})
