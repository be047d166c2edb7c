"""Fisher-weighted averaging."""

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from agents.learning.alignment.weight_matching import permute
from agents.learning.networks.base import Architecture
from agents.learning.operators.base import (
    MERGE_OPERATORS,
    MergeOperator,
    Operands,
    Owners,
    between,
    inside,
    interpolate,
)
from agents.learning.stack.parameters import Parameters, spread
from agents.learning.tasks import Classification

EXAMPLES_AT_ONCE = 32
"""Examples in one batched computation; fixed, so that sums are added up alike whatever else is computed."""


def fisher_merge(operands: Operands, weight: Tensor, floor: float = 1e-6) -> Parameters:
    """Return ``((1 - w) F own + w G other) / ((1 - w) F + w G)``, entry by entry.

    F and G are the diagonals of the two models' Fisher information. This is the most probable model where
    each posterior is a normal distribution around its model with that precision, and the least of (1 - w)
    times one quadratic loss plus w times the other where F and G are their curvatures. Source: Matena and
    Raffel (2022), "Merging Models with Fisher-Weighted Averaging", equation 2. Cost: O(P D) for D parameters.

    Parameters
    ----------
    operands : Operands
        The models, and as their evidence the diagonals, which are not negative.
    weight
        As in `interpolate`.
    floor : float
        Least information, so that what neither model depends on is interpolated, > 0.
    """
    merged = {}
    for name, leaf in operands.own.items():
        share = spread(weight, leaf)
        ours = (1 - share) * operands.own_evidence[name].clamp(min=floor)
        theirs = share * operands.other_evidence[name].clamp(min=floor)
        merged[name] = between(leaf, operands.other[name], theirs / (ours + theirs))
    return inside(operands.own, merged, weight, operands.masks)


def diagonal_fisher(
    architecture: Architecture, parameters: Parameters, inputs: Tensor, rows: Tensor
) -> Parameters:
    """Return the diagonal of the Fisher information of N models, each on its own examples.

    An entry is the mean over examples of E[(d log p(y | x) / d theta)^2], where y is drawn from the model's
    own prediction; with K classes the expectation is exact. Cost: about K backward passes an example.

    Parameters
    ----------
    parameters : Parameters
        Leaves ``[N, ...]``, running statistics included.
    inputs : Tensor
        All examples ``[E, *S]``.
    rows : Tensor
        Examples of each model, int64 ``[N, L]``, padded with -1; one with none has information 0.
    """
    total = {name: torch.zeros_like(parameters[name]) for name in architecture.shapes}
    for first in range(0, rows.shape[1], EXAMPLES_AT_ONCE):
        batch = torch.nn.functional.pad(rows, (0, EXAMPLES_AT_ONCE), value=-1)
        batch = batch[:, first : first + EXAMPLES_AT_ONCE]
        found = architecture.fisher_diagonal(parameters, inputs[batch.clamp(min=0)], (batch >= 0).float())
        for name, leaf in total.items():
            leaf += found[name]
    count = (rows >= 0).sum(1).clamp(min=1)
    return {name: leaf / spread(count, leaf) for name, leaf in total.items()}


@MERGE_OPERATORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Fisher(MergeOperator):
    """Average in which parameters count by their Fisher information (Matena and Raffel 2022).

    Organisations tell the broker the diagonal of the information on their own data, as many
    numbers as there are parameters.

    Parameters
    ----------
    examples : int
        Examples of its own, drawn each round, on which an organisation estimates it.
    floor : float
        Least information of a parameter, > 0.
    """

    name: str = "fisher"
    examples: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    floor: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 1e-6

    def refuses(self, architecture: Architecture) -> str:
        """Return that answers must be classes, whose chances the expectation is over."""
        task = architecture.task
        return "" if isinstance(task, Classification) else f"needs the task classification; got {task.name}"

    def evidence(self, owners: Owners) -> Parameters:
        """Return the diagonal of the Fisher information, leaves ``[n, ...]`` as the parameters have them."""
        return diagonal_fisher(owners.architecture, owners.parameters, owners.inputs, owners.rows)

    def permute_evidence(
        self, architecture: Architecture, evidence: Parameters, permutations: Mapping[str, Tensor]
    ) -> Parameters:
        """Return information in the order of the permuted models' parameters."""
        return permute(architecture, evidence, permutations)

    def pooled(self, operands: Operands, weight: Tensor) -> Parameters:
        """Return the information of merged models, (1 - w) F + w G: several merges are one of all models."""
        return interpolate(operands.own_evidence, operands.other_evidence, weight, operands.masks)

    def merge(self, operands: Operands, weight: Tensor) -> Parameters:
        """Return P merged models (see `fisher_merge`); needs information as evidence."""
        return fisher_merge(operands, weight, self.floor)
