"""The tables of a round: columns that pass from one step of the market to the next.

Core Objects: Listings, Refused, Appraisal, Prospects, Offers, Quoted, Deals, Charges
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.learning.stack.pairs import Pairs
from markets.columns import Bools, Floats, Ints


@dataclass(frozen=True)
class Listings:
    """The blocks on offer: `seller`, `position` and `reserve` (micro-credits), one entry a listing [L]."""

    seller: Ints
    position: Ints
    reserve: Ints

    def __len__(self) -> int:
        return len(self.seller)


@dataclass(frozen=True)
class Refused:
    """Pairs that are refused before trial, and why each is: text [P]."""

    pairs: Pairs
    reason: NDArray[np.object_]

    def and_also(self, pairs: Pairs, reason: str) -> "Refused":
        """Return these and some others."""
        others = np.full(len(pairs), reason, dtype=object)
        return Refused(Pairs.joined([self.pairs, pairs]), np.concatenate([self.reason, others]))


@dataclass(frozen=True)
class Appraisal:
    """What each pair [P] is worth to its buyer, costs its seller, and adds to welfare; credits a round."""

    value: Floats
    cost: Floats
    welfare: Floats

    @property
    def withheld(self) -> Bools:
        """Pairs that would raise welfare but whose seller would lose more than the buyer gains."""
        return (self.welfare > 0) & (self.value > 0) & (self.value < self.cost)


@dataclass(frozen=True)
class Prospects:
    """What there is to trade in a round, before anybody has quoted.

    Attributes
    ----------
    listings : Listings
        What is on offer.
    pairs : Pairs
        Who tried what.
    gain : float64 [P]
        What each trial found, nats an example.
    appraisal : Appraisal
        What it is worth to its buyer and costs its seller.
    """

    listings: Listings
    pairs: Pairs
    gain: Floats
    appraisal: Appraisal


@dataclass(frozen=True)
class Offers:
    """What organisations would pay and take for each pair [P], credits: NaN is no bid, or not for sale."""

    bid: Floats
    ask: Floats


@dataclass(frozen=True)
class Quoted:
    """Orders as they came to the door.

    Attributes
    ----------
    row : int64 [R]
        The pair that each order is about.
    bid, ask : int64 [R]
        Micro-credits; the ask is never below the listing's reserve.
    refused : str [R]
        Why the door refused the bid; empty for those that were admitted.
    """

    row: Ints
    bid: Ints
    ask: Ints
    refused: NDArray[np.object_]

    @property
    def admitted(self) -> Bools:
        """Which orders go to the mechanism."""
        return self.refused == ""


@dataclass(frozen=True, kw_only=True)
class Deals:
    """Trades that the mechanism made, one entry each; money in micro-credits.

    Attributes
    ----------
    row, order : int64 [T]
        The pair and the order that each is about.
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
    settled: Bools

    def settled_only(self) -> "Deals":
        """Return the deals that settled."""
        return Deals(**{f.name: getattr(self, f.name)[self.settled] for f in dataclasses.fields(self)})


@dataclass(frozen=True, kw_only=True)
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
    settled: Bools

    def settled_only(self) -> "Charges":
        """Return the charges that settled."""
        return Charges(**{f.name: getattr(self, f.name)[self.settled] for f in dataclasses.fields(self)})
