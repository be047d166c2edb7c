"""Deferred acceptance, vectorised."""

import numpy as np

from markets.columns import Bools, Floats, Ints
from markets.matching.ranking import Ranking, best_of_groups
from markets.orders.orders import Orders


def stable_matching(
    orders: Orders,
    eligible: Bools,
    buyer_score: Floats,
    listing_score: Floats,
    priority: Ints,
) -> tuple[Bools, Bools]:
    """Match buyers and listings so that no pair would rather have each other.

    In every round each buyer proposes to its best rows that have not refused it, up to ``orders.demand`` for
    a position, and each listing holds the best proposals up to its capacity and refuses the rest; the rounds
    end when nobody is refused (Gale and Shapley 1962, Amer. Math. Monthly 69; many to many: Roth 1984,
    Econometrica 52). The order of proposals does not matter. When both scores are the surplus, this is
    "largest surplus first".

    Parameters
    ----------
    orders : Orders
        The pairs, with demand and capacities.
    eligible : bool[R]
        Rows that may trade at all.
    buyer_score, listing_score : float64[R]
        How much the buyer and the listing like the row; larger is better.
    priority : int64[R]
        Distinct numbers that break ties of both; smaller is better.

    Returns
    -------
    accepted : bool[R]
        Rows that trade.
    rejected : bool[R]
        Rows that were proposed and refused for want of room: the losing bidders. A buyer that never proposed
        had something better and is not among them.

    Notes
    -----
    O(R log R) to sort and O(R) a round; a round refuses at least one row, so there are at most R + 1 of them,
    few in practice, and one where demand does not bind; O(R) in all if listings have one copy besides.
    """
    # Where demand does not bind everybody proposes to all at once, and nobody has another row to turn to.
    at_once = np.bincount(orders.seat[eligible], minlength=1).max() <= orders.demand
    if at_once and (orders.capacity == 1).all():
        held = best_of_groups(orders.lot, listing_score, priority, eligible)
        return held, eligible & ~held
    by_listing = Ranking.of(orders.lot, listing_score, priority, orders.capacity)
    if at_once:
        held = by_listing.first(eligible)
        return held, eligible & ~held
    by_buyer = Ranking.of(orders.seat, buyer_score, priority, orders.demand)
    if np.array_equal(buyer_score, listing_score):
        return _largest_first(by_buyer, by_listing, eligible)
    rejected = np.zeros(len(orders), dtype=bool)
    while True:
        proposed = by_buyer.first(eligible & ~rejected)
        held = by_listing.first(proposed)
        if np.array_equal(held, proposed):
            return held, rejected
        rejected |= proposed & ~held


def _largest_first(by_buyer: Ranking, by_listing: Ranking, eligible: Bools) -> tuple[Bools, Bools]:
    """Match as `stable_matching` does where both sides like the same rows best.

    A row that is best for both sides for as many as they have room for belongs to the matching whatever the
    others do. Every round takes all such rows at once, the best of all that are open among them; where
    proposals pass a refusal from buyer to buyer this needs far fewer rounds.
    """
    open_rows = eligible
    while True:
        accepted = by_buyer.first(open_rows) & by_listing.first(open_rows)
        still = open_rows & by_buyer.has_room(accepted) & by_listing.has_room(accepted)
        if np.array_equal(still, accepted):
            return accepted, eligible & ~accepted & by_buyer.has_room(accepted)
        open_rows = still
