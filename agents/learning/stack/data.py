"""Data: examples, and who is trained or measured on which of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from markets.columns import Ints


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
    """

    inputs: Tensor
    targets: Tensor
    index: Ints
    group: npt.ArrayLike | None = None

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return inputs and targets on a device."""
        return self.inputs.to(device), self.targets.to(device)

    def groups(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the examples of each group and the group of each model or pair, int64, on a device."""
        own = np.arange(len(self.index)) if self.group is None else self.group
        return column(self.index, device), column(own, device)


def column(values: npt.ArrayLike, device: torch.device) -> Tensor:
    """Return whole numbers as an int64 tensor on a device."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64)).to(device)
