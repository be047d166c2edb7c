"""Markets of independent pairs."""

import numpy as np
import numpy.typing as npt

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
        capacity=[1] * n,
    )


def close(samples: npt.ArrayLike, expected: float) -> bool:
    """Within five standard errors of the mean."""
    return bool(abs(np.mean(samples) - expected) < 5 * np.std(samples) / np.sqrt(np.size(samples)))
