"""Who owns which examples: the three disjoint parts of the data, and the endowments.

Examples are cut into a validation set (the broker's), a test set (which no decision ever sees) and a pool,
which a rule shares out among the organisations. Parts are lists of indices, so that no example is copied.

Copies of one original (the same image, moved) stay together: in one part of the data and in one endowment, so
that no test example was ever trained on in another guise. Where a dataset holds several tasks, organisation i
works on task ``i mod T``: its endowment is of that task, and so is what it is measured on.

Core Objects: Division, divide, trial_examples
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from markets.columns import Ints
from sim.config.data import DataConfig
from sim.data.datasets import DataError, Examples
from sim.data.endowments import EndowmentRule
from sim.data.endowments.base import Pool, proportional
from sim.streams import Streams

Endowing = Callable[[Ints], EndowmentRule]
"""From the organisations of a task to the rule by which they share out its pool."""


@dataclasses.dataclass(frozen=True, eq=False)
class Division:
    """Who has which examples: sorted arrays of indices, validation and test disjoint from all the others.

    Parameters
    ----------
    endowments : list of int64 arrays
        One an organisation; sizes may differ.
    validation, test : int64 array [T, V]
        The broker's examples of each task, and those that only measure.
    """

    endowments: list[Ints]
    validation: Ints
    test: Ints

    @property
    def tasks(self) -> int:
        """Number of tasks T, 1 as a rule."""
        return len(self.validation)

    def class_counts(self, labels: Ints, classes: int) -> Ints:
        """Return how many examples of each class everybody owns, [organisations, classes]; labels are [E]."""
        return np.stack([np.bincount(labels[own], minlength=classes) for own in self.endowments])


def divide(
    examples: Examples,
    config: DataConfig,
    organisations: int,
    streams: Streams,
    replicate: int,
    endowing: Endowing | None = None,
) -> Division:
    """Cut the originals of every task into validation, test and endowments; copies follow their originals.

    All parts are stratified exactly: the size of validation and test set is the rounded fraction of the
    whole, and each class has its proportion in them, rounded down or up, but at least one. Cost: linear in
    the examples, but for the rule of endowments.

    Parameters
    ----------
    examples : Examples
        What is divided.
    config : DataConfig
        The fractions and the rule of endowments; its `examples` counts the originals of a task.
    organisations : int
        Number of endowments, >= 1.
    streams : Streams
        Randomness; reads the purposes ``data-subset``, ``data-parts``, ``data-endowments`` and ``data-kept``.
    replicate : int
        Which draw: each has streams of its own.
    endowing : callable, optional
        From organisations to the rule by which they share out the pool of their task; by default that of the
        configuration.

    Raises
    ------
    DataError
        If there are fewer examples than asked for or than organisations, fewer organisations than tasks, a
        class is too small to be in every part or with every organisation that must hold it, an endowment is
        empty, or tasks are not of the same size.
    """
    tasks = examples.tasks
    if organisations < tasks:
        raise DataError(
            f"organisations must be at least {tasks}, the tasks of the dataset; got {organisations}"
        )
    endowments: list[Ints] = [np.empty(0, dtype=np.int64)] * organisations
    held_out: dict[str, list[Ints]] = {"validation": [], "test": []}
    for task in range(tasks):
        members = np.arange(task, organisations, tasks)
        originals = np.flatnonzero(examples.is_original & (examples.task_of_each == task))
        keys = (replicate,) if tasks == 1 else (replicate, task)
        rule = config.rule() if endowing is None else endowing(members)
        shares, parts = _divided(examples, originals, config, len(members), rule, streams, keys)
        for organisation, own in zip(members, shares, strict=True):
            endowments[organisation] = examples.copies_of(originals[own])
        for part, found in held_out.items():
            found.append(examples.copies_of(originals[parts[part]]))
    sizes = {part: [len(own) for own in found] for part, found in held_out.items()}
    if any(len(set(own)) > 1 for own in sizes.values()):
        raise DataError(f"tasks of a dataset must be of the same size; got parts of {sizes} examples")
    return Division(endowments, **{part: np.stack(found) for part, found in held_out.items()})


def trial_examples(validation: Ints, labels: Ints, classes: int) -> Ints:
    """Return the validation examples on which trials are made: those of the first classes.

    Parameters
    ----------
    validation : int64 array [G, V]
        The broker's examples of each replicate and task.
    labels : int64 array [E]
        Class of every example.
    classes : int
        On how many classes trials are made.

    Raises
    ------
    DataError
        If groups differ in how many they have of these classes.
    """
    # Every replicate has the same number of examples of each class, since all parts are stratified alike.
    tested = [part[labels[part] < classes] for part in validation]
    if len({len(part) for part in tested}) > 1:
        raise DataError(
            f"broker.trials must be full or none where tasks differ in the sizes of their classes; got "
            f"trials on {classes} classes"
        )
    return np.stack(tested)


def _divided(
    examples: Examples,
    originals: Ints,
    config: DataConfig,
    organisations: int,
    rule: EndowmentRule,
    streams: Streams,
    keys: tuple[int, ...],
) -> tuple[list[Ints], dict[str, Ints]]:
    """Return the endowments of one task, its validation and its test examples: places among its originals."""
    labels = examples.labels[originals]
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
        members = _shuffled(members, streams.stream("data-subset", *keys))
        members = _heads(members, proportional([len(m) for m in members], config.examples))
    validation, test, pool = _parts(
        members, config, streams.stream("data-parts", *keys), examples.class_names
    )
    size = sum(len(m) for m in pool)
    if organisations > size:
        raise DataError(
            f"organisations must be at most {size}, the examples in the pool; got {organisations}"
        )
    shares = rule.share_out(
        Pool(pool, examples, originals),
        organisations,
        lambda purpose, *more: streams.stream(purpose, *keys, *more),
    )
    endowments = [_sorted(own) for own in shares]
    if len(endowments) != organisations or not all(map(len, endowments)):
        raise DataError(
            f"data.endowment {rule.name} must give each of {organisations} organisations an example; got "
            f"{sum(map(bool, map(len, endowments)))} that have one"
        )
    return endowments, {"validation": _sorted(validation), "test": _sorted(test)}


def _sorted(members: list[Ints]) -> Ints:
    """Return the indices of all classes as one ascending array."""
    return np.sort(np.concatenate(members)).astype(np.int64)


def _shuffled(members: list[Ints], rng: np.random.Generator) -> list[Ints]:
    return [rng.permutation(m) for m in members]


def _heads(members: list[Ints], sizes: Ints) -> list[Ints]:
    return [m[:size] for m, size in zip(members, sizes, strict=True)]


def _tails(members: list[Ints], sizes: Ints) -> list[Ints]:
    return [m[size:] for m, size in zip(members, sizes, strict=True)]


def _parts(
    members: list[Ints], config: DataConfig, rng: np.random.Generator, names: list[str]
) -> tuple[list[Ints], list[Ints], list[Ints]]:
    """Cut every class into validation, test and pool, in this order, after a shuffle."""
    counts = [len(m) for m in members]
    total = sum(counts)
    held_out = [
        np.maximum(proportional(counts, round(part * total)), 1) for part in (config.validation, config.test)
    ]
    members = _shuffled(members, rng)
    rest = _tails(members, held_out[0])
    pool = _tails(rest, held_out[1])
    smallest = int(np.argmin([len(m) for m in pool]))
    if not len(pool[smallest]):
        raise DataError(
            f"examples of class {names[smallest]} must be enough for validation ({held_out[0][smallest]}), "
            f"test ({held_out[1][smallest]}) and at least one endowment; got {counts[smallest]}"
        )
    return _heads(members, held_out[0]), _heads(rest, held_out[1]), pool
