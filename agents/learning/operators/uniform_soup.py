"""Uniform soup: the plain average of several models."""

from typing import ClassVar

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from agents.learning.operators.base import MERGE_OPERATORS, Operands, Owners, StraightOperator, between
from agents.learning.stack.parameters import Parameters, spread


@MERGE_OPERATORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class UniformSoup(StraightOperator):
    """Plain average of the buyer's model and all that it buys in a round (Wortsman et al. 2022).

    There is no merge weight: a trial compares the average of the two models with the buyer's own. The
    evidence is how many models a tensor is the average of, one number a tensor.
    """

    name: str = "uniform_soup"
    weighted: ClassVar[bool] = False
    replaces: ClassVar[bool] = False

    def evidence(self, owners: Owners) -> Parameters:
        """Return 1 for each tensor, ``[n]``: before a round's purchases every model stands for itself."""
        leaves = [(name, owners.parameters[name]) for name in owners.architecture.shapes]
        return {name: torch.ones(len(leaf), device=leaf.device) for name, leaf in leaves}

    def pooled(self, operands: Operands, weight: Tensor) -> Parameters:
        """Return how many models the merged ones are the average of."""
        return {
            name: count + ((weight > 0) if operands.masks is None else (weight > 0) & operands.masks[name])
            for name, count in operands.own_evidence.items()
        }

    def partner(self, operands: Operands) -> Parameters:
        """Return the averages of the buyers' ingredients and one more."""
        return {
            name: between(leaf, operands.other[name], spread(1 / (1 + operands.own_evidence[name]), leaf))
            for name, leaf in operands.own.items()
        }
