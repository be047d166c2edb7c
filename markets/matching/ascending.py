"""The exact ascending auction of the assignment market.

Prices rise from nothing. At each moment every buyer names the units it likes best, which may be to have none;
where more buyers like best nothing but units of a set than the set has units, their prices rise together
until one of those buyers likes something else as well. The auction ends at the least prices that support an
optimal assignment (Demange, Gale and Sotomayor 1986, J. Political Economy 94). Their rule raises a minimal
set that is over-demanded. Any set in excess demand, one whose every part is wanted by more of the set's
buyers than it has units, leads to the same prices (Andersson, Andersson and Talman 2013, Annals of Operations
Research 211); here it is the largest such set, for the fewest steps.
"""

from dataclasses import dataclass

import numpy as np

from markets.columns import Bools, Floats, Ints

_ROUNDING = 1e-11
"""Differences below this share of the largest worth are ties: prices are sums of rounded steps."""


@dataclass(frozen=True, eq=False)
class _Chains:
    """What buyers without a unit can reach: the units they want, the holders of those, what these want...

    Attributes
    ----------
    buyers : bool[B]
        Buyers in the chains.
    units : bool[U]
        Units in the chains.
    wanted_by : int64[U]
        The buyer through which each unit was reached.
    last : int
        A unit that becomes free for the chain that ends there, or -1: then `units` is in excess demand.
    """

    buyers: Bools
    units: Bools
    wanted_by: Ints
    last: int


def ascend(worth: Floats) -> tuple[Ints, Ints, Floats]:
    """Return an optimal matching and the least prices that support it, by raising prices.

    The clock does not tick: it stops where a demand changes, so that real numbers are served like whole ones.

    Parameters
    ----------
    worth : float64[B, U]
        Non-negative worth of each unit to each buyer, in credits. Having no unit is worth 0.

    Returns
    -------
    buyer, unit : int64[M]
        The matched pairs, as many as there are buyers or units. A pair of worth 0 means nothing.
    price : float64[U]
        In credits, within rounding. Differences of 1e-11 of the largest worth count as ties.

    Notes
    -----
    The auction ends. A buyer that has a unit keeps one until it likes nothing as well; so the buyers that
    want one and have none never become more. Between two moments at which they become fewer, every rise adds
    a unit to the chains, so there are at most B + 1 times U + 2 steps, of O(B U) each; far fewer in practice.
    """
    buyers, units = worth.shape
    price, held, holder = np.zeros(units), np.full(buyers, -1), np.full(units, -1)
    tie = _ROUNDING * worth.max(initial=0.0)
    for _ in range((buyers + 1) * (units + 2)):
        utility = worth - price
        best = utility.max(axis=1, initial=0.0)
        content = best <= tie
        chains = _reach(utility >= best[:, None] - tie, content, held, holder)
        if not chains.buyers.any():
            break
        if chains.last >= 0:
            _hand_on(chains, held, holder)
        else:
            elsewhere = utility[chains.buyers][:, ~chains.units].max(axis=1, initial=0.0)
            price[chains.units] += (best[chains.buyers] - elsewhere).min()
    else:
        raise RuntimeError(f"the ascending auction of {buyers} buyers and {units} units did not end")
    return *_filled(held, holder), price


def _reach(wants: Bools, content: Bools, held: Ints, holder: Ints) -> _Chains:
    """Grow chains from the buyers that want a unit and have none, until one unit can become free."""
    inside, units = (held < 0) & ~content, np.zeros(len(holder), dtype=bool)
    wanted_by = np.full(len(holder), -1)
    frontier = np.flatnonzero(inside)
    while len(frontier):
        new = np.flatnonzero(wants[frontier].any(axis=0) & ~units)
        wanted_by[new] = frontier[wants[np.ix_(frontier, new)].argmax(axis=0)]
        units[new] = True
        free = (holder[new] < 0) | content[holder[new]]
        if free.any():
            return _Chains(buyers=inside, units=units, wanted_by=wanted_by, last=int(new[np.argmax(free)]))
        frontier = holder[new]
        inside[frontier] = True
    return _Chains(buyers=inside, units=units, wanted_by=wanted_by, last=-1)


def _hand_on(chains: _Chains, held: Ints, holder: Ints) -> None:
    """Give the last unit of a chain to who wanted it, that one's unit to who wanted this, and so on."""
    unit = chains.last
    if holder[unit] >= 0:
        held[holder[unit]] = -1
    while unit >= 0:
        buyer = chains.wanted_by[unit]
        holder[unit] = buyer
        unit, held[buyer] = held[buyer], unit


def _filled(held: Ints, holder: Ints) -> tuple[Ints, Ints]:
    """Return the matched pairs; buyers left over, to whom a unit is worth nothing more, get free ones."""
    left, free = np.flatnonzero(held < 0), np.flatnonzero(holder < 0)
    pairs = min(len(left), len(free))
    has = np.flatnonzero(held >= 0)
    return np.concatenate([has, left[:pairs]]), np.concatenate([held[has], free[:pairs]])
