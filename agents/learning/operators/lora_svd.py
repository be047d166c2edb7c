"""Interpolation of what adapters add, cut back to their rank."""

from collections.abc import Iterable
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from agents.learning.networks.base import Architecture
from agents.learning.networks.products import LINE, product
from agents.learning.operators.base import MERGE_OPERATORS, MergeOperator, Operands, interpolate
from agents.learning.stack.device import precise_dtype
from agents.learning.stack.parameters import Parameters

COLUMNS = 4
"""Square matrices of a multiple of as many columns fill whole cache lines in float64."""
Name = Annotated[str, Field(pattern=r"^\w+$")]


def factors_of(names: Iterable[str], inner: str, outer: str) -> list[tuple[str, str]]:
    """Return the names of A and B of every product B A: paths that differ in one part, `inner` or `outer`."""
    known, found = set(names), []
    for name in names:
        parts = name.split(".")
        if inner in parts:
            other = ".".join(outer if part == inner else part for part in parts)
            found += [(name, other)] * (other in known)
    return found


def cut_products(
    own: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Return factors of the matrices of rank r that are nearest to ``(1 - w) B A + w D C``.

    The sum is ``[(1 - w) B, w D] [A; C]`` of rank 2 r; its singular values are those of a matrix 2 r x 2 r
    between orthonormal bases (a QR decomposition of each side), so that the sum itself is never made. By
    Eckart and Young (1936) the r greatest are the nearest in the Frobenius norm. Any invertible mixing of
    inner units leaves a product alone; returned are orthonormal rows, as long as those of A and C are, turned
    to where the interpolated factors lie. Cost: O((m + n) r^2 + r^3) a pair.

    Parameters
    ----------
    own, other : tuple of Tensor
        A and B, and C and D, ``[P, r, n]`` and ``[P, m, r]``.
    weight : Tensor
        ``[P]``.

    Returns
    -------
    tuple of Tensor
        ``[P, r, n]`` and ``[P, m, r]``; NaN where a number was not finite.
    """
    (a, b), (c, d), w = own, other, weight.view(-1, 1, 1)
    finite = torch.stack([leaf.isfinite().flatten(1).all(1) for leaf in (a, b, c, d)]).all(0)
    a, b, c, d = (torch.where(finite.view(-1, 1, 1), leaf, 0) for leaf in (a, b, c, d))
    rank, rows, columns = a.shape[1], b.shape[1], a.shape[2]
    left, upper = _basis(torch.cat([(1 - w) * b, w * d], 2))
    right, lower = _basis(torch.cat([a, c], 1).transpose(1, 2))
    u, size, v = torch.linalg.svd(product(upper, lower.transpose(1, 2)))
    towards = tuple((1 - w) * mine + w * theirs for mine, theirs in ((a, c), (b, d)))
    length = (towards[0].square().sum((1, 2), keepdim=True) / rank).sqrt()
    length = torch.where(length > 0, length, 1)
    outer = product(left, u[:, :, :rank] * size[:, None, :rank] / length)[:, :rows]
    inner = product(v[:, :rank], right.transpose(1, 2))[:, :, :columns] * length
    turn = _nearest_rotation(
        product(outer.transpose(1, 2), towards[1]) + product(inner, towards[0].transpose(1, 2))
    )
    found = product(turn.transpose(1, 2), inner), product(outer, turn)
    return tuple(torch.where(finite.view(-1, 1, 1), leaf, torch.nan) for leaf in found)  # type: ignore[return-value]


def _basis(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return Q and R of tall matrices ``[P, m, k]``, each as if it were alone.

    They are filled up with zeros to whole cache lines, since libraries add up in an order that depends on
    where a matrix lies.
    """
    _, rows, columns = matrices.shape
    columns += -columns % COLUMNS
    rows = max(rows + -rows % LINE, columns + -columns % LINE)
    filled = F.pad(matrices, (0, columns - matrices.shape[2], 0, rows - matrices.shape[1]))
    q, r = torch.linalg.qr(filled)
    return q, r


def _nearest_rotation(matrices: Tensor) -> Tensor:
    """Return the orthogonal matrices nearest to square ones ``[P, r, r]`` (Schönemann 1966)."""
    rank = matrices.shape[1]
    filled = F.pad(matrices, (0, -rank % COLUMNS, 0, -rank % COLUMNS))
    filled.diagonal(dim1=1, dim2=2)[:, rank:] = 1
    u, _, v = torch.linalg.svd(filled)
    return product(u, v)[:, :rank, :rank]


@MERGE_OPERATORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class LoraSvd(MergeOperator):
    """Interpolation of what adapters add, B A, cut back to their rank (Hu et al. 2021).

    To interpolate A and B apart adds w (1 - w) of each one's B times the other's A. Here the products are
    interpolated, and the best approximation of the adapters' rank is kept, as by the combination ``svd`` of
    `peft`. What a factor is multiplied with (``lora_alpha / r``) is the same on both sides. Other tensors,
    and a factor whose partner is outside the block, are interpolated.

    Parameters
    ----------
    inner, outer : str
        The part of the names of A, the map to the inner units, and of B, that from them.
    """

    name: str = "lora_svd"
    inner: Name = "lora_A"
    outer: Name = "lora_B"

    def refuses(self, architecture: Architecture) -> str:
        """Return what is missing in a network without such factors, or whose factors have no product."""
        pairs = factors_of(architecture.shapes, self.inner, self.outer)
        if not pairs:
            return (
                f"needs a network with trained tensors {self.inner} and {self.outer}, as peft's LoRA has; "
                f"got {', '.join(list(architecture.shapes)[:3])} and so on"
            )
        for a, b in pairs:
            first, second = architecture.shapes[a], architecture.shapes[b]
            if len(second) < 2 or second[1:] != (first[0], *[1] * (len(second) - 2)):
                return f"needs factors whose product exists; got {a} {first} and {b} {second}"
        return ""

    def merge(self, operands: Operands, weight: Tensor) -> Parameters:
        """Return P merged models (see `cut_products`)."""
        own, other = operands.own, operands.other
        merged = interpolate(own, other, weight, operands.masks)
        within = (weight > 0) & (weight < 1)
        for pair in factors_of(own, self.inner, self.outer):
            both = within
            for name in pair:
                both = both if operands.masks is None else both & operands.masks[name]
            differs = torch.stack([(own[n] != other[n]).flatten(1).any(1) for n in pair]).any(0)
            rows = (both & differs).nonzero()[:, 0]
            if not len(rows):
                continue
            kind = precise_dtype(weight.device)
            sides = [tuple(side[n][rows].flatten(2).to(kind) for n in pair) for side in (own, other)]
            found = cut_products(sides[0], sides[1], weight[rows].to(kind))  # type: ignore[arg-type]
            for name, leaf in zip(pair, found, strict=True):
                merged[name][rows] = leaf.view(len(rows), *own[name].shape[1:]).to(own[name].dtype)
        return merged
