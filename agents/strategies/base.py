"""What a strategy sees and what it must answer.

A strategy answers three questions each round: what do I ask, what do I bid, what do I merge? It is asked
once for all the organisations that follow it. Everything it sees comes as columns with one row for each
(organisation, listing) pair; a row holds only what that organisation may know, and the answer for a row may
depend on nothing but rows of the same organisation.

Core Objects: Strategy, AskView, BidView, MergeView
"""

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass, is_dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class AskView:
    """What sellers know when they name their asks; R rows, one for each (listing, buyer) pair that was tried.

    Attributes
    ----------
    seller, buyer, listing : int64 [R]
        Who may sell which listing to whom.
    cost : float64 [R]
        Credits a round that the seller would lose if this buyer merged the block, delivery included.
    delivery : float64 [R]
        Credits that delivering a copy costs.
    organisations, listings : int
        How many there are in the world.
    rng : numpy.random.Generator
        The stream of this strategy for this round and question.
    """

    seller: Ints
    buyer: Ints
    listing: Ints
    cost: Floats
    delivery: Floats
    organisations: int
    listings: int
    rng: np.random.Generator


@dataclass(frozen=True)
class BidView:
    """What buyers know when they bid; R rows, one for each (buyer, listing) pair that was tried.

    Attributes
    ----------
    buyer, listing : int64 [R]
        Who may buy what.
    value : float64 [R]
        Credits a round that the block is worth to the buyer.
    gain : float64 [R]
        Fall of the buyer's validation loss that its trial found, nats an example; on books the mean over the
        grade.
    balance : float64 [R]
        The buyer's account, credits.
    organisations, listings : int
        How many there are in the world.
    rng : numpy.random.Generator
        The stream of this strategy for this round and question.
    """

    buyer: Ints
    listing: Ints
    value: Floats
    gain: Floats
    balance: Floats
    organisations: int
    listings: int
    rng: np.random.Generator


@dataclass(frozen=True)
class MergeView:
    """What buyers know when they merge; T rows, one for each block that was bought.

    Attributes
    ----------
    buyer, listing : int64 [T]
        Who bought what.
    weight : float64 [T]
        The merge weight in [0, 1] that the trial found best.
    gain : float64 [T]
        The gain that the trial found, nats an example.
    """

    buyer: Ints
    listing: Ints
    weight: Floats
    gain: Floats


class Strategy(ABC):
    """How an organisation decides. Subclasses are frozen dataclasses whose fields are their configuration."""

    name: str
    trades: ClassVar[bool] = True
    """Whether it comes to the market at all; who does not lists nothing and tries nothing."""

    @abstractmethod
    def ask(self, view: AskView) -> Floats:
        """Return the least price, in credits, for each row; NaN is not for sale."""

    @abstractmethod
    def bid(self, view: BidView) -> Floats:
        """Return the price offered, in credits, for each row; NaN is no bid."""

    def merge(self, view: MergeView) -> Floats:
        """Return the weight in [0, 1] with which each bought block is merged: by default the trial's."""
        return view.weight


def check_strategy_class(cls: type[Strategy]) -> None:
    """Raise ``TypeError`` unless a class can serve as a strategy."""
    if not (is_dataclass(cls) and issubclass(cls, Strategy)):
        raise TypeError(f"strategy {cls.__name__} must be a dataclass that extends Strategy")
    if inspect.isabstract(cls):
        raise TypeError(f"strategy {cls.__name__} must define ask and bid")
    for question in ("ask", "bid", "merge"):
        found = list(inspect.signature(getattr(cls, question)).parameters)
        if found != ["self", "view"]:
            raise TypeError(
                f"strategy {cls.__name__}: {question} must take (self, view); it takes {tuple(found)}"
            )
    if not (cls.__doc__ or "").strip():
        raise TypeError(
            f"strategy {cls.__name__} must have a docstring: it is the line that `parabourse list` shows"
        )


def worthwhile(view: BidView, bids: Floats) -> Floats:
    """Return the bids with NaN where the block is worth nothing to the buyer."""
    return np.where(view.value > 0, bids, np.nan)
