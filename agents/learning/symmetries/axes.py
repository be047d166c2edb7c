"""Axes of tensors as sums of products of factors, and which factors must be permuted together.

An axis is a sequence of segments side by side, as concatenation leaves them. A segment is a product of
factors, the first the slowest, as reshaping leaves them: the 48 rows of a packed attention weight are
3 x 4 x 4, one of which counts heads. Factors that a computation compares entry by entry are one factor; a
factor whose entries it tells apart is fixed. A factor may turn out to be a product (``parts``), or several
pieces side by side (``pieces``), whenever a computation takes it apart.

Core Objects: Axes
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import prod

Segment = tuple[int, ...]
Axis = tuple[Segment, ...]
ONE: Axis = ((),)
"""An axis of one entry."""


@dataclass
class Axes:
    """Factors of axes, joined and taken apart as a computation asks (union-find with refinement).

    A factor is an index. To join n factors takes nearly O(n).
    """

    sizes: list[int] = field(default_factory=list)
    _parents: list[int] = field(default_factory=list)
    _parts: dict[int, Segment] = field(default_factory=dict)
    _pieces: dict[int, Axis] = field(default_factory=dict)
    _fixed: set[int] = field(default_factory=set)

    def new(self, size: int, fixed: bool = False) -> Axis:
        """Return an axis that is a factor of its own."""
        if size == 1:
            return ONE
        self.sizes.append(size)
        self._parents.append(len(self._parents))
        if fixed:
            self._fixed.add(len(self._parents) - 1)
        return ((len(self._parents) - 1,),)

    def resolved(self, axis: Axis) -> Axis:
        """Return an axis in factors that have not been taken apart, each by its representative."""
        found: list[Segment] = []
        for segment in axis:
            found += self.product([self._expanded(factor) for factor in segment])
        return tuple(found)

    def length(self, axis: Axis) -> int:
        """Return the number of entries of an axis."""
        return sum(prod(self.sizes[factor] for factor in segment) for segment in axis)

    def is_fixed(self, factor: int) -> bool:
        """Return whether entries of a resolved factor are told apart."""
        return factor in self._fixed

    def fix(self, axes: Iterable[Axis]) -> None:
        """Tell the entries of axes apart: they stay where they are."""
        for axis in axes:
            self._fixed |= {factor for segment in self.resolved(axis) for factor in segment}

    def join(self, one: Axis, other: Axis) -> None:
        """Compare two axes of the same length entry by entry."""
        if self._cut_alike(one, other):
            for left, right in zip(self.resolved(one), self.resolved(other), strict=True):
                if not self._join_segments(left, right):
                    self.fix([(left,), (right,)])
        else:
            self.fix([one, other])

    def product(self, axes: Sequence[Axis]) -> Axis:
        """Return the axis of all combinations, the last axis the fastest.

        Only the first may have several segments: those of others would not lie side by side: told apart.
        """
        wide = [axis for axis in axes if axis != ONE]
        inner = tuple(factor for axis in wide[1:] for factor in self._in_one_segment(axis))
        return tuple((*segment, *inner) for segment in (wide[0] if wide else ONE))

    def _in_one_segment(self, axis: Axis) -> Segment:
        if len(axis) > 1:
            self.fix([axis])
            axis = self.new(self.length(axis), fixed=True)
        return axis[0]

    def shaped(self, axes: Sequence[Axis], shape: Sequence[int]) -> list[Axis]:
        """Return the axes of another shape of the same numbers in the same order."""
        found: list[Axis] = []
        old, new = list(axes), list(shape)
        while old or new:
            some, sizes = [old.pop(0)] if old else [], [new.pop(0)] if new else []
            while (here := prod(map(self.length, some))) != (there := prod(sizes)):
                if here < there:
                    some.append(old.pop(0))
                else:
                    sizes.append(new.pop(0))
            found += self._regrouped(some, sizes)
        return found

    def factored(self, axis: Axis, first: int) -> tuple[Axis, Axis]:
        """Return an axis as a product of `first` blocks by what is in a block."""
        outer, inner = self._regrouped([axis], [first, self.length(axis) // first])
        return outer, inner

    def piece(self, axis: Axis, start: int, size: int) -> Axis:
        """Return some neighbouring entries of an axis; where these cannot be told, they are told apart."""
        sizes = [start, size, self.length(axis) - start - size]
        like = tuple(segment for length in sizes if length for segment in self.new(length))
        if not self._cut_alike(axis, like):
            self.fix([axis])
            return self.new(size, fixed=True)
        found, passed = [], 0
        for segment in self.resolved(axis):
            if start <= passed < start + size:
                found.append(segment)
            passed += self.length((segment,))
        return tuple(found)

    def _cut_alike(self, one: Axis, other: Axis) -> bool:
        """Take factors apart until two axes have segments of the same lengths; False if that cannot be."""
        while True:
            axes = self.resolved(one), self.resolved(other)
            ends = [list(accumulate(self.length((segment,)) for segment in axis)) for axis in axes]
            if ends[0] == ends[1]:
                return True
            for axis, own, asked in zip(axes, ends, reversed(ends), strict=True):
                for segment, start, end in zip(axis, [0, *own], own, strict=False):
                    inside = asked[bisect_right(asked, start) : bisect_left(asked, end)]
                    if inside and not self._cut(segment, [place - start for place in inside]):
                        return False

    def _cut(self, segment: Segment, places: Sequence[int]) -> bool:
        """Take the first factor of a segment apart at places of the segment; False if that cannot be."""
        inner = prod(self.sizes[factor] for factor in segment[1:])
        if any(place % inner for place in places):
            return False
        first = segment[0]
        if first not in self._pieces:  # it may occur twice on an axis
            cuts = [0, *(place // inner for place in places), self.sizes[first]]
            fixed = first in self._fixed
            pieces = [self.new(end - start, fixed) for start, end in pairwise(cuts)]
            self._pieces[first] = tuple(segment for piece in pieces for segment in piece)
        return True

    def _regrouped(self, axes: list[Axis], sizes: list[int]) -> list[Axis]:
        axes = [self.resolved(axis) for axis in axes]
        wide = [size for size in sizes if size > 1]
        if len(wide) < 2:
            whole = self.product(axes)
            return [whole if size > 1 else ONE for size in sizes]
        whole = self.product(axes)
        if len(whole) > 1:
            return self._blocks_alike(whole, sizes)
        cut = self._divided(list(whole[0]), sizes)
        if cut is None:
            self.fix(axes)
            return [self.new(size, fixed=True) for size in sizes]
        return [(segment,) for segment in cut]

    def _blocks_alike(self, whole: Axis, sizes: list[int]) -> list[Axis]:
        """Return what lies side by side as a product, its blocks compared entry by entry."""
        first = next(at for at, size in enumerate(sizes) if size > 1)
        count, length = sizes[first], prod(sizes[first + 1 :])
        blocks = [self.piece(whole, start, length) for start in range(0, count * length, length)]
        for block in blocks[1:]:
            self.join(blocks[0], block)
        inner = self._regrouped([blocks[0]], sizes[first + 1 :])
        return [*([ONE] * first), self.new(count, fixed=True), *inner]

    def _divided(self, left: list[int], sizes: Sequence[int]) -> list[Segment] | None:
        """Return factors divided into segments of given sizes; None where that cannot be."""
        segments = []
        for size in sizes:
            segment: list[int] = []
            while size > 1:
                factor = left.pop(0)
                now = self._expanded(factor)
                if len(now) > 1:
                    return None
                if now != ((factor,),):
                    left[:0] = now[0]
                    continue
                width = self.sizes[factor]
                if width > size:
                    if width % size:
                        return None
                    left[:0] = self._split(factor, size)
                    continue
                if size % width:
                    return None
                segment.append(factor)
                size //= width
            segments.append(tuple(segment))
        return segments

    def _join_segments(self, left: Segment, right: Segment) -> bool:
        """Compare segments of the same length; False if they are taken apart in different ways."""
        mine, others = list(left), list(right)
        while mine and others:
            one, other = self._expanded(mine[0]), self._expanded(others[0])
            if len(one) > 1 or len(other) > 1:
                return False
            if len(one[0]) > 1 or len(other[0]) > 1:  # split meanwhile, since it occurs twice
                mine[:1], others[:1] = one[0], other[0]
                continue
            (a,), (b,) = one[0], other[0]
            if self.sizes[a] == self.sizes[b]:
                self._unite(a, b)
                mine, others = mine[1:], others[1:]
                continue
            small, large = sorted((a, b), key=lambda factor: self.sizes[factor])
            if self.sizes[large] % self.sizes[small]:
                return False
            self._split(large, self.sizes[small])
        return True

    def _unite(self, one: int, other: int) -> None:
        if one == other:
            return
        keep, gone = sorted((one, other))
        self._parents[gone] = keep
        if gone in self._fixed:
            self._fixed.add(keep)

    def _split(self, factor: int, first: int) -> Segment:
        """Take a factor apart as a product, `first` blocks of the rest."""
        fixed = factor in self._fixed
        parts = tuple(self.new(size, fixed)[0][0] for size in (first, self.sizes[factor] // first))
        self._parts[factor] = parts
        return parts

    def _expanded(self, factor: int) -> Axis:
        while self._parents[factor] != factor:
            self._parents[factor] = self._parents[self._parents[factor]]
            factor = self._parents[factor]
        if factor in self._parts:
            return self.product([self._expanded(part) for part in self._parts[factor]])
        if factor in self._pieces:
            self._pieces[factor] = self.resolved(self._pieces[factor])
            return self._pieces[factor]
        return ((factor,),)
