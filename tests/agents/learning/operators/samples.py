"""Merges that the tests of all operators share."""

from functools import cache

import numpy as np
import torch

from agents.learning import Architecture, Parameters
from agents.learning.operators import MergeOperator, Operands, Owners
from tests.agents.learning.conftest import EXAMPLES, SHAPE, models

PAIRS = 5
WEIGHTS = torch.tensor([0.0, 0.3, 0.5, 0.8, 1.0])


def owners(architecture: Architecture, count: int = PAIRS, seed: int = 0, examples: int = 40) -> Owners:
    """Return organisations with different numbers of examples."""
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.permutation(EXAMPLES)[:examples] for _ in range(count)])
    for row, length in enumerate(rng.integers(examples // 2, examples, count)):
        rows[row, length:] = -1
    inputs = torch.from_numpy(rng.normal(size=(EXAMPLES, *SHAPE)).astype(np.float32))
    seeds = torch.from_numpy(rng.integers(-(2**63), 2**63, count))
    return Owners(architecture, moved(architecture, count, seed), inputs, torch.from_numpy(rows), seeds)


def moved(architecture: Architecture, count: int, seed: int) -> Parameters:
    """Return models that have left their start: fresh ones agree in all normalisations."""
    rng = np.random.default_rng([seed, 1])
    return {
        name: leaf + torch.from_numpy(rng.normal(scale=0.1, size=leaf.shape).astype(np.float32))
        for name, leaf in models(architecture, count, seed).items()
    }


@cache
def evidence_of(operator: MergeOperator, architecture: Architecture, seed: int) -> Parameters:
    """Return what the owners drawn with a seed tell an operator; not to be changed."""
    return operator.evidence(owners(architecture, seed=seed))


def operands_of(
    architecture: Architecture, operator: MergeOperator, masked: bool = False, ancestor: bool = False
) -> Operands:
    """Return merges of fresh models with the evidence that an operator asks for."""
    own, other = (owners(architecture, seed=seed).parameters for seed in (0, 1))
    masks = None
    if masked:
        kept = [name for name in architecture.shapes if name.startswith("head")]
        masks = {
            name: torch.tensor([True, name in kept, True, name in kept, True]) for name in architecture.shapes
        }
    return Operands(
        own,
        other,
        masks,
        evidence_of(operator, architecture, seed=0),
        evidence_of(operator, architecture, seed=1),
        moved(architecture, PAIRS, seed=2) if ancestor else None,
    )
