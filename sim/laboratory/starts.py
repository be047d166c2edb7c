"""The models that organisations start from: initial weights at random, or those of files."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from agents.learning.networks import Architecture
from markets.columns import Ints
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
    architectures : sequence of Architecture
        What they train, in the order of the configuration's networks.
    streams : Streams
        Randomness, for initial weights.
    """

    def __init__(self, config: MarketConfig, architectures: Sequence[Architecture], streams: Streams) -> None:
        self.config, self.architectures, self.streams = config, architectures, streams
        self._family = config.networks()[1]
        self._drawn: dict[int, tuple[int, Started]] = {}

    def of(self, arm: str, replicate: int, family: int = 0) -> Started:
        """Return what the organisations of a world start from, those of one architecture by its number.

        Raises
        ------
        InputError
            If files are not there, do not fit, or differ where all shall start from the same weights.
        """
        number, same = self.config.organisations, self.config.learning.same_start
        architecture, who = self.architectures[family], np.flatnonzero(self._family == family)
        if self.config.start is not None:
            files = StartFiles(self.config.start, number, [(arm, replicate)])
            if same and not files.shared:
                raise InputError(
                    f"learning.same_start must be false where start has a file for each organisation; "
                    f"got true with {self.config.start}"
                )
            return files.read((arm, replicate), architecture, who)
        if self._drawn.get(family, (None,))[0] != replicate:
            models = initial_models(architecture, self.streams, replicate, who, same)
            leaves = {name: torch.as_tensor(leaf) for name, leaf in models.items()}
            self._drawn[family] = replicate, Started(leaves, ("",) * len(who))
        return self._drawn[family][1]


def initial_models(
    architecture: Architecture, streams: Streams, replicate: int, organisations: Ints, same: bool
) -> dict[str, NDArray[np.float32]]:
    """Return the initial parameters of the organisations of a replicate, leaves [n, ...].

    Parameters
    ----------
    architecture : Architecture
        What they train.
    streams : Streams
        Randomness; reads the purpose ``initial weights``.
    replicate : int
        Which replicate.
    organisations : int64 [n]
        Who starts.
    same : bool
        Whether all start from the same weights, those that the first organisation of a world has.
    """
    drawn = [
        architecture.initial(streams.stream("initial weights", replicate, 0 if same else i))
        for i in organisations.tolist()
    ]
    return {name: np.stack([model[name] for model in drawn]) for name in drawn[0]}
