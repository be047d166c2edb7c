"""What moves with a permutation of hidden units.

An axis may hold units in several places, and a unit may have several entries in a row or far apart: gates of
a recurrent layer follow each other on one axis, and a flattened image has all pixels of a channel together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor


@dataclass(frozen=True)
class Member:
    """What moves of an axis with a permutation: from `start` on ``before x width x after`` entries."""

    tensor: str
    axis: int
    start: int = 0
    before: int = 1
    after: int = 1


@dataclass(frozen=True)
class Permutation:
    """Units of which any order gives the same function, if all members move alike."""

    width: int
    members: tuple[Member, ...]


def share_moved(shapes: Mapping[str, Sequence[int]], permutations: Iterable[Permutation]) -> float:
    """Return the share of all numbers of tensors that at least one permutation moves, 0 if there are none."""
    spans: dict[tuple[str, int], set[tuple[int, int]]] = {}
    for permutation in permutations:
        for one in permutation.members:
            length = one.before * permutation.width * one.after
            spans.setdefault((one.tensor, one.axis), set()).add((one.start, one.start + length))
    still = 0.0
    for name, shape in shapes.items():
        covered = [_covered(spans.get((name, axis), set())) for axis in range(len(shape))]
        still += prod(size - moved for size, moved in zip(shape, covered, strict=True))
    total = sum(map(prod, shapes.values()))
    return 1 - still / total if total else 0.0


def _covered(spans: Iterable[tuple[int, int]]) -> int:
    """Return how many numbers lie in at least one of some ranges."""
    count, reached = 0, 0
    for start, end in sorted(spans):
        count += max(end - max(start, reached), 0)
        reached = max(reached, end)
    return count


def units_of(leaf: Tensor, member: Member, width: int) -> Tensor:
    """Return leaves ``[P, ...]`` as one row a unit of a member, ``[P, width, rest]``."""
    if leaf.shape[member.axis + 1] == width:
        if leaf.dim() == 3:
            return leaf.transpose(1, 2) if member.axis else leaf
        return leaf.movedim(member.axis + 1, 1).unsqueeze(-1).flatten(2)
    return _entries(leaf, member, width).movedim(member.axis + 2, 1).flatten(2)


def reordered(leaf: Tensor, member: Member, order: Tensor) -> Tensor:
    """Return leaves ``[P, ...]`` with a member's units in an order int64 ``[P, width]``, maybe as a copy."""
    width, axis = order.shape[1], member.axis + 1
    if leaf.shape[axis] == width:
        return _gathered(leaf, axis, order)
    moved = leaf.clone()
    entries = _entries(leaf, member, width)
    start, length = member.start, member.before * width * member.after
    moved.narrow(axis, start, length).copy_(_gathered(entries, axis + 1, order).flatten(axis, axis + 2))
    return moved


def _entries(leaf: Tensor, member: Member, width: int) -> Tensor:
    """Return a member's entries, its axis replaced by ``before, width, after``."""
    axis, sizes = member.axis + 1, (member.before, width, member.after)
    return leaf.narrow(axis, member.start, member.before * width * member.after).unflatten(axis, sizes)


def _gathered(leaf: Tensor, axis: int, order: Tensor) -> Tensor:
    """Return leaves with the rows of an axis in an order ``[P, width]``; whole rows are copied."""
    first = torch.arange(0, order.numel(), order.shape[1], device=order.device).unsqueeze(1)
    rows = leaf.movedim(axis, 1).flatten(0, 1).index_select(0, (order + first).reshape(-1))
    return rows.unflatten(0, order.shape).movedim(1, axis)
