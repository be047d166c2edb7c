"""Buffers that keep their memory from one step to the next.

Large buffers that are given back after every operation are mapped and cleared anew by the system for the
next, which costs a CPU more than small networks' arithmetic.
"""

from math import prod

import torch
from torch import Tensor


class Workspace:
    """Buffers by name, made when first asked for and enlarged when need be.

    What a buffer holds is lost when the same name is asked for again: whoever asks writes first.

    Parameters
    ----------
    device : torch.device
        Where the buffers lie.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._memory: dict[tuple[str, torch.dtype], Tensor] = {}
        self._views: dict[tuple[str, torch.dtype], Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the buffer of a name, with numbers of its last use, in the shape asked for."""
        key = name, dtype
        view = self._views.get(key)
        if view is None or view.shape != shape:
            size, memory = prod(shape), self._memory.get(key)
            if memory is None or len(memory) < size:
                memory = self._memory[key] = torch.empty(size, dtype=dtype, device=self.device)
            view = self._views[key] = memory[:size].view(shape)
        return view

    def clear(self) -> None:
        """Give all memory back."""
        self._memory.clear()
        self._views.clear()
