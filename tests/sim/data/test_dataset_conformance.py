"""The check of a dataset passes for all of ours, and finds each of the faults that it is for."""

import dataclasses

import numpy as np
import pytest

from sim.data.conformance import check_dataset
from sim.data.datasets import DATASETS, DataError, Dataset, Examples

OF_FILES_AND_DOWNLOADS = ("file", "folder", "module")
NAMES = [
    name
    for name in DATASETS
    if name not in OF_FILES_AND_DOWNLOADS
    and "data_home" not in {field.name for field in dataclasses.fields(DATASETS[name])}
]


@pytest.mark.parametrize("name", NAMES)
def test_every_dataset_holds_what_a_world_takes_for_granted(name):
    check_dataset(DATASETS.build(name))


def examples(**changed):
    labels = np.tile(np.arange(3), 20)
    inputs = np.random.default_rng(0).random((60, 2)).astype(np.float32)
    return Examples(
        **{
            "inputs": inputs,
            "labels": labels,
            "classes": 3,
            "class_names": ["a", "b", "c"],
            "source": "a test",
        }
        | changed
    )


@dataclasses.dataclass(frozen=True)
class Made(Dataset):
    """Examples with a fault."""

    changed: dict
    name: str = "made"

    def load(self):
        return examples(**self.changed)


class Moving(Made):
    """Others each time."""

    def load(self):
        return examples(inputs=np.random.default_rng().random((60, 2)).astype(np.float32))


class Refusing(Made):
    """None at all."""

    def load(self):
        raise DataError("there are none")


class Loose(Made):
    """Arrays, and no examples."""

    def load(self):
        return np.zeros((3, 2)), np.zeros(3)


ONE_IS_RARE = np.array([0, 1] * 29 + [2, 2])
TWICE = np.repeat(np.random.default_rng(0).random((30, 2)).astype(np.float32), 2, axis=0)
COPIES = {
    "inputs": TWICE,
    "origin": np.repeat(np.arange(0, 60, 2), 2),
    "labels": np.repeat(np.tile(np.arange(3), 10), 2),
}


def test_copies_that_are_said_to_be_ones_are_fine():
    check_dataset(Made({}))
    check_dataset(Made(COPIES))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Moving({}), "load must return the same each time; inputs differs"),
        (Refusing({}), "load must return examples; it refuses: there are none"),
        (Loose({}), "load must return Examples; got tuple"),
        (
            Made({"inputs": np.zeros((60, 2))}),
            "load must return examples; it refuses: inputs must be float32",
        ),
        (Made({"source": " "}), "source must say where the examples come from"),
        (Made({"class_names": ["a", "a", "c"]}), "class_names must be names of their own"),
        (Made({"labels": ONE_IS_RARE}), "each class must have 3 examples at least, one a part; class 'c'"),
        (Made({"classes": 4, "class_names": [*"abcd"]}), "class 'd' of task 0 has 0"),
        (Made({"inputs": np.ones((60, 2), dtype=np.float32)}), "inputs must not all be alike"),
        (
            Made({"labels": np.zeros(60, dtype=np.int64), "classes": 1, "class_names": ["a"]}),
            "what is right must not",
        ),
        (Made({"inputs": TWICE}), "an example that is there twice must be said to be a copy"),
        (Made(COPIES | {"origin": np.roll(COPIES["origin"], 1)}), "origin must name an original"),
        (Made(COPIES | {"labels": np.tile(np.arange(3), 20)}), "a copy must have the class and the task"),
        (Made({"task_numbers": np.tile([0, 2], 30)}), "task_numbers must leave no task without examples; 1"),
    ],
)
def test_faults_are_found(fault, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_dataset(fault)


def test_organisations_that_would_go_without_are_told():
    with pytest.raises(AssertionError, match="must be enough for 80 organisations"):
        check_dataset(Made({}), organisations=80)
