"""Small markets of a known shape, and a test of means."""

import numpy as np
import numpy.typing as npt

from markets.goods import UNLIMITED
from markets.orders import Orders


def pairs(value: npt.ArrayLike, cost: npt.ArrayLike) -> Orders:
    """One buyer and one seller a row, that meet nobody else."""
    n = np.size(value)
    return Orders.of(
        buyer=n + np.arange(n),
        seller=np.arange(n),
        listing=np.arange(n),
        bid=value,
        ask=cost,
        capacity=np.ones(n, int),
    )


def copies(bids: npt.ArrayLike, asks: npt.ArrayLike = 0.0, capacity: int = UNLIMITED) -> Orders:
    """One listing a row of `bids`, each with buyers of its own and a copy for everybody."""
    bid = np.atleast_2d(np.asarray(bids, dtype=np.float64))
    return Orders.of(
        buyer=1 + np.arange(bid.size),
        seller=np.zeros(bid.size, int),
        listing=np.repeat(np.arange(len(bid)), bid.shape[1]),
        bid=bid.ravel(),
        ask=np.broadcast_to(asks, bid.shape).ravel(),
        capacity=np.full(bid.size, capacity),
    )


def close(samples: npt.ArrayLike, expected: float) -> bool:
    """Within five standard errors of the mean."""
    return bool(abs(np.mean(samples) - expected) < 5 * np.std(samples) / np.sqrt(np.size(samples)))
