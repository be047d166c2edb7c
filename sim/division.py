"""The division of a dataset whose examples are copies of each other, or belong to different tasks.

Copies of one original (the same image, moved) stay together: in one part of the data and in one endowment, so
that no test example was ever trained on in another guise. Where a dataset holds several tasks, organisation i
works on task ``i mod T``: its endowment is of that task, and so is what it is measured on.

Core Objects: Division, divide, trial_examples
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from sim.datasets import DataError, Examples
from sim.endowments import DataConfig, split
from sim.streams import Streams

IntArray = NDArray[np.int64]


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

    endowments: list[IntArray]
    validation: IntArray
    test: IntArray

    @property
    def tasks(self) -> int:
        """Number of tasks T, 1 as a rule."""
        return len(self.validation)


def divide(
    examples: Examples, config: DataConfig, organisations: int, streams: Streams, replicate: int
) -> Division:
    """Cut the originals of every task into validation, test and endowments; copies follow their originals.

    `data.examples` counts the originals of a task. See `sim.endowments.split` for the rules and the cost.

    Raises
    ------
    DataError
        As `split`, and if there are fewer organisations than tasks, or if tasks are not of the same size.
    """
    tasks = examples.tasks
    if organisations < tasks:
        raise DataError(
            f"organisations must be at least {tasks}, the tasks of the dataset; got {organisations}"
        )
    endowments: list[IntArray] = [np.empty(0, dtype=np.int64)] * organisations
    held_out: dict[str, list[IntArray]] = {"validation": [], "test": []}
    for task in range(tasks):
        members = np.arange(task, organisations, tasks)
        originals = np.flatnonzero(examples.is_original & (examples.task_of_each == task))
        key = () if tasks == 1 else (task,)
        parts = split(examples.labels[originals], config, len(members), streams, replicate, *key)
        for organisation, own in zip(members, parts.endowments, strict=True):
            endowments[organisation] = examples.copies_of(originals[own])
        for part, found in held_out.items():
            found.append(examples.copies_of(originals[getattr(parts, part)]))
    sizes = {part: [len(own) for own in found] for part, found in held_out.items()}
    if any(len(set(own)) > 1 for own in sizes.values()):
        raise DataError(f"tasks of a dataset must be of the same size; got parts of {sizes} examples")
    return Division(endowments, *(np.stack(found) for found in held_out.values()))


def trial_examples(validation: IntArray, labels: IntArray, classes: int) -> IntArray:
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
