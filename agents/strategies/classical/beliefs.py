"""Beliefs about whether a quote will be accepted, after Gjerstad and Dickhaut (1998).

Everything is written for a seller, who prefers high prices. A buyer is a seller in a market with all prices
negated, where bids are asks: a bid b is an ask of -b and a value v a cost of -v.

At every price a that somebody named, the believed chance that an ask of a is accepted is::

    (TAG(a) + BG(a)) / (TAG(a) + BG(a) + RAL(a))

with TAG the asks of at least a that were taken, BG the bids of at least a, and RAL the asks of at most a that
were rejected. The chance is one at the lowest price and up to the standing bid, zero at the highest and from
the standing ask (nobody may undercut it by nothing); between neighbouring prices it is the cubic with zero
slope at both, so it falls everywhere, smoothly.

Core Objects: SeenQuotes, Belief, believe, best_quote, worth_of_waiting
"""

from dataclasses import dataclass

import numpy as np

from markets.accounts.money import MICRO
from markets.columns import Bools, Floats, Ints

PARTS = tuple(np.arange(8) / 8)
"""Where the cubic between two neighbouring prices is looked at when many quotes are to come."""
NARROW = 1e-7
"""The share of the range of prices below which neighbours are taken as one price."""
FINEST = 1.5 / MICRO
"""Credits below which they are, too: quotes come to a market in whole micro-credits, and one just short of a
price that is taken would come a micro-credit short of it, and be refused for ever."""
SAME = 1e-12
"""The relative change below which the worth of waiting stays."""


@dataclass(frozen=True)
class SeenQuotes:
    """What each of n sellers has seen: H quotes, of which some count.

    Attributes
    ----------
    price : float64 [n, H]
        The quotes; anything where they do not count.
    taken_ask, rejected_ask, bid : bool [n, H]
        What each was; none of the three: it does not count.
    standing_ask, standing_bid : float64 [n]
        The best quotes that stand; NaN if there is none.
    """

    price: Floats
    taken_ask: Bools
    rejected_ask: Bools
    bid: Bools
    standing_ask: Floats
    standing_bid: Floats


@dataclass(frozen=True)
class Belief:
    """The chance that an ask is accepted, falling along K rising prices [n, K], for each of n sellers."""

    price: Floats
    chance: Floats

    def __call__(self, ask: Floats) -> Floats:
        """Return the chance of asks [n, A], by the cubics between the prices. Cost: n A K."""
        place = (ask[:, :, None] >= self.price[:, None, :]).sum(axis=2) - 1
        place = place.clip(0, self.price.shape[1] - 2)
        (low, high), (left, right) = (
            (np.take_along_axis(column, place, 1), np.take_along_axis(column, place + 1, 1))
            for column in (self.price, self.chance)
        )
        width = high - low
        t = np.divide(ask - low, width, out=np.ones_like(ask), where=width > 0).clip(0, 1)
        return left + (right - left) * _step(t)


def believe(seen: SeenQuotes, lowest: float, highest: float) -> Belief:
    """Return the beliefs of n sellers on prices in [lowest, highest]. Cost: n H log H."""
    n = len(seen.price)
    counts = seen.taken_ask | seen.rejected_ask | seen.bid
    standing_ask = np.where(np.isnan(seen.standing_ask), highest, seen.standing_ask).clip(lowest, highest)
    standing_bid = np.where(np.isnan(seen.standing_bid), lowest, seen.standing_bid).clip(lowest, highest)
    ends = np.stack([np.full(n, lowest), np.full(n, highest), standing_bid, standing_ask], axis=1)
    price = np.hstack([np.where(counts, seen.price.clip(lowest, highest), np.inf), ends])
    used = np.isfinite(price).sum(axis=1).max(initial=0)
    order = price.argsort(axis=1, kind="stable")[:, :used]
    price = np.take_along_axis(price, order, 1).clip(max=highest)
    first, last = _ties(price)
    yes, no = (
        np.take_along_axis(np.pad(flags, ((0, 0), (0, 4))), order, 1)
        for flags in (seen.taken_ask | seen.bid, seen.rejected_ask)
    )
    accepted = np.take_along_axis(yes[:, ::-1].cumsum(axis=1)[:, ::-1], first, 1)
    rejected = np.take_along_axis(no.cumsum(axis=1), last, 1)
    told = accepted + rejected
    chance = np.divide(accepted, told, out=np.zeros(price.shape), where=told > 0)
    chance = np.where(price >= standing_ask[:, None], 0.0, chance)
    return Belief(price, np.where(price <= standing_bid[:, None], 1.0, chance))


def best_quote(belief: Belief, cost: Floats) -> tuple[Floats, Floats]:
    """Return the ask a that maximises ``(a - cost) * chance(a)``, and that expected surplus, each [n].

    Exact: on each cubic the slope of the objective is a cubic in the place t in [0, 1]. It is not negative at
    either end, and its leading coefficient is positive, so an interior maximum is the middle one of three
    real roots. The best of these and of the prices themselves is taken, the lowest where several are; between
    prices that nearly coincide (`NARROW`, `FINEST`) no other is looked for. The ask is NaN where no ask
    promises a surplus. Cost: n K.

    Parameters
    ----------
    belief : Belief
        Of n sellers.
    cost : float64 [n]
        What a unit costs each; or more, if selling it later is worth something.
    """
    low, width = belief.price[:, :-1], np.diff(belief.price, axis=1)
    left, fall = belief.chance[:, :-1], -np.diff(belief.chance, axis=1)
    narrow = np.maximum(NARROW * np.ptp(belief.price, axis=1, keepdims=True), FINEST)
    cubic = (width > narrow) & (fall > 0)
    start = np.divide(low - cost[:, None], width, out=np.zeros_like(low), where=cubic)
    constant = np.divide(left, 8 * fall, out=np.zeros_like(low), where=cubic)
    t = np.zeros_like(low)
    t[cubic] = _middle_root(-9 / 8 + 0.75 * start[cubic], -0.75 * start[cubic], constant[cubic])
    ask = np.hstack([belief.price, low + width * t])
    chance = np.hstack([belief.chance, left - fall * _step(t)])
    surplus = (ask - cost[:, None]) * chance
    best = surplus.argmax(axis=1)[:, None]
    most = np.take_along_axis(surplus, best, 1)[:, 0]
    return np.where(most > 0, np.take_along_axis(ask, best, 1)[:, 0], np.nan), most.clip(0)


def worth_of_waiting(belief: Belief, cost: Floats, later: Ints, discount: float) -> Floats:
    """Return what a unit unsold now is worth to sellers with quotes to come, [n] (Tesauro and Bredin 2002).

    The dynamic programme ``V(j) = max over a of {chance(a) * (a - cost) + (1 - chance(a)) * discount *
    V(j - 1)}``, ``V(0) = 0``, for one unit; returns ``discount * V(later)``. Asks are searched on the prices
    of the belief and seven places between neighbours, so V is approached from below. Cost: n K a stage; a
    seller's stages end when its V stays, which a discount below one makes geometric.

    Parameters
    ----------
    belief : Belief
        Of n sellers, kept for all quotes to come.
    cost : float64 [n]
        What the unit costs each.
    later : int64 [n]
        How many quotes are to come after this one.
    discount : float
        In [0, 1]: what a surplus one quote later is worth now.
    """
    worth = np.zeros(len(cost))
    places = np.array(PARTS)
    width, rise = (np.diff(column, axis=1)[:, :, None] for column in (belief.price, belief.chance))
    ask = (belief.price[:, :-1, None] + width * places).reshape(len(cost), -1)
    chance = (belief.chance[:, :-1, None] + rise * _step(places)).reshape(len(cost), -1)
    surplus = chance * (ask - cost[:, None])
    moving = np.flatnonzero((later > 0) & (discount > 0))
    stage = 0
    while len(moving):
        before = discount * worth[moving]
        now = before + (surplus[moving] - chance[moving] * before[:, None]).max(axis=1).clip(0)
        stage += 1
        moves = (now - worth[moving] > SAME * now) & (later[moving] > stage)
        worth[moving] = now
        moving = moving[moves]
    return discount * worth


def _step(t: Floats) -> Floats:
    """Return the cubic that rises from 0 to 1 on [0, 1] with zero slope at both ends."""
    return t * t * (3 - 2 * t)


def _ties(price: Floats) -> tuple[Ints, Ints]:
    """Return the first and the last place of each sorted price's equals, [n, K]."""
    n, width = price.shape
    place = np.broadcast_to(np.arange(width), (n, width))
    differs = price[:, 1:] != price[:, :-1]
    starts = np.hstack([np.ones((n, 1), dtype=bool), differs])
    ends = np.hstack([differs, np.ones((n, 1), dtype=bool)])
    first = np.maximum.accumulate(np.where(starts, place, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, place, width - 1)[:, ::-1], axis=1)[:, ::-1]
    return first, last


def _middle_root(square: Floats, linear: Floats, constant: Floats) -> Floats:
    """Return the middle root of t^3 + square t^2 + linear t + constant, within [0, 1]; 0 unless all are real.

    By the trigonometric solution of the cubic without its square.
    """
    p = linear - square * square / 3
    q = square * (2 * square * square / 27 - linear / 3) + constant
    real = (4 * p * p * p + 27 * q * q <= 0) & (p < 0)
    p = np.where(real, p, -1.0)
    angle = np.arccos((1.5 * np.where(real, q, 0.0) / p * np.sqrt(-3 / p)).clip(-1, 1))
    root = 2 * np.sqrt(-p / 3) * np.cos((angle - 2 * np.pi) / 3) - square / 3
    return np.where(real, root, 0.0).clip(0, 1)
