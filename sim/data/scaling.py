"""The units in which models see inputs and numbers to be foretold.

Where a dataset has usual ones (the mean and deviation of MNIST's pixels), those are taken. Others are found
from the endowments of a replicate alone: nothing that is only measured on, no validation and no test example,
has a say in them. Replicates divide the data in ways of their own, so that each has its own units, and then
its own copy of the examples.

Core Objects: Scaling, Scaled, scaled
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markets.columns import Ints
from sim.data.datasets import Examples
from sim.data.division import Division

Floats32 = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Scaling:
    """Units: what is seen of x is (x - mean) / deviation.

    Parameters
    ----------
    mean, deviation : float32 arrays or None
        Of the inputs, of a shape that broadcasts over theirs; None where they are seen as they are.
    target_mean, target_deviation : float
        Of the numbers to be foretold.
    """

    mean: Floats32 | None = None
    deviation: Floats32 | None = None
    target_mean: float = 0.0
    target_deviation: float = 1.0

    def inputs(self, given: NDArray[Any]) -> NDArray[Any]:
        """Return inputs in these units."""
        if self.mean is None or self.deviation is None:
            return given
        return np.asarray((given - self.mean) / self.deviation)

    def targets(self, given: NDArray[Any]) -> NDArray[Any]:
        """Return targets in these units; other than float32 they are no numbers to be foretold."""
        if given.dtype != np.float32:
            return given
        return ((given - self.target_mean) / self.target_deviation).astype(np.float32)

    def told(self) -> dict[str, list[float]] | None:
        """Return the units as plain data; None where nothing is measured in any."""
        found: dict[str, list[float]] = {}
        if self.mean is not None and self.deviation is not None:
            found = {"mean": self.mean.ravel().tolist(), "deviation": self.deviation.ravel().tolist()}
        if (self.target_mean, self.target_deviation) != (0.0, 1.0):
            found |= {"target_mean": [self.target_mean], "target_deviation": [self.target_deviation]}
        return found or None


@dataclasses.dataclass(frozen=True, eq=False)
class Scaled:
    """Examples in the units in which models see them, and who has which.

    Parameters
    ----------
    inputs, targets : arrays [E', ...]
        The examples; all of them for every replicate where units differ between replicates.
    labels : int64 array [E']
        Their classes or strata.
    divisions : dict
        The division of each replicate, of these examples.
    scalings : dict
        The units of each replicate.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    labels: Ints
    divisions: dict[int, Division]
    scalings: dict[int, Scaling]


def scaled(examples: Examples, standardise: bool, divisions: Mapping[int, Division]) -> Scaled:
    """Return examples in their usual units, or in those of the endowments of each replicate.

    Parameters
    ----------
    examples : Examples
        As they were loaded.
    standardise : bool
        Whether inputs are measured in any units; numbers to be foretold always are.
    divisions : mapping
        The division of the data in each replicate.
    """
    fitted = standardise and examples.mean is None and not examples.task.takes_tokens
    if not fitted and examples.kind != "regression":
        scaling = _usual(examples) if standardise else Scaling()
        inputs = scaling.inputs(examples.inputs)
        every = dict.fromkeys(divisions, scaling)
        return Scaled(inputs, examples.right, examples.labels, dict(divisions), every)
    scalings = {r: _fitted(examples, standardise, division) for r, division in divisions.items()}
    count, times = len(examples.labels), len(divisions)
    return Scaled(
        inputs=np.concatenate([scaling.inputs(examples.inputs) for scaling in scalings.values()]),
        targets=np.concatenate([scaling.targets(examples.right) for scaling in scalings.values()]),
        labels=np.tile(examples.labels, times),
        divisions={r: _moved(d, i * count) for i, (r, d) in enumerate(divisions.items())},
        scalings=scalings,
    )


def _usual(examples: Examples) -> Scaling:
    """Return the units that a dataset is usually measured in."""
    if examples.mean is None or examples.deviation is None:
        return Scaling()
    mean, deviation = (np.array(c, np.float32)[:, None, None] for c in (examples.mean, examples.deviation))
    return Scaling(mean, deviation)


def _fitted(examples: Examples, standardise: bool, division: Division) -> Scaling:
    """Return the units of what the organisations of a replicate own together.

    Each column of a table has its own, and each channel of images and series; what never differs keeps its
    own.
    """
    scaling = _usual(examples) if standardise else Scaling()
    owned = np.unique(np.concatenate(division.endowments))
    if standardise and examples.mean is None:
        given = examples.inputs[owned]
        axes = (0, *range(2, given.ndim))
        mean, deviation = (
            np.asarray(part(given, axis=axes, dtype=np.float64, keepdims=True))[0].astype(np.float32)
            for part in (np.mean, np.std)
        )
        if examples.numbers is not None:
            mean, deviation = mean * examples.numbers, np.where(examples.numbers, deviation, 1)
        scaling = Scaling(mean, np.where(deviation > 0, deviation, 1).astype(np.float32))
    if examples.kind != "regression":
        return scaling
    right = examples.right[owned].astype(np.float64)
    return dataclasses.replace(
        scaling, target_mean=float(right.mean()), target_deviation=float(right.std()) or 1.0
    )


def _moved(division: Division, by: int) -> Division:
    """Return a division of the same examples, which lie so many places further on."""
    return Division(
        [own + by for own in division.endowments],
        validation=division.validation + by,
        test=division.test + by,
    )
