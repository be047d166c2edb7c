"""A ring: buyers who do not outbid each other."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass
from scipy.optimize import linear_sum_assignment

from agents.strategies import STRATEGIES
from agents.strategies.base import BidView, Strategy, worthwhile
from markets.columns import Bools, Floats, Ints


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Ring(Strategy):
    """Its followers share the listings out and bid, truthfully, each for its own alone.

    For every position the ring gives each member at most one listing, so that its members' values of what
    they were given sum to the most; with one listing, the member that values it most bids and nobody else. In
    a second-price auction of a scarce block the price then falls to the best bid from outside. The spoils
    stay with who wins; asks are truthful.

    Notes
    -----
    With K members and U listings: O(K U) memory and at most O(min(K, U)^2 max(K, U)).

    References
    ----------
    D. Graham and R. Marshall (1987), Journal of Political Economy 95, here without the ring's own auction.
    """

    name: str = "ring"
    conspires: ClassVar[bool] = True

    def bid(self, view: BidView) -> Floats:
        """Return the value for the member that a listing was given to, NaN for the others."""
        own = np.zeros(len(view.value), dtype=bool)
        for position in np.unique(view.position):
            rows = np.flatnonzero(view.position == position)
            own[rows] = _shared_out(view.buyer[rows], view.listing[rows], view.value[rows])
        return worthwhile(view, np.where(own, view.value, np.nan))


def _shared_out(buyer: Ints, listing: Ints, value: Floats) -> Bools:
    """Return which rows [R] are the pairs of an assignment with the largest sum of values."""
    members, member = np.unique(buyer, return_inverse=True)
    listings, place = np.unique(listing, return_inverse=True)
    worth = np.zeros((len(members), len(listings)))
    worth[member, place] = value
    given = np.zeros(worth.shape, dtype=bool)
    given[linear_sum_assignment(worth, maximize=True)] = True
    return given[member, place]
