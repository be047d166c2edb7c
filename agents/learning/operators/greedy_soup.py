"""Greedy soup: an average into which a model enters only if it does not raise the validation loss."""

from pydantic.dataclasses import dataclass

from agents.learning.operators.base import MERGE_OPERATORS
from agents.learning.operators.uniform_soup import UniformSoup


@MERGE_OPERATORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class GreedySoup(UniformSoup):
    """Uniform soup without what would raise the loss on the broker's data (Wortsman et al. 2022).

    It begins with the buyer's own model; what the buyer bought enters in the order of the sellers' losses.
    """

    name: str = "greedy_soup"
