"""The models that organisations start from: initial weights at random, or those of files."""

import numpy as np
import torch
from numpy.typing import NDArray

from agents.learning.networks import Architecture
from markets.refusals import InputError
from sim.config.market import MarketConfig
from sim.saved_models.starting import Started, StartFiles
from sim.streams import Streams


class Starts:
    """The first models of the worlds of a laboratory.

    Parameters
    ----------
    config : MarketConfig
        How many organisations there are, and what they start from.
    architecture : Architecture
        What they train.
    streams : Streams
        Randomness, for initial weights.
    """

    def __init__(self, config: MarketConfig, architecture: Architecture, streams: Streams) -> None:
        self.config, self.architecture, self.streams = config, architecture, streams
        self._drawn: tuple[int, Started] | None = None

    def of(self, arm: str, replicate: int) -> Started:
        """Return what the organisations of a world start from.

        Raises
        ------
        InputError
            If files are not there, do not fit, or differ where all shall start from the same weights.
        """
        number, same = self.config.organisations, self.config.learning.same_start
        if self.config.start is not None:
            files = StartFiles(self.config.start, number, [(arm, replicate)])
            if same and not files.shared:
                raise InputError(
                    f"learning.same_start must be false where start has a file for each organisation; "
                    f"got true with {self.config.start}"
                )
            return files.read((arm, replicate), self.architecture)
        if self._drawn is None or self._drawn[0] != replicate:
            models = initial_models(self.architecture, self.streams, replicate, number, same)
            leaves = {name: torch.as_tensor(leaf) for name, leaf in models.items()}
            self._drawn = replicate, Started(leaves, ("",) * number)
        return self._drawn[1]


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
