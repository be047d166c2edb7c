"""Clearing rules in plain Python: loops over lists, and nothing of the market's own code.

The yardstick of the benchmark of clearing: what somebody would write who has lists of bids.

Core Objects: plain_call, plain_auctions, plain_validation, plain_assignment
"""

from collections.abc import Sequence


def plain_call(bids: Sequence[float], asks: Sequence[float], k: float | None) -> tuple[int, float, float]:
    """Clear one book and return the trades, what buyers pay and what sellers get; O(R log R).

    Parameters
    ----------
    bids, asks : sequence of float
        In any order, in credits.
    k : float or None
        Of a k-double auction; None for McAfee's rule without bounds.
    """
    bids, asks = sorted(bids, reverse=True), sorted(asks)
    quantity = 0
    for bid, ask in zip(bids, asks, strict=False):
        if bid < ask:
            break
        quantity += 1
    if quantity == 0:
        return 0, float("nan"), float("nan")
    last_bid, last_ask = bids[quantity - 1], asks[quantity - 1]
    next_bid = bids[quantity] if quantity < len(bids) else float("-inf")
    next_ask = asks[quantity] if quantity < len(asks) else float("inf")
    if k is not None:
        price = (1 - k) * max(last_ask, next_bid) + k * min(last_bid, next_ask)
        return quantity, price, price
    middle = (next_bid + next_ask) / 2
    if last_ask <= middle <= last_bid:
        return quantity, middle, middle
    return quantity - 1, last_bid, last_ask


def plain_auctions(
    listings: Sequence[int], bids: Sequence[float], reserve: float, second: bool
) -> tuple[list[int], list[float]]:
    """Sell every listing once and return the winning rows and their prices, by row; O(R).

    Parameters
    ----------
    listings, bids : sequence
        The listing and the bid of each row.
    reserve : float
        The least bid that wins, in credits.
    second : bool
        Whether the winner pays the highest losing bid or the reserve, instead of its own bid.
    """
    winner: dict[int, int] = {}
    losing: dict[int, float] = {}
    for row, (listing, bid) in enumerate(zip(listings, bids, strict=True)):
        if bid < reserve:
            continue
        best = winner.get(listing)
        if best is None:
            winner[listing], losing[listing] = row, reserve
        elif bid > bids[best]:
            winner[listing], losing[listing] = row, bids[best]
        elif bid > losing[listing]:
            losing[listing] = bid
    sold = sorted((row, losing[listing] if second else bids[row]) for listing, row in winner.items())
    return [row for row, _ in sold], [price for _, price in sold]


def plain_validation(
    buyers: Sequence[int],
    sellers: Sequence[int],
    listings: Sequence[int],
    bids: Sequence[float],
    asks: Sequence[float],
) -> int:
    """Return how many rows of orders are good: amounts finite, pairs new, one seller a listing; O(R)."""
    seen: set[tuple[int, int]] = set()
    seller_of: dict[int, int] = {}
    good, infinity = 0, float("inf")
    for buyer, seller, listing, bid, ask in zip(buyers, sellers, listings, bids, asks, strict=True):
        amounts = 0 <= bid < infinity and 0 <= ask < infinity
        one_seller = seller_of.setdefault(listing, seller) == seller
        if amounts and one_seller and buyer != seller and (buyer, listing) not in seen:
            seen.add((buyer, listing))
            good += 1
    return good


def plain_assignment(worth: Sequence[Sequence[float]]) -> tuple[list[int], list[float]]:
    """Assign n buyers to n units and return each buyer's unit and the least prices of the units; O(n^3).

    The Hungarian method with a potential of every buyer and unit, a shortest path for every buyer (Kuhn 1955,
    Naval Research Logistics Quarterly 2); then the least prices, as longest paths from unit to unit through
    their owners, by rounds over all pairs (Bellman 1958, Quarterly of Applied Mathematics 16).

    Parameters
    ----------
    worth : n sequences of n floats
        Not negative, in credits.
    """
    size, infinity = len(worth), float("inf")
    of_buyer, of_unit = [0.0] * (size + 1), [0.0] * (size + 1)
    owner, way = [0] * (size + 1), [0] * (size + 1)
    for buyer in range(1, size + 1):
        owner[0], unit = buyer, 0
        distance, visited = [infinity] * (size + 1), [False] * (size + 1)
        while owner[unit]:
            visited[unit] = True
            row, potential = worth[owner[unit] - 1], of_buyer[owner[unit]]
            step, nearest = infinity, 0
            for other in range(1, size + 1):
                if not visited[other]:
                    reduced = -row[other - 1] - potential - of_unit[other]
                    if reduced < distance[other]:
                        distance[other], way[other] = reduced, unit
                    if distance[other] < step:
                        step, nearest = distance[other], other
            for other in range(size + 1):
                if visited[other]:
                    of_buyer[owner[other]] += step
                    of_unit[other] -= step
                else:
                    distance[other] -= step
            unit = nearest
        while unit:
            owner[unit], unit = owner[way[unit]], way[unit]
    unit_of = [0] * size
    for unit in range(1, size + 1):
        unit_of[owner[unit] - 1] = unit - 1
    return unit_of, _least_prices(worth, unit_of)


def _least_prices(worth: Sequence[Sequence[float]], unit_of: Sequence[int]) -> list[float]:
    prices, raised = [0.0] * len(worth), True
    while raised:
        raised = False
        for row, own in zip(worth, unit_of, strict=True):
            utility = row[own] - prices[own]
            for unit, value in enumerate(row):
                if unit != own and value - utility > prices[unit] + 1e-12:
                    prices[unit], raised = value - utility, True
    return prices
