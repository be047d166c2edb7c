"""What a strategy sees and what it must answer.

A strategy answers three questions each round: what do I ask, what do I bid, what do I merge? It is asked
once for all the organisations that follow it. Everything it sees comes as columns with one row for each
(organisation, listing) pair; a row holds only what that organisation may know, and the answer for a row may
depend on nothing but rows of the same organisation, what it remembers, and what is public.

A strategy holds no state of its own. What it remembers is a dictionary of arrays that `begin` makes, the
world keeps and saves, every view shows, and `learn` replaces once the outcome is known.
"""

import inspect
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from markets.columns import Bools, Floats, Ints

Memory = dict[str, NDArray[Any]]
"""What a strategy remembers, by name. Arrays with an axis of organisations are private along it."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What is shown with most questions.

    Attributes
    ----------
    organisations, listings, positions : int
        How many there are in the world.
    memory : dict
        What the strategy remembers.
    rng : numpy.random.Generator
        The stream of this strategy for this round and question.
    """

    organisations: int
    listings: int
    positions: int
    memory: Memory
    rng: np.random.Generator


@dataclass(frozen=True, kw_only=True)
class QuoteView(View):
    """What both sides know when they quote; R rows, one for each (buyer, listing) pair that was tried.

    Attributes
    ----------
    buyer, listing : int64 [R]
        Who may buy what.
    position : int64 [R]
        The block position of each row; on books, its market.
    standing_bid, standing_ask : float64 [R]
        The best quotes that stand in the row's market, credits; NaN: none, or the market is sealed.
    opportunities : int64 [R]
        How many times, this one included, the organisation may still quote before the market closes.
    """

    buyer: Ints
    listing: Ints
    position: Ints
    standing_bid: Floats
    standing_ask: Floats
    opportunities: Ints


@dataclass(frozen=True, kw_only=True)
class AskView(QuoteView):
    """What sellers know when they name their asks.

    Attributes
    ----------
    seller : int64 [R]
        Who may sell.
    cost : float64 [R]
        Credits a round that the seller would lose if this buyer merged the block, delivery included.
    delivery : float64 [R]
        Credits that delivering a copy costs.
    """

    seller: Ints
    cost: Floats
    delivery: Floats


@dataclass(frozen=True, kw_only=True)
class BidView(QuoteView):
    """What buyers know when they bid.

    Attributes
    ----------
    value : float64 [R]
        Credits a round that the block is worth to the buyer.
    gain : float64 [R]
        Fall of the buyer's validation loss that its trial found, nats an example; on books the mean over the
        grade.
    balance : float64 [R]
        The buyer's account, credits.
    """

    value: Floats
    gain: Floats
    balance: Floats


@dataclass(frozen=True)
class ClaimView:
    """What sellers know when they say how good their models are, where blocks cannot be tried; L rows.

    Attributes
    ----------
    seller, listing : int64 [L]
        Who offers what.
    loss : float64 [L]
        Validation loss of the seller's model, nats an example.
    best : float
        The least validation loss of any model in the world, which the broker publishes.
    """

    seller: Ints
    listing: Ints
    loss: Floats
    best: float


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
    memory : dict
        What the strategy remembers; the round's outcome is part of it.
    """

    buyer: Ints
    listing: Ints
    weight: Floats
    gain: Floats
    memory: Memory = field(default_factory=dict)


@dataclass(frozen=True)
class Tape:
    """What everybody saw, Q quotes in the order in which they came.

    A round of a sealed mechanism shows what each organisation that traded paid or received, and no more; of
    an open one all quotes, bids first, since they came at the same time.

    Attributes
    ----------
    position : int64 [Q]
        The market of each quote.
    is_bid : bool [Q]
        Whether a buyer made it.
    quote : float64 [Q]
        Credits.
    price : float64 [Q]
        At which it traded at once, credits; NaN if it stood or was refused.
    """

    position: Ints
    is_bid: Bools
    quote: Floats
    price: Floats

    def __len__(self) -> int:
        return len(self.quote)


@dataclass(frozen=True, kw_only=True)
class OutcomeView(View):
    """What organisations know once the market has cleared; R rows, one for each quote that they could make.

    Attributes
    ----------
    organisation, listing, position : int64 [R]
        Who could quote on what; on books the listing of a bid is the first of its grade.
    is_buyer : bool [R]
        Whether the row is about buying.
    limit : float64 [R]
        What a unit is worth to a buyer or costs a seller, credits.
    quote : float64 [R]
        The bid or ask that came to the market, credits; NaN if none did.
    units : int64 [R]
        How many it bought or sold.
    price : float64 [R]
        Mean price that it paid or received for them, credits; NaN if none.
    levy : float64 [R]
        What it paid (a buyer) or received (a seller) beside that for nothing, as the losers of an all-pay
        auction do, credits.
    tape : Tape
        What was public.
    """

    organisation: Ints
    listing: Ints
    position: Ints
    is_buyer: Bools
    limit: Floats
    quote: Floats
    units: Ints
    price: Floats
    levy: Floats
    tape: Tape

    @property
    def gain(self) -> Floats:
        """What each quote gained: by trading, less (a buyer) or with (a seller) the levy; credits [R]."""
        sign = np.where(self.is_buyer, 1.0, -1.0)
        traded = np.where(self.units > 0, self.units * (self.limit - np.nan_to_num(self.price)), 0.0)
        return sign * (traded - self.levy)


class Strategy:
    """How an organisation decides: truthfully, unless a subclass says otherwise.

    Subclasses are frozen dataclasses whose fields are their configuration.
    """

    name: str
    trades: ClassVar[bool] = True
    """Whether it comes to the market at all; who does not lists nothing and tries nothing."""
    trains: ClassVar[bool] = True
    """Whether it trains its model; who does not keeps its initial weights and what it merges into them."""
    conspires: ClassVar[bool] = False
    """Whether its followers act as one: their answers may then depend on each other's rows."""

    def ask(self, view: AskView) -> Floats:
        """Return the least price, in credits, for each row; NaN is not for sale. By default the cost."""
        return view.cost

    def bid(self, view: BidView) -> Floats:
        """Return the price offered, in credits, for each row; NaN is no bid. By default the value."""
        return worthwhile(view, view.value)

    def merge(self, view: MergeView) -> Floats:
        """Return the weight in [0, 1] with which each bought block is merged: by default the trial's."""
        return view.weight

    def claim(self, view: ClaimView) -> Floats:
        """Return the validation loss that it claims for its model, for each row: by default the true one."""
        return view.loss

    def teach(self, classes: int) -> Ints:
        """Return as what examples of each class 0..K - 1 are labelled in its training: by default truly."""
        return np.arange(classes)

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:
        """Return what it remembers before the first round: by default nothing.

        Parameters
        ----------
        organisations, positions : int
            How many there are in the world.
        rng : numpy.random.Generator
            For what is drawn once for each organisation.
        """
        del organisations, positions, rng
        return {}

    def learn(self, view: OutcomeView) -> Memory:
        """Return what it remembers after a round, arrays of the same names, shapes and types."""
        return view.memory


def check_strategy_class(cls: type[Strategy]) -> None:
    """Raise ``TypeError`` unless a class can serve as a strategy."""
    for question in ("ask", "bid", "claim", "merge", "learn"):
        found = list(inspect.signature(getattr(cls, question)).parameters)
        if found != ["self", "view"]:
            raise TypeError(
                f"strategy {cls.__name__}: {question} must take (self, view); it takes {tuple(found)}"
            )


def worthwhile(view: BidView, bids: Floats) -> Floats:
    """Return the bids with NaN where the block is worth nothing to the buyer."""
    return np.where(view.value > 0, bids, np.nan)
