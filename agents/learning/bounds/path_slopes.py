"""Slopes of the loss along merges, by which the gain can be bounded before it is measured.

What a broker can tell of a merge without telling its gain: how far apart the two models are, how large the
gradient of the loss is on the way, and how steep the loss is along it (see `agents.learning.bounds.gains`).

Core Objects: PathSlopes, path_slopes
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from agents.learning.bounds.gains import steepest
from agents.learning.operators.recipe import AlignedPairs, Recipe
from agents.learning.stack.data import Batch, Data, column
from agents.learning.stack.device import precise_dtype
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.memory import chunk_size, chunks, training_bytes
from agents.learning.stack.offered import Prepared
from agents.learning.stack.pairs import Pairs
from agents.learning.stack.parameters import Parameters, gather
from markets.columns import Floats
from markets.refusals import InputError


@dataclass(frozen=True)
class PathSlopes:
    """How the loss changes along P merges, at M weights.

    Attributes
    ----------
    slope : float64 array, shape (P, M)
        l'(w), nats a unit of weight.
    gradient : float64 array, shape (P, M)
        Norm of the loss's gradient by the parameters, |grad L|.
    distance : float64 array, shape (P,)
        Norm |d| of the difference of the two models.
    """

    slope: Floats
    gradient: Floats
    distance: Floats

    @property
    def by_norms(self) -> Floats:
        """K as norms give it, the greatest gradient times the distance, ``[P]``; never below `by_slopes`."""
        return self.gradient.max(axis=1) * self.distance

    @property
    def by_slopes(self) -> Floats:
        """K as slopes give it, the steepest of them, ``[P]``."""
        return np.abs(self.slope).max(axis=1)

    def curvature(self, weights: npt.ArrayLike) -> Floats:
        """Return M as slopes at rising `weights` ``[M]`` give it, the fastest change between two, ``[P]``."""
        return steepest(weights, self.slope)


@torch.no_grad()
def path_slopes(
    fleet: Fleet, prepared: Prepared, pairs: Pairs, data: Data, weights: Sequence[float]
) -> PathSlopes:
    """Measure slopes along the merges of whole models by interpolation.

    Cost: a forward and a backward pass a pair and weight. Memory stays within the fleet's budget.

    Parameters
    ----------
    fleet, pairs, data
        As for `agents.learning.trials.try_blocks`.
    prepared : Prepared
        What was offered, and from trials how sellers' units are ordered.
    weights : sequence of float, length M
        Where to measure, in [0, 1].

    Raises
    ------
    InputError
        If the network keeps running statistics, which change along a merge in ways that have no slope.
    """
    if fleet.statistics:
        raise InputError(
            f"network must keep no running statistics for slopes; got {fleet.architecture.signature}"
        )
    aligned = AlignedPairs(
        buyer=fleet.rows(pairs.buyer),
        seller=column(pairs.seller, fleet.device),
        masks=None,
        permutations=prepared.permutations,
    )
    (inputs, targets), (examples, groups) = data.on(fleet.device), data.groups(fleet.device)
    found, distance = np.empty((2, len(pairs), len(weights))), np.empty(len(pairs))
    each = training_bytes(fleet.architecture, examples.shape[1], fleet.device)
    for part in chunks(len(pairs), chunk_size(fleet.working_bytes, each)):
        some = aligned.take(torch.arange(part.start, part.stop, device=fleet.device))
        operands = Recipe().operands(fleet, prepared.offered.leaves, some)
        chosen = examples[groups[part]]
        x, y = gather(inputs, chosen), targets[chosen]
        share = torch.full_like(chosen, 1 / chosen.shape[1], dtype=torch.float32)
        difference = {name: operands.other[name] - leaf for name, leaf in operands.own.items()}
        distance[part] = _product(difference, difference) ** 0.5
        for place, weight in enumerate(weights):
            merged = {name: leaf + weight * difference[name] for name, leaf in operands.own.items()}
            _, gradients = fleet.architecture.gradients(merged, Batch(x, y, share))
            found[0, part, place] = _product(gradients, difference)
            found[1, part, place] = _product(gradients, gradients) ** 0.5
    return PathSlopes(slope=found[0], gradient=found[1], distance=distance)


def _product(one: Parameters, other: Parameters) -> Floats:
    """Return the inner products of stacked parameters, summed in double precision, ``[p]``."""
    kind = precise_dtype(next(iter(one.values())).device)
    terms = [(leaf.to(kind) * other[name].to(kind)).flatten(1).sum(1) for name, leaf in one.items()]
    return np.asarray(torch.stack(terms).sum(0).cpu().numpy(), dtype=np.float64)
