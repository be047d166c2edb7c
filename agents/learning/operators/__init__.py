"""Merge operators by name: rules that make one model of a buyer's and a seller's.

Each file holds one rule as a pure function on stacked tensors, leading axis = merges, and the class by which
the market chooses it. An operator is used alike in trials and in merges, so that a buyer gets what was tried.

Core Objects: MERGE_OPERATORS, MergeOperator, StraightOperator, Operands, Recipe
"""

from agents.learning.operators.base import (
    MERGE_OPERATORS,
    Masks,
    MergeOperator,
    Operands,
    Owners,
    StraightOperator,
    interpolate,
)
from agents.learning.operators.recipe import Evidence, Recipe, gather_evidence
from markets.registry import import_submodules

import_submodules(__name__, list(__path__))
