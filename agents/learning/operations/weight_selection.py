"""Weight selection: a small model that starts from a larger one's weights.

Source: Xu, Chen, Vishniakov, Yin, Shen, Darrell, Liu and Liu (2024), "Initializing Models with Larger Ones",
section 3: layer selection takes the first layers, component mapping pairs tensors by name, element selection
takes evenly spaced entries along every axis.
"""

import torch
from torch import Tensor

from agents.learning.networks.base import Architecture
from agents.learning.stack.parameters import Parameters
from markets.refusals import InputError


def select_weights(large: Parameters, architecture: Architecture) -> Parameters:
    """Return models of a small architecture made of the weights of larger ones, slot by slot.

    A tensor comes from the one of the same name, so a network with fewer layers gets the first ones, and the
    head the head. Evenly spaced entries are taken along each axis; units that are left out of a layer are
    left out where the next one reads them, for both axes have the same size. Cost: O(N D) for D parameters of
    the small model.

    Parameters
    ----------
    large : Parameters
        Leaves ``[N, ...]`` of the larger models.
    architecture : Architecture
        The small one, of the same family.

    Raises
    ------
    InputError
        If a tensor is missing in the larger model, has another number of axes, or a shorter one.
    """
    selected = {}
    for name, shape in architecture.shapes.items():
        found = tuple(large[name].shape[1:]) if name in large else None
        if found is None or len(found) != len(shape) or any(a < b for a, b in zip(found, shape, strict=True)):
            raise InputError(
                f"tensor {name} of the larger model must be at least {shape} along every axis; got {found}"
            )
        leaf = large[name]
        for axis, size in enumerate(shape):
            leaf = leaf.index_select(axis + 1, evenly_spaced(leaf.shape[axis + 1], size).to(leaf.device))
        selected[name] = leaf
    return selected


def evenly_spaced(length: int, size: int) -> Tensor:
    """Return `size` of the entries 0..length - 1, int64: every k-th, or from end to end if k is not whole."""
    if length % size == 0:
        return torch.arange(size) * (length // size)
    return torch.linspace(0, length - 1, size, dtype=torch.float64).round().long()
