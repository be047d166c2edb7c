"""Adaptive aggressiveness (AA)."""

from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import (
    AskView,
    BidView,
    Bools,
    Floats,
    Ints,
    Memory,
    OutcomeView,
    Strategy,
    Tape,
    worthwhile,
)
from agents.strategies.classical.aggressiveness import aggressiveness_of, target_price
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
from agents.strategies.draws import Share, ShareRange, draw, ordered

Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Bend = Annotated[float, Field(ge=-20, le=20, allow_inf_nan=False)]


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class AdaptiveAggressive(Strategy):
    """AA: aims at a price that its aggressiveness fixes, and adapts that (Vytelingum, Cliff, Jennings 2008).

    The market's clearing price is estimated by a moving average of its last trades. Short-term learning:
    after a trade at q, a trader whose target was no worse for the other side than q becomes less aggressive,
    any other more; after a quote of its own side that was at least its target and did not trade, more. It
    moves towards the aggressiveness that would have aimed at q, and a little beyond. Long-term learning:
    after a trade theta moves towards ``least + (most - least) (1 - a exp(steepness (a - 1)))``, where a in
    [0, 1] places Smith's alpha of the last trades between its lowest and highest values so far.

    A trader shouts ``1 / eta`` of the way from its side's standing quote to its target (before the first
    trade, to the other side's standing quote or its limit) and takes a standing quote as good as its target.
    It does so too where its target is worse than its side's standing quote, and its shout with it: that shout
    is what teaches the passive to aim higher. It is silent where its limit is no better than that quote. On
    its last opportunity, as in a sealed round, it quotes its target itself, or its limit before the first
    trade.

    Where the paper leaves a choice: first draws and rates are those of the Bristol Stock Exchange's AA; theta
    stays until Smith's alpha has varied, and aggressiveness until a trade has given the trader a target;
    prices within a tick count as one, since without a tick no quote would ever reach its target; and beyond
    means more aggressive (or less) for passive traders too, where the published factor on a negative
    aggressiveness would turn it round.

    Hearing a round costs as many vectorised steps over organisations as its busiest market had shouts, at
    most `attention`.

    Parameters
    ----------
    highest : float
        The highest price thinkable, credits.
    tick : float
        Prices that differ by no more than this share of `highest` count as one.
    eta : float
        At least 1: the larger, the smaller the steps of successive shouts.
    relative, absolute : float
        How far beyond the aggressiveness that aims at q learning aims: a share of it, and a distance.
    short_rate, long_rate : pair of floats
        Ends of the uniform distributions of each trader's own rates beta 1 and beta 2.
    passivity : pair of floats
        Ends of the uniform distribution of minus the aggressiveness at the start.
    theta : pair of floats
        Its least and most.
    steepness : float
        Gamma in the rule for theta.
    window : int
        How many trades the estimate of the clearing price and Smith's alpha look back on.
    fading : float
        Rho: the weight of a trade over that of the next one in the moving average.
    attention : int
        How many shouts of each market are heard in a round, the last ones.
    """

    name: str = "aa"
    highest: Positive = 0.1
    tick: Share = 0.005
    eta: Annotated[float, Field(ge=1, le=1e6, allow_inf_nan=False)] = 3.0
    relative: Share = 0.02
    absolute: Share = 0.01
    short_rate: ShareRange = (0.4, 0.4)
    long_rate: ShareRange = (0.4, 0.4)
    passivity: ShareRange = (0.0, 0.3)
    theta: Annotated[tuple[Bend, Bend], AfterValidator(ordered)] = (-8.0, 2.0)
    steepness: Positive = 2.0
    window: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    fading: Annotated[float, Field(gt=0, le=1)] = 0.9
    attention: Annotated[int, Field(ge=1, le=1_000_000)] = 256

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:
        """Draw each trader's rates and start it passive; no market has traded."""
        return {
            "short_rate": draw(rng, self.short_rate, organisations),
            "long_rate": draw(rng, self.long_rate, organisations),
            "aggressiveness": -draw(rng, self.passivity, organisations),
            "theta": (-draw(rng, (0.0, 5.0), organisations)).clip(*self.theta),
            "prices": np.full((positions, self.window), np.nan),
            "alphas": np.full((positions, 2), np.nan),
        }

    def ask(self, view: AskView) -> Floats:
        """Return asks on the way from the standing ask down to the target."""
        quote = self._approach(view, 2 * view.seller + SELLING, view.cost, sign=-1.0)
        return np.maximum(quote, view.cost)

    def bid(self, view: BidView) -> Floats:
        """Return bids on the way from the standing bid up to the target."""
        quote = self._approach(view, 2 * view.buyer + BUYING, view.value, sign=1.0)
        return worthwhile(view, np.minimum(quote, view.value))

    def learn(self, view: OutcomeView) -> Memory:
        """Adapt to the shouts of the round, one after another."""
        traders, memory = traders_of(view), view.memory
        for wave in waves(view.tape, self.attention):
            heard = hear(traders, view.tape, wave, view.positions)
            memory = self._hear(memory, self._observe(memory, view.tape, wave), traders, heard)
        return self._hear(memory, memory, traders, own_refusals(traders))

    def _approach(self, view: AskView | BidView, seat: Ints, limit: Floats, sign: float) -> Floats:
        """Return what to shout; `sign` is 1 where higher quotes are more aggressive, else -1."""
        buying = sign > 0
        own, other = (view.standing_bid, view.standing_ask)[:: 1 if buying else -1]
        clearing = self._clearing(view.memory["prices"])[view.position]
        untraded = np.isnan(clearing)
        target = self._target(view.memory, seat, limit, clearing)
        start = np.where(np.isnan(own), 0.0 if buying else self.highest, own)
        reach = np.where(np.isnan(other), self.highest if buying else 0.0, other) * (1 + sign * self.relative)
        first = np.where(sign * reach < sign * limit, reach, limit)
        way = np.where(untraded, first, target) - start
        quote = start + np.where(np.abs(way) > self.tick * self.highest, way / self.eta, way)
        quote = np.where(view.opportunities == 1, np.where(untraded, limit, target), quote)
        quote = np.where(~untraded & (sign * other <= sign * target), other, quote)
        return np.where(np.isnan(own) | (sign * limit > sign * own), quote, np.nan)

    def _target(self, memory: Memory, seat: Ints, limit: Floats, clearing: Floats) -> Floats:
        """Return the target prices of seats; their limits where nothing has traded."""
        known = np.where(np.isnan(clearing), limit, clearing)
        r, theta = (memory[name].ravel()[seat] for name in ("aggressiveness", "theta"))
        return target_price(limit, known, self._ideal(seat, limit, known), r, theta)

    def _ideal(self, seat: Ints, limit: Floats, clearing: Floats) -> Floats:
        """Return the best prices thinkable for seats."""
        return np.where(seat % 2 == BUYING, 0.0, np.maximum(self.highest, np.maximum(limit, clearing)))

    def _clearing(self, prices: Floats) -> Floats:
        """Return the moving average of each market's last trades, [positions]; NaN before the first."""
        made = ~np.isnan(prices)
        weight = made * self.fading ** np.arange(self.window - 1, -1, -1.0)
        total = (weight * np.where(made, prices, 0)).sum(axis=1)
        weight = weight.sum(axis=1)
        return np.divide(total, weight, out=np.full(len(prices), np.nan), where=weight > 0)

    def _alpha(self, prices: Floats) -> Floats:
        """Return Smith's alpha of each market's last trades, [positions], as a share of their average."""
        clearing, made = self._clearing(prices), ~np.isnan(prices)
        squares = np.where(made, prices - clearing[:, None], 0.0) ** 2
        spread = np.sqrt(squares.sum(axis=1) / np.maximum(made.sum(axis=1), 1))
        return np.divide(spread, clearing, out=np.zeros_like(spread), where=clearing > 0)

    def _observe(self, memory: Memory, tape: Tape, wave: Ints) -> Memory:
        """Return the memory after the trades of a wave became known."""
        trades = wave[~np.isnan(tape.price[wave])]
        market = tape.position[trades]
        prices, alphas = memory["prices"].copy(), memory["alphas"].copy()
        prices[market] = np.c_[prices[market, 1:], tape.price[trades]]
        alpha = self._alpha(prices[market])
        alphas[market] = np.c_[np.fmin(alphas[market, 0], alpha), np.fmax(alphas[market, 1], alpha)]
        return memory | {"prices": prices, "alphas": alphas}

    def _hear(self, before: Memory, after: Memory, traders: Traders, heard: Heard) -> Memory:
        """Return the memory after traders heard a shout; `before` holds the market as they aimed at it."""
        after = self._bend(after, traders, heard)
        seat, limit = traders.seat[heard.trader], traders.limit[heard.trader]
        position = traders.position[heard.trader]
        aimed_at = self._clearing(before["prices"])[position]
        target = self._target(before, seat, limit, aimed_at)
        harder, easier = self._directions(target, traders.is_buyer[heard.trader], heard)
        moved = np.flatnonzero(~np.isnan(aimed_at) & (harder | easier))
        seat, limit = seat[moved], limit[moved]
        clearing = self._clearing(after["prices"])[position[moved]]
        theta = after["theta"].ravel()[seat]
        reached = aggressiveness_of(
            heard.price[moved], limit, clearing, self._ideal(seat, limit, clearing), theta
        )
        outbid = ~heard.accepted[moved]
        reached = np.where(outbid, np.maximum(reached, after["aggressiveness"].ravel()[seat]), reached)
        beyond = np.where(harder[moved], 1.0, -1.0)
        desired = reached + beyond * (self.relative * np.abs(reached) + self.absolute)
        return _towards(after, "aggressiveness", "short_rate", seat, desired, (-1.0, 1.0))

    def _directions(self, target: Floats, is_buyer: Bools, heard: Heard) -> tuple[Bools, Bools]:
        """Return who becomes more aggressive and who less."""
        sign = np.where(is_buyer, 1.0, -1.0)
        beyond = sign * (target - heard.price)
        outbid = ~heard.accepted & (heard.is_bid == is_buyer) & (beyond <= self.tick * self.highest)
        return np.where(heard.accepted, beyond < 0, outbid), heard.accepted & (beyond >= 0)

    def _bend(self, memory: Memory, traders: Traders, heard: Heard) -> Memory:
        """Return the memory after the thetas of those who heard a trade have moved."""
        alpha, (low, high) = self._alpha(memory["prices"]), memory["alphas"].T
        varied = high > low
        place = np.divide(alpha - low, high - low, out=np.zeros_like(alpha), where=varied)
        least, most = self.theta
        desired = least + (most - least) * (1 - place * np.exp(self.steepness * (place - 1)))
        trader = heard.trader[heard.accepted]
        trader = trader[varied[traders.position[trader]]]
        aim = desired[traders.position[trader]]
        return _towards(memory, "theta", "long_rate", traders.seat[trader], aim, self.theta)


def _towards(
    memory: Memory, name: str, rate: str, seat: Ints, desired: Floats, ends: tuple[float, float]
) -> Memory:
    """Return the memory after a Widrow-Hoff step of some seats towards what is desired, within the ends."""
    taught, aim = mean_by_seat(seat, desired, memory[name].size)
    value = memory[name].ravel().copy()
    value[taught] += memory[rate].ravel()[taught] * (aim - value[taught])
    return memory | {name: value.clip(*ends).reshape(memory[name].shape)}
