"""Zero intelligence plus (ZIP): a profit margin that follows the shouts of the market.

Core Objects: ZeroIntelligencePlus, adapt
"""

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import (
    AskView,
    BidView,
    Bools,
    Floats,
    Memory,
    OutcomeView,
    Strategy,
    worthwhile,
)
from agents.strategies.classical.shouts import (
    BUYING,
    SELLING,
    Heard,
    Traders,
    hear,
    mean_by_seat,
    own_refusals,
    traders_of,
    waves,
)
from agents.strategies.draws import Share, ShareRange, draw
from markets.accounts.money import MICRO, Money, PositiveMoney


def adapt(
    margin: Floats, change: Floats, step: Floats, momentum: Floats, is_buyer: Bools
) -> tuple[Floats, Floats]:
    """Return the margins and changes of margin after one step of the Widrow-Hoff rule with momentum.

    ``change' = momentum * change + (1 - momentum) * step`` and ``margin' = margin + change'``, kept within
    [-1, 0] for buyers and at 0 or more for sellers, so that nobody quotes a loss.

    Parameters
    ----------
    margin, change : float64 [S]
        Margin and last change of it, as shares of the limit price.
    step : float64 [S]
        Learning rate times the distance from the quote to its target, as a share of the limit price.
    momentum : float64 [S]
        In [0, 1].
    is_buyer : bool [S]
        The side.
    """
    change = momentum * change + (1 - momentum) * step
    margin = margin + change
    return np.where(is_buyer, margin.clip(-1, 0), margin.clip(0)), change


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ZeroIntelligencePlus(Strategy):
    """ZIP: quotes its limit price with a profit margin that it adapts to the market's shouts (Cliff 1997).

    A trader quotes ``limit * (1 + margin)``. After a shout at q it moves its quote towards the target
    ``R * q + A``, with R and A drawn just above 1 and 0 to move up and just below to move down. It raises its
    margin when a trade shows that it could have got more; it lowers it, if it has not traded, when somebody
    else could trade at no better a price than its own, or a rival's quote as good as its own found no taker.

    Margins and momentum are kept relative to the limit price, which equals the published rule while the limit
    stays, and carries over to units with other limits. A buyer sees no target further off than its limit
    price, so that a nearly worthless unit teaches it no more than any other. A seller whose unit costs less
    than `unit` takes its margin on one `unit` instead: with the published rule, whoever has no cost could ask
    for nothing. In a sealed market traders hear the prices of trades, and that their own quote was refused.

    Hearing a round costs as many vectorised steps over organisations as its busiest market had shouts, at
    most `attention`.

    Parameters
    ----------
    learning_rate, momentum : pair of floats
        Ends of the uniform distributions of each trader's own beta and gamma.
    first_margin : pair of floats
        Ends of the uniform distribution of margins at the start, taken negative by buyers.
    relative, absolute : float
        How far targets lie beyond a shout: R is within `relative` of 1, A within `absolute` units of 0.
    unit : float
        Credits that count as one unit of the prices for which `absolute` was published.
    attention : int
        How many shouts of each market are heard in a round, the last ones.
    """

    name: str = "zip"
    learning_rate: ShareRange = (0.1, 0.5)
    momentum: ShareRange = (0.0, 0.1)
    first_margin: ShareRange = (0.05, 0.35)
    relative: Share = 0.05
    absolute: Money = 0.05
    unit: PositiveMoney = 0.01
    attention: Annotated[int, Field(ge=1, le=1_000_000)] = 256

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:
        """Draw each trader's margin, learning rate and momentum."""
        del positions
        signs = np.where(np.arange(2) == BUYING, -1.0, 1.0)
        return {
            "margin": draw(rng, self.first_margin, organisations) * signs,
            "learning_rate": draw(rng, self.learning_rate, organisations),
            "momentum": draw(rng, self.momentum, organisations),
            "change": np.zeros((organisations, 2)),
        }

    def ask(self, view: AskView) -> Floats:
        """Return the cost plus the margin."""
        margin = view.memory["margin"][view.seller, SELLING]
        return view.cost + margin * self._base(view.cost, np.zeros(len(view.cost), dtype=bool))

    def bid(self, view: BidView) -> Floats:
        """Return the value less the margin."""
        return worthwhile(view, view.value * (1 + view.memory["margin"][view.buyer, BUYING]))

    def learn(self, view: OutcomeView) -> Memory:
        """Adapt the margins to the shouts of the round, one after another."""
        traders = traders_of(view)
        memory = view.memory
        for wave in waves(view.tape, self.attention):
            memory = self._adapt(memory, traders, hear(traders, view.tape, wave, view.positions), view.rng)
        return self._adapt(memory, traders, own_refusals(traders), view.rng)

    def _adapt(self, memory: Memory, traders: Traders, heard: Heard, rng: np.random.Generator) -> Memory:
        """Return the memory after one shout a market."""
        draws = rng.random((2, memory["margin"].size))
        seat, is_buyer = traders.seat[heard.trader], traders.is_buyer[heard.trader]
        limit = traders.limit[heard.trader]
        base = self._base(limit, is_buyer)
        quote = limit + memory["margin"].ravel()[seat] * base
        raises, lowers = _directions(quote, is_buyer, traders.active[heard.trader], heard)
        sign = np.where(raises != is_buyer, 1.0, -1.0)
        target = heard.price + sign * (
            self.relative * draws[0][seat] * heard.price + self.absolute * self.unit * draws[1][seat]
        )
        moved = raises | lowers
        most = np.where(is_buyer, base, np.inf)
        distance = (target - quote).clip(-most, most) / base
        taught, step = mean_by_seat(seat[moved], distance[moved], memory["margin"].size)
        margin, change = (memory[name].ravel().copy() for name in ("margin", "change"))
        margin[taught], change[taught] = adapt(
            margin[taught],
            change[taught],
            memory["learning_rate"].ravel()[taught] * step,
            memory["momentum"].ravel()[taught],
            taught % 2 == BUYING,
        )
        shape = memory["margin"].shape
        return memory | {"margin": margin.reshape(shape), "change": change.reshape(shape)}

    def _base(self, limit: Floats, is_buyer: Bools) -> Floats:
        """Return the credits of which margins are shares."""
        return np.where(is_buyer, limit, np.maximum(limit, self.unit))


def _directions(quote: Floats, is_buyer: Bools, active: Bools, heard: Heard) -> tuple[Bools, Bools]:
    """Return who raises its margin and who lowers it (Cliff 1997).

    All whose quote was no better for them than a trade's price raise. Active ones whose quote was no worse
    for them lower it where the other side's shout traded, or their own side's did not. Quotes come to a
    market in whole micro-credits: a trader whose quote differs by less from a shout shouted it itself.
    """
    sign = np.where(is_buyer, -1.0, 1.0)
    raises = heard.accepted & (sign * quote <= sign * heard.price)
    from_other_side = heard.is_bid != is_buyer
    lowers = active & (sign * (quote - heard.price) > -1 / MICRO) & (from_other_side == heard.accepted)
    return raises, lowers & ~raises
