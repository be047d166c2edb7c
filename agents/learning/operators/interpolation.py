"""Linear interpolation of two models; the rule itself is `base.interpolate`, on which others build."""

from pydantic.dataclasses import dataclass

from agents.learning.operators.base import MERGE_OPERATORS, Operands, StraightOperator
from agents.learning.stack.parameters import Parameters


@MERGE_OPERATORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Interpolation(StraightOperator):
    """Weighted average of the parameters, (1 - w) own + w aligned (Huang, Vishwakarma and Sala 2023)."""

    name: str = "interpolation"

    def partner(self, operands: Operands) -> Parameters:
        """Return the sellers' models."""
        return operands.other
