"""Strata of numbers: what stands in the place of classes where there are none."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST, LEAST_EXAMPLES = 10, 20
"""Strata at most, and how many examples each has at least."""


def strata_of(targets: NDArray[np.float32]) -> dict[str, Any]:
    """Return the quantile of each number, how many there are, and their names.

    Parts of the data then have small, middling and large numbers alike.
    """
    count = max(1, min(MOST, len(targets) // LEAST_EXAMPLES))
    ends = np.unique(np.quantile(targets, np.arange(1, count) / count))
    found, labels = np.unique(np.searchsorted(ends, targets, side="right"), return_inverse=True)
    edges = [f"{edge:.4g}" for edge in (targets.min(), *ends, targets.max())]
    names = [f"{edges[k]} to {edges[k + 1]}" for k in found]
    return {"labels": labels.astype(np.int64), "classes": len(found), "class_names": names}
