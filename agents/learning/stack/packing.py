"""All tensors of a slot behind one another in one row, so that an update of all is one operation."""

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor

from agents.learning.networks.products import LINE
from agents.learning.stack.parameters import Parameters


class Packing:
    """Where each tensor of a model lies in a row.

    Every tensor starts on a cache line, as matrix products need; the gaps between them hold zeros, which no
    update of an optimiser changes.

    Parameters
    ----------
    shapes : mapping of tuple
        Shape of each tensor, without the slot axis.

    Attributes
    ----------
    width : int
        Numbers in a row, gaps included.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = dict(shapes)
        self.start: dict[str, int] = {}
        self.width = 0
        for name, shape in self.shapes.items():
            self.start[name] = self.width
            self.width += -(-prod(shape) // LINE) * LINE

    def zeros(self, slots: int, device: torch.device) -> Tensor:
        """Return rows of zeros, ``[slots, width]``."""
        return torch.zeros(slots, self.width, device=device)

    def pack(self, parameters: Parameters) -> Tensor:
        """Return a copy of stacked parameters ``[N, ...]`` as rows ``[N, width]``; there is at least one."""
        leaf = next(iter(parameters.values()))
        return self.fill(self.zeros(len(leaf), leaf.device), parameters)

    def fill(self, rows: Tensor, parameters: Parameters) -> Tensor:
        """Write stacked parameters ``[N, ...]`` into rows ``[N, width]``, and return these."""
        for name, view in self.views(rows).items():
            view.copy_(parameters[name])
        return rows

    def views(self, rows: Tensor) -> Parameters:
        """Return rows ``[N, width]`` as stacked parameters that share their memory."""
        return {
            name: rows[:, start : start + prod(self.shapes[name])].unflatten(1, self.shapes[name])
            for name, start in self.start.items()
        }
