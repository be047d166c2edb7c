"""Named random streams: the same name gives the same draws, whatever else was drawn before.

A stream is found by what it is for (purpose, organisation, world), never by the order in which streams are
made. Two arms of a comparison that ask for the same name therefore see the same chances, and switching a
recorder or a figure on moves no other stream.

Core Objects: Streams, RoundStreams
"""

import hashlib
import json
import operator
from dataclasses import dataclass

import numpy as np

from markets.refusals import InputError

_DIGEST_BYTES = 32


@dataclass(frozen=True)
class Streams:
    """All random streams of one seed.

    A stream is ``Generator(PCG64(SeedSequence(seed, spawn_key=words)))`` where the words are the 256-bit
    BLAKE2b digest of the name. `numpy.random.SeedSequence` mixes seed and words, so different names give
    streams that are independent for all purposes of simulation; two names share one with a chance of about
    2^-256.

    Parameters
    ----------
    seed : int
        Root of all randomness, >= 0, of any size.

    Raises
    ------
    InputError
        If the seed is no whole number >= 0.

    Examples
    --------
    >>> streams = Streams(7)
    >>> a, b = streams.stream("bids", 3), streams.stream("bids", 3)
    >>> bool(a.random() == b.random())
    True
    """

    seed: int

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | np.integer) or self.seed < 0:
            raise InputError(f"seed must be a whole number >= 0; got {self.seed!r}")
        object.__setattr__(self, "seed", int(self.seed))

    def stream(self, purpose: str, *keys: int | str) -> np.random.Generator:
        """Return the stream of a name, at its start.

        Every call returns a new generator that stands at the first draw: whoever draws more than once from a
        stream keeps the generator, or puts what differs (the round, the organisation) into the keys.

        Parameters
        ----------
        purpose : str
            What the draws are for ("minibatches").
        *keys : int or str
            Whose and when: organisation, round, replicate. ``1`` and ``"1"`` are different keys.

        Returns
        -------
        numpy.random.Generator

        Raises
        ------
        TypeError
            If the purpose is no text or a key neither a whole number nor a text.
        """
        if not isinstance(purpose, str):
            raise TypeError(f"purpose of a stream must be a text; got {purpose!r}")
        # JSON quotes texts and separates items, so that no two names are written alike.
        name = json.dumps([purpose, *(_plain(key) for key in keys)])
        digest = hashlib.blake2b(name.encode("utf-8"), digest_size=_DIGEST_BYTES).digest()
        words = np.frombuffer(digest, dtype="<u4").tolist()
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=words)))


@dataclass(frozen=True)
class RoundStreams:
    """The streams of one round of a world, which every arm of a comparison shares.

    Attributes
    ----------
    streams : Streams
        All streams.
    world : int or str
        The replicate, or another name of the world.
    round : int
        The number of the round.
    """

    streams: Streams
    world: int | str
    round: int

    def stream(self, purpose: str, *keys: int | str) -> np.random.Generator:
        """Return the round's stream for a purpose, at its start."""
        return self.streams.stream(purpose, self.world, self.round, *keys)


def _plain(key: int | str) -> int | str:
    """Return a key as a plain int or str."""
    if isinstance(key, str):
        return str(key)
    if isinstance(key, bool | np.bool_) or not hasattr(key, "__index__"):
        raise TypeError(f"key of a stream must be a whole number or a text; got {key!r}")
    return operator.index(key)
