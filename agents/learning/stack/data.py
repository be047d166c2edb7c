"""Data: examples, and who is trained or measured on which of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from markets.columns import Ints

STRIDE = 0x9E3779B97F4A7C15
"""Between seeds, so that those of one model do not soon meet those of another."""
PART = 1_000_003
"""Between the parts of a batch, more than there are steps in an epoch."""


@dataclass(frozen=True)
class Data:
    """Examples, groups of them, and the group of each of n models or pairs.

    Attributes
    ----------
    inputs, targets : Tensor
        Examples ``[E, *S]`` and what is right of each ``[E, ...]``, such as its class int64 ``[E]``.
    index : int64 array, shape (G, V)
        Examples of each group. Where models are trained, in the order of their visits, then -1 to the end.
    group : array of int, shape (n,), or None
        The group of each model or pair; None where every one has its own, in turn.
    seeds : int64 array, shape (n,), or None
        Of what each model draws while it is trained, as dropout does; None where none draws.
    """

    inputs: Tensor
    targets: Tensor
    index: Ints
    group: npt.ArrayLike | None = None
    seeds: Ints | None = None

    def of(self, rows: Ints) -> "Data":
        """Return the same for some of the models or pairs, in the order given."""
        seeds = None if self.seeds is None else self.seeds[rows]
        if self.group is None:
            return replace(self, index=self.index[rows], seeds=seeds)
        return replace(self, group=np.asarray(self.group)[rows], seeds=seeds)

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return inputs and targets on a device."""
        return self.inputs.to(device), self.targets.to(device)

    def groups(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the examples of each group and the group of each model or pair, int64, on a device."""
        own = np.arange(len(self.index)) if self.group is None else self.group
        return column(self.index, device), column(own, device)


@dataclass(frozen=True)
class Batch:
    """Examples of n models in training, a row each.

    Attributes
    ----------
    inputs, targets : Tensor
        Examples ``[n, B, *S]`` and what is right of each ``[n, B, ...]``.
    share : Tensor
        What a row counts in the sum of losses, ``[n, B]``: for a mean, one over the number of rows; 0 for
        padding.
    seeds : int64 array, shape (n,), or None
        Of what each model draws.
    """

    inputs: Tensor
    targets: Tensor
    share: Tensor
    seeds: Ints | None = None

    def parts(self, rows: int) -> "Iterator[Batch]":
        """Yield at most so many rows at a time."""
        for number, first in enumerate(range(0, self.share.shape[1], rows)):
            some = slice(first, first + rows)
            yield Batch(
                inputs=self.inputs[:, some],
                targets=self.targets[:, some],
                share=self.share[:, some],
                seeds=seeds_of(self.seeds, number * PART),
            )


def seeds_of(seeds: Ints | None, number: int) -> Ints | None:
    """Return a further seed of each model for the step, or the part of a batch, of a number."""
    if seeds is None:
        return None
    moved = seeds.astype(np.uint64) + np.uint64(number * STRIDE % 2**64)
    return (moved % np.uint64(2**63)).astype(np.int64)


def column(values: npt.ArrayLike, device: torch.device) -> Tensor:
    """Return whole numbers as an int64 tensor on a device."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64)).to(device)
