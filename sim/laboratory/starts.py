"""The models that organisations start from."""

import numpy as np
from numpy.typing import NDArray

from agents.learning.networks import Architecture
from sim.streams import Streams


def initial_models(
    architecture: Architecture, streams: Streams, replicate: int, organisations: int, same: bool
) -> dict[str, NDArray[np.float32]]:
    """Return the initial parameters of the organisations of a replicate, leaves [N, ...].

    Parameters
    ----------
    architecture : Architecture
        What they train.
    streams : Streams
        Randomness; reads the purpose ``initial weights``.
    replicate, organisations : int
        Which replicate, and how many organisations it has.
    same : bool
        Whether all start from the weights of the first.
    """
    drawn = [
        architecture.initial(streams.stream("initial weights", replicate, 0 if same else i))
        for i in range(organisations)
    ]
    return {name: np.stack([model[name] for model in drawn]) for name in drawn[0]}
