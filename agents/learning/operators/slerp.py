"""Spherical linear interpolation."""

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from agents.learning.operators.base import MERGE_OPERATORS, Masks, MergeOperator, Operands, inside
from agents.learning.stack.device import precise_dtype
from agents.learning.stack.parameters import Parameters, spread

LEAST_SINE = 1e-4
"""Directions whose angle has a smaller sine count as parallel or opposite: the arc is not defined there, or
so short that it is its chord."""


def slerp(own: Parameters, other: Parameters, weight: Tensor, masks: Masks | None = None) -> Parameters:
    """Return ``sin((1 - w) a) / sin(a) * own + sin(w a) / sin(a) * other``, tensor by tensor.

    Each tensor is one vector, and a the angle between the two. If they have the same norm, the merge has it
    too. Where a is near 0 or half a turn, or a tensor is 0, the merge is the linear interpolation. Source:
    Shoemake (1985), "Animating Rotation with Quaternion Curves", section 3.3. Cost: O(P D) for D parameters.

    Parameters
    ----------
    own, other, weight, masks
        As in `interpolate`: leaves ``[P, ...]``, weights ``[P]``, bool ``[P]`` a tensor.
    """
    merged = {}
    kind = precise_dtype(weight.device)
    share = weight.to(kind)
    for name, leaf in own.items():
        left, right = leaf.flatten(1).to(kind), other[name].flatten(1).to(kind)
        lengths = left.square().sum(1).sqrt() * right.square().sum(1).sqrt()
        angle = ((left * right).sum(1) / lengths).clamp(-1, 1).acos()
        sine = angle.sin()
        straight = ~(sine > LEAST_SINE)
        shares = [torch.where(straight, chord, (chord * angle).sin() / sine) for chord in (1 - share, share)]
        arc = leaf * spread(shares[0], leaf) + other[name] * spread(shares[1], leaf)
        chord = leaf + spread(share, leaf) * (other[name] - leaf)
        merged[name] = torch.where(spread(straight, leaf) > 0, chord, arc)
    return inside(own, merged, weight, masks)


@MERGE_OPERATORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Slerp(MergeOperator):
    """Along the arc between the two models instead of its chord, tensor by tensor (Shoemake 1985)."""

    name: str = "slerp"

    def merge(self, operands: Operands, weight: Tensor) -> Parameters:
        """Return P merged models (see `slerp`)."""
        return slerp(operands.own, operands.other, weight, operands.masks)
