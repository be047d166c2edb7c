"""Who owns which examples: the three disjoint parts of the data, and the endowments.

`split` cuts examples into a validation set (the broker's), a test set (which no decision ever sees) and a
pool, and shares the pool out among the organisations. Parts are lists of indices, so that no example is
copied.

Core Objects: DataConfig, load_examples, split, Split, describe_endowments
"""

import dataclasses
from dataclasses import field
from functools import lru_cache
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.refusals import InputError
from sim.datasets import DATASETS, DataError, Examples
from sim.streams import Streams

IntArray = NDArray[np.int64]
Fraction = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


@dataclass(frozen=True, config={"extra": "forbid"})
class DataConfig:
    """Which examples there are and who gets them.

    Parameters
    ----------
    dataset : str
        A name in `DATASETS`.
    data_home : str or None
        Folder of the cache of downloads; scikit-learn's own by default.
    examples : int or None
        Size of a stratified subset to use, of each task and without copies (see `sim.division`); all by
        default.
    standardise : bool
        Whether models see pixels less the dataset's usual mean, in units of its usual deviation, in the place
        of pixels in [0, 1].
    endowment : str
        ``iid``: stratified shares. ``class_skew``: everything of the classes of one's group, a fraction
        `kept` of the others. ``dirichlet``: the shares of every class are drawn.
    groups : int
        Groups of classes and of organisations (class_skew).
    kept : float
        Fraction kept of each class outside one's group, in [0, 1] (class_skew).
    alpha : float
        Concentration, the smaller the less alike (dirichlet).
    disjoint : bool
        Whether the pool is shared out first, so that no two organisations own the same example; if not,
        everybody starts from the whole pool (class_skew).
    sizes : list of float
        Relative sizes of the shares of the pool (iid, class_skew), repeated over the organisations: ``[3,
        1]`` gives every second one a third of its neighbour's; all alike by default.
    validation, test : float
        Fractions of the examples, in (0, 1), that sum to less than 1; the pool has the rest.
    """

    dataset: str = "digits"
    data_home: str | None = None
    examples: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    standardise: bool = False
    endowment: Annotated[str, Field(pattern="^(iid|class_skew|dirichlet)$")] = "iid"
    groups: Annotated[int, Field(ge=1, le=1_000_000)] = 2
    kept: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.1
    alpha: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 0.5
    disjoint: bool = True
    sizes: list[Positive] = field(default_factory=list)
    validation: Fraction = 0.2
    test: Fraction = 0.2

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:
            raise InputError(f"data.dataset must be one of {', '.join(DATASETS)}; got {self.dataset!r}")
        if self.sizes and self.endowment == "dirichlet":
            raise InputError(f"data.sizes must be empty for endowment dirichlet; got {self.sizes}")
        if self.validation + self.test >= 1:
            raise InputError(
                f"data.validation + data.test must be less than 1; got {self.validation} + {self.test}"
            )


def load_examples(config: DataConfig) -> Examples:
    """Return all examples of the configured dataset; `split` takes the subset."""
    return _loaded(config.dataset, config.data_home)


@lru_cache(maxsize=1)
def _loaded(dataset: str, data_home: str | None) -> Examples:
    return DATASETS.build({"name": dataset, "data_home": data_home}).load()


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Who has which examples: sorted arrays of indices, validation and test disjoint from all the others.

    Parameters
    ----------
    endowments : list of int64 arrays
        One an organisation; sizes may differ.
    validation, test : int64 array
        The broker's examples, and those that only measure.
    """

    endowments: list[IntArray]
    validation: IntArray
    test: IntArray


def split(
    labels: IntArray, config: DataConfig, organisations: int, streams: Streams, replicate: int, *keys: int
) -> Split:
    """Cut the examples into validation, test and endowments.

    All parts are stratified exactly: the size of validation and test set is the rounded fraction of the
    whole, and each class has its proportion in them, rounded down or up, but at least one. Cost: linear in
    the examples; class_skew that is not disjoint: in examples times organisations.

    Parameters
    ----------
    labels : int64 array [E]
        Class of each example, 0..K - 1.
    config : DataConfig
        The fractions and the rule for endowments.
    organisations : int
        Number of endowments, >= 1.
    streams : Streams
        Randomness; reads the purposes ``data-subset``, ``data-parts``, ``data-endowments`` and ``data-kept``.
    replicate : int
        Which draw: each has streams of its own.
    *keys : int
        More that tells the streams of one division from those of another, such as a task.

    Returns
    -------
    Split

    Raises
    ------
    DataError
        If there are fewer examples than asked for or than organisations, a class is too small to be in every
        part or with every organisation that must hold it, `groups` exceeds classes or organisations, or an
        endowment is empty.

    Notes
    -----
    ``iid``: the pool, sorted by class and shuffled within, is dealt like cards: sizes, and the counts of each
    class, differ by at most one between organisations.

    ``class_skew`` (Huang, Vishwakarma and Sala 2023, generalised to G groups): classes form G blocks of
    consecutive classes, organisation i is of group i mod G and keeps of n examples of another group's class
    round(kept n), halves up, at least 1 when kept > 0.

    ``dirichlet``: the shares of each class are Dirichlet(alpha, ..., alpha) over organisations (Yurochkin et
    al. 2019; Hsu, Qi and Brown 2019 draw the class mix of each organisation instead).
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not labels.size or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise DataError(
            f"labels must be a column of classes >= 0; got {labels.dtype} of shape {labels.shape}"
        )
    if organisations < 1:
        raise DataError(f"organisations must be >= 1; got {organisations}")
    counts = np.bincount(labels)
    if counts.min() == 0:
        raise DataError(
            f"labels must hold every class of 0..{len(counts) - 1}; got none of {counts.argmin()}"
        )
    members = [np.flatnonzero(labels == k) for k in range(len(counts))]
    if config.examples is not None:
        if config.examples > labels.size:
            raise DataError(
                f"data.examples must be at most {labels.size}, all there are; got {config.examples}"
            )
        members = _shuffled(members, streams.stream("data-subset", replicate, *keys))
        members = _heads(members, _proportional([len(m) for m in members], config.examples))
    validation, test, pool = _parts(members, config, streams.stream("data-parts", replicate, *keys))
    endowments = _endowments(pool, config, organisations, streams, (replicate, *keys))
    return Split([_sorted(e) for e in endowments], _sorted(validation), _sorted(test))


def describe_endowments(parts: Split, labels: IntArray, classes: int) -> IntArray:
    """Return how many examples of each class every organisation owns, shape [organisations, classes]."""
    return np.stack([np.bincount(labels[own], minlength=classes) for own in parts.endowments])


def _sorted(members: list[IntArray]) -> IntArray:
    """Return the indices of all classes as one ascending array."""
    return np.sort(np.concatenate(members)).astype(np.int64)


def _shuffled(members: list[IntArray], rng: np.random.Generator) -> list[IntArray]:
    return [rng.permutation(m) for m in members]


def _heads(members: list[IntArray], sizes: IntArray) -> list[IntArray]:
    return [m[:size] for m, size in zip(members, sizes, strict=True)]


def _tails(members: list[IntArray], sizes: IntArray) -> list[IntArray]:
    return [m[size:] for m, size in zip(members, sizes, strict=True)]


def _proportional(counts: list[int], total: int) -> IntArray:
    """Divide `total` in proportion to the counts by largest remainders (Hamilton)."""
    quota = np.asarray(counts) * total / sum(counts)
    sizes = np.floor(quota).astype(np.int64)
    by_remainder = np.argsort(sizes - quota, kind="stable")
    sizes[by_remainder[: total - sizes.sum()]] += 1
    return sizes


def _parts(
    members: list[IntArray], config: DataConfig, rng: np.random.Generator
) -> tuple[list[IntArray], list[IntArray], list[IntArray]]:
    """Cut every class into validation, test and pool, in this order, after a shuffle."""
    counts = [len(m) for m in members]
    total = sum(counts)
    held_out = [
        np.maximum(_proportional(counts, round(part * total)), 1) for part in (config.validation, config.test)
    ]
    members = _shuffled(members, rng)
    rest = _tails(members, held_out[0])
    pool = _tails(rest, held_out[1])
    smallest = int(np.argmin([len(m) for m in pool]))
    if not len(pool[smallest]):
        raise DataError(
            f"examples of class {smallest} must be enough for validation ({held_out[0][smallest]}), test "
            f"({held_out[1][smallest]}) and at least one endowment; got {counts[smallest]}"
        )
    return _heads(members, held_out[0]), _heads(rest, held_out[1]), pool


def _endowments(
    pool: list[IntArray], config: DataConfig, organisations: int, streams: Streams, keys: tuple[int, ...]
) -> list[list[IntArray]]:
    """Share the pool out: for every organisation its examples of every class."""
    size = sum(len(m) for m in pool)
    if organisations > size:
        raise DataError(
            f"organisations must be at most {size}, the examples in the pool; got {organisations}"
        )
    rng = streams.stream("data-endowments", *keys)
    if config.endowment == "dirichlet":
        return _dirichlet(pool, config.alpha, organisations, rng)
    required = np.ones((organisations, len(pool)), dtype=bool)
    if config.endowment == "iid":
        shares = _shared_out(pool, config.sizes, organisations)
    else:
        own = _own_classes(len(pool), config.groups, organisations)
        required = own | (config.kept > 0)
        shares = _shared_out(pool, config.sizes, organisations) if config.disjoint else [pool] * organisations
        kept_streams = [streams.stream("data-kept", *keys, i) for i in range(organisations)]
        shares = [_keep(*each, config.kept) for each in zip(shares, own, kept_streams, strict=True)]
    held = np.array([[len(m) for m in share] for share in shares])
    lacking = np.argwhere(required & (held == 0))
    if len(lacking):
        k = lacking[0, 1]
        raise DataError(
            f"endowment too small for a class: the {len(pool[k])} examples of class {k} in the pool must "
            f"reach every organisation that is to hold some; got organisations={organisations}, "
            f"data.kept={config.kept} and data.sizes={config.sizes}"
        )
    return shares


def _shared_out(pool: list[IntArray], sizes: list[float], organisations: int) -> list[list[IntArray]]:
    """Share every class out in proportion to the sizes."""
    if len(set(sizes)) < 2:
        return _dealt(pool, organisations)
    share = np.resize(sizes, organisations)
    ends = np.cumsum(share)[:-1] / share.sum()
    by_class = [np.split(m, np.rint(ends * len(m)).astype(np.int64)) for m in pool]
    return [list(own) for own in zip(*by_class, strict=True)]


def _dealt(pool: list[IntArray], organisations: int) -> list[list[IntArray]]:
    """Deal the pool like cards, class after class."""
    starts = np.cumsum([0, *(len(m) for m in pool)])[:-1]
    return [
        [m[(i - start) % organisations :: organisations] for m, start in zip(pool, starts, strict=True)]
        for i in range(organisations)
    ]


def _own_classes(classes: int, groups: int, organisations: int) -> NDArray[np.bool_]:
    """Return whether a class is of the organisation's group, shape [organisations, classes]."""
    if groups > min(classes, organisations):
        raise DataError(
            f"data.groups must be at most {min(classes, organisations)}, the smaller of {classes} classes "
            f"and {organisations} organisations; got {groups}"
        )
    group = np.concatenate(
        [np.full(len(b), g) for g, b in enumerate(np.array_split(np.arange(classes), groups))]
    )
    return (np.arange(organisations) % groups)[:, None] == group


def _keep(
    share: list[IntArray], own: NDArray[np.bool_], rng: np.random.Generator, kept: float
) -> list[IntArray]:
    """Keep own classes whole and a random fraction of the others."""
    counts = np.array([len(m) for m in share])
    rounded = np.floor(kept * counts + 0.5).astype(np.int64)
    sizes = np.where(own, counts, np.maximum(rounded, 1) if kept > 0 else 0)
    return _heads(_shuffled(share, rng), sizes)


def _dirichlet(
    pool: list[IntArray], alpha: float, organisations: int, rng: np.random.Generator
) -> list[list[IntArray]]:
    """Cut every class at the cumulative shares of a Dirichlet draw."""
    shares = rng.dirichlet(np.full(organisations, alpha), size=len(pool))
    cuts = [np.rint(np.cumsum(s)[:-1] * len(m)).astype(np.int64) for s, m in zip(shares, pool, strict=True)]
    by_class = [np.split(m, cut) for m, cut in zip(pool, cuts, strict=True)]
    endowments = [list(own) for own in zip(*by_class, strict=True)]
    sizes = np.array([sum(len(m) for m in own) for own in endowments])
    if sizes.min() == 0:
        raise DataError(
            f"data.alpha must be larger, or organisations fewer, for each to get an example; "
            f"got alpha {alpha} and {organisations} organisations, "
            f"of which {np.count_nonzero(sizes == 0)} got none"
        )
    return endowments
