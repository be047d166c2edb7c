"""Stacked parameters and the few operations that every part of the machinery needs on them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from agents.learning.stack.workspace import Workspace

Parameters = dict[str, Tensor]
"""Leaves by name, each ``[N, ...]`` with the slots first and torch's own layout behind them."""


def take(parameters: Mapping[str, Tensor], rows: Tensor) -> Parameters:
    """Return a copy of some rows, in the order given: leaves ``[len(rows), ...]``."""
    return {name: leaf.index_select(0, rows) for name, leaf in parameters.items()}


def gather(examples: Tensor, index: Tensor, workspace: Workspace | None = None) -> Tensor:
    """Return rows of ``[E, ...]`` by number, in the shape of the index and then of a row.

    Whole rows are copied, several times faster than by plain indexing, which copies number by number; into
    the buffer "examples" of a workspace where one is given.
    """
    flat, out = index.reshape(-1), None
    if workspace is not None:
        out = workspace.take("examples", (len(flat), *examples.shape[1:]), examples.dtype)
    return torch.index_select(examples, 0, flat, out=out).unflatten(0, index.shape)


def head(parameters: Mapping[str, Tensor], count: int) -> Parameters:
    """Return views of the first `count` rows; writing to them writes to `parameters`."""
    return {name: leaf[:count] for name, leaf in parameters.items()}


def spread(values: Tensor, like: Tensor) -> Tensor:
    """Return one value a slot, ``[N]``, shaped and typed to broadcast against `like` ``[N, ...]``."""
    return values.to(like.dtype).view(-1, *[1] * (like.dim() - 1))


def finite(parameters: Mapping[str, Tensor]) -> Tensor:
    """Return, for each slot, whether all of its parameters are finite: bool ``[N]``."""
    flags = [torch.isfinite(leaf).flatten(1).all(1) for leaf in parameters.values()]
    return torch.stack(flags).all(0)
