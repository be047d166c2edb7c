"""Small markets of a known shape, and a test of means."""

import itertools

import numpy as np
import numpy.typing as npt

from markets.goods.blocks import UNLIMITED
from markets.mechanisms import Mechanism
from markets.orders.orders import Orders, Trades


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


def utilities(trades: Trades, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What each row's buyer gains, in the shape of its values: value where it won, less what it paid."""
    won, paid = np.zeros((2, values.size))
    won[trades.row] = 1
    paid[trades.row] = trades.paid
    paid[trades.levies.row] = trades.levies.paid
    return won.reshape(values.shape) * values - paid.reshape(values.shape)


def replies(
    mechanism: Mechanism, value: float, bids: npt.NDArray[np.float64], rival: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The gains [bids, rivals] of each bid for one unit against each of the highest rival's bids."""
    reports = np.stack(np.meshgrid(bids, rival, indexing="ij"), axis=-1)
    trades = mechanism.clear(copies(reports.reshape(-1, 2), capacity=1), np.random.default_rng(0))
    values = np.tile([value, 0.0], (bids.size * rival.size, 1))
    return utilities(trades, values)[:, 0].reshape(bids.size, rival.size)


def equilibria(
    mechanism: Mechanism, grid: npt.ArrayLike, values: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Every profile of bids on a grid, [P, n], and whether no buyer gains by another bid of the grid."""
    n, size = np.size(values), np.size(grid)
    profiles = np.array(list(itertools.product(np.asarray(grid, float), repeat=n)))
    trades = mechanism.clear(copies(profiles), np.random.default_rng(0))
    gains = utilities(trades, np.tile(np.asarray(values, float), (len(profiles), 1)))
    tensor = gains.reshape((size,) * n + (n,))
    rest = [tensor[..., i] >= tensor[..., i].max(axis=i, keepdims=True) - 1e-12 for i in range(n)]
    return profiles, np.logical_and.reduce(rest).ravel()
