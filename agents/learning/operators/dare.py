"""DARE: drop task-vector entries at random and rescale the rest."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from agents.learning.operators.base import MERGE_OPERATORS, Operands, Owners, StraightOperator
from agents.learning.stack.parameters import Parameters

GOLDEN_GAMMA, FIRST_FACTOR, SECOND_FACTOR = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15
"""Constants of SplitMix64, 0x9e3779b97f4a7c15 and so on, as signed integers: torch has no unsigned ones."""
SEED = "dropped"
"""Name of the evidence: the seed from which an organisation's dropped entries follow."""


def split_mix(seeds: Tensor, counters: Tensor) -> Tensor:
    """Return draw number ``counters[j]`` (from 1) of each seed's SplitMix64 stream, int64 ``[P, J]``.

    Steele, Lea and Flood (2014), "Fast Splittable Pseudorandom Number Generators", figure 13. A draw is a
    function of seed and counter, so a merge can be computed again, alone or in company, with the same draws.
    """
    z = seeds.unsqueeze(1) + counters.unsqueeze(0) * GOLDEN_GAMMA
    z = (z ^ _shifted(z, 30)) * FIRST_FACTOR
    z = (z ^ _shifted(z, 27)) * SECOND_FACTOR
    return z ^ _shifted(z, 31)


def drop_and_rescale(vectors: Parameters, rate: float, seeds: Tensor) -> Parameters:
    """Return task vectors with each entry 0 with probability `rate` and divided by ``1 - rate`` otherwise.

    The mean over seeds is the task vector itself. Source: Yu, Yu, Yu, Huang and Li (2024), "Language Models
    are Super Mario: Absorbing Abilities from Homologous Models as a Free Lunch", section 3.2. Cost: O(P D)
    for D parameters.

    Parameters
    ----------
    vectors : Parameters
        Leaves ``[P, ...]``.
    rate : float
        Probability, in [0, 1).
    seeds : Tensor
        One a pair, int64 ``[P]``, from an injected generator.
    """
    dropped, first = {}, 1
    for name, leaf in vectors.items():
        size = leaf[0].numel() if len(leaf) else 0
        counters = torch.arange(first, first + size, device=leaf.device)
        uniform = (_shifted(split_mix(seeds, counters), 40)).to(torch.float64) / 2**24
        kept = (uniform >= rate).view(leaf.shape)
        dropped[name] = torch.where(kept, leaf / (1 - rate), 0)
        first += size
    return dropped


def _shifted(values: Tensor, places: int) -> Tensor:
    """Return 64-bit values shifted right as if they had no sign."""
    return (values >> places) & ((1 << (64 - places)) - 1)


@MERGE_OPERATORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Dare(StraightOperator):
    """The seller's task vector, thinned at random and rescaled (Yu et al. 2024), then averaged in.

    With the ancestor a and thinning D, the merge is a + (1 - w) (own - a) + w D(seller - a): on average over
    the draws the linear interpolation. The seller thins its own block, alike for all buyers of a round; the
    buyer's model stays whole. The ancestor is the common initial model if all organisations start from one
    (``learning.same_start``), else the buyer's own.

    Parameters
    ----------
    rate : float
        Probability with which an entry is dropped, in [0, 1).
    """

    name: str = "dare"
    rate: Annotated[float, Field(ge=0, lt=1)] = 0.5
    ancestral: ClassVar[bool] = True
    replaces: ClassVar[bool] = False

    def evidence(self, owners: Owners) -> Parameters:
        """Return the seeds."""
        return {SEED: owners.seeds}

    def partner(self, operands: Operands) -> Parameters:
        """Return ancestors plus thinned task vectors of the sellers; needs their seeds as evidence."""
        base = operands.base or operands.own
        vectors = {name: operands.other[name] - leaf for name, leaf in base.items()}
        thinned = drop_and_rescale(vectors, self.rate, operands.other_evidence[SEED])
        return {name: leaf + thinned[name] for name, leaf in base.items()}
