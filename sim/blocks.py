"""What sellers cut from their models: blocks of layers, and bundles of them.

Core Objects: Cut, cut
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from agents.learning.networks.base import JOINT, WHOLE, Architecture
from markets.refusals import InputError

MOST_LAYERS = 62
"""Layers that the bits of a listing's contents can stand for."""


@dataclass(frozen=True)
class Cut:
    """The positions at which every seller lists a block.

    Attributes
    ----------
    positions : tuple of str
        Their names; a bundle is called by its layers, or "model" if it holds all.
    contents : int64 [positions]
        The layers that each holds as a bit mask, where listings overlap; 0 where they do not.
    """

    positions: tuple[str, ...]
    contents: NDArray[np.int64]


def cut(architecture: Architecture, blocks: str, bundles: str) -> Cut:
    """Return the positions of an architecture.

    Parameters
    ----------
    architecture : Architecture
        Whose layers are cut.
    blocks : str
        ``model``, one block that holds everything, ``trunk``, one that holds all layers but the last,
        ``layers``, a block a layer, or names of layers joined by "+", one block that holds these.
    bundles : str
        What is listed besides the layers: ``none``, ``whole``, all of them together, or ``adjacent``, every
        run of two or more of them: L (L - 1) / 2 bundles of L layers.

    Raises
    ------
    InputError
        If there are more layers than contents can tell apart, nothing below the last for a trunk, or no layer
        of a name.
    """
    if blocks == "model":
        return Cut((WHOLE,), np.zeros(1, dtype=np.int64))
    layers = tuple(architecture.positions)
    if blocks == "trunk":
        if len(layers) < 2:
            raise InputError(
                f"broker.blocks must be model for {architecture.signature}, a lone head; got trunk"
            )
        return Cut((JOINT.join(layers[:-1]),), np.zeros(1, dtype=np.int64))
    if blocks != "layers":
        chosen = blocks.split(JOINT)
        if not set(chosen) <= set(layers):
            raise InputError(
                f"broker.blocks must be model, trunk, layers, or among {', '.join(layers)} joined by "
                f"{JOINT} for {architecture.signature}; got {blocks!r}"
            )
        return Cut((JOINT.join(name for name in layers if name in chosen),), np.zeros(1, dtype=np.int64))
    number = len(layers)
    if bundles == "none":
        return Cut(layers, np.zeros(number, dtype=np.int64))
    if number > MOST_LAYERS:
        raise InputError(
            f"broker.bundles must be none for networks of more than {MOST_LAYERS} layers; "
            f"got {bundles!r} for {number} layers"
        )
    runs = [(first, last) for first, last in combinations(range(number + 1), 2) if last - first > 1]
    if bundles == "whole":
        runs = [run for run in runs if run == (0, number)]
    names = [WHOLE if run == (0, number) else JOINT.join(layers[slice(*run)]) for run in runs]
    masks = [2**last - 2**first for first, last in runs]
    return Cut((*layers, *names), np.array([*(1 << np.arange(number)), *masks], dtype=np.int64))
