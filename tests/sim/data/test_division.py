"""Division: copies stay with their original, and every organisation has the examples of its own task."""

import numpy as np
import pytest
import torch

from sim.config.data import DataConfig, load_examples
from sim.data.datasets import DataError, Examples
from sim.data.datasets.digits import moved
from sim.data.division import divide
from sim.laboratory import Laboratory
from sim.market import ParameterMarket
from sim.streams import Streams
from tests.sim.conftest import small


def examples_of(labels, origin=None, task=None) -> Examples:
    inputs = np.zeros((len(labels), 1, 2, 2), np.float32)
    names = [str(k) for k in range(10)]
    return Examples(inputs, np.asarray(labels, np.int64), 10, names, "", origin, task)


def test_copies_stay_with_their_original() -> None:
    examples = load_examples(DataConfig(dataset="digits28_shifted"))
    config = DataConfig(dataset="digits28_shifted", endowment="class_skew", kept=0.1)
    parts = divide(examples, config, 3, Streams(0), 0)
    assert examples.origin is not None
    owners = [set(examples.origin[part]) for part in (*parts.endowments, parts.validation[0], parts.test[0])]
    for i, own in enumerate(owners):
        assert all(own.isdisjoint(other) for other in owners[i + 1 :])
        assert len(own) > 0
    assert all(len(part) % 8 == 0 for part in (*parts.endowments, parts.validation[0], parts.test[0]))
    plain = divide(load_examples(DataConfig(dataset="digits28")), config, 3, Streams(0), 0)
    np.testing.assert_array_equal(parts.test[0][parts.test[0] < 1797], plain.test[0])


def test_moved_images_by_hand() -> None:
    image = np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)
    found = moved(np.repeat(image, 3, 0), np.array([[0, 0], [1, 0], [-1, 2]]))
    np.testing.assert_array_equal(found[0], image[0])
    np.testing.assert_array_equal(found[1, 0], [[0, 0, 0], [1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(found[2, 0], [[0, 0, 4], [0, 0, 7], [0, 0, 0]])


def test_each_organisation_has_its_own_task() -> None:
    examples = load_examples(DataConfig(dataset="digits_and_turned"))
    parts = divide(examples, DataConfig(), 5, Streams(0), 0)
    for organisation, own in enumerate(parts.endowments):
        assert set(examples.task_of_each[own]) == {organisation % 2}
    for task in range(2):
        held = np.concatenate([parts.validation[task], parts.test[task]])
        assert set(examples.task_of_each[held]) == {task}
        owned = np.concatenate(parts.endowments[task::2])
        assert len(np.unique(np.concatenate([held, owned]))) == 898
    upright = load_examples(DataConfig()).inputs
    np.testing.assert_array_equal(examples.inputs[1, 0], np.rot90(upright[1, 0]))
    np.testing.assert_array_equal(examples.inputs[2], upright[2])
    odd, digits = (load_examples(DataConfig(dataset=name)) for name in ("digits_and_parity", "digits"))
    np.testing.assert_array_equal(odd.labels[::2], digits.labels[:1796:2])
    np.testing.assert_array_equal(odd.labels[1::2], digits.labels[1:1796:2] % 2)


def test_tasks_that_cannot_be_shared_out_are_refused() -> None:
    labels = np.tile(np.arange(10), 20)
    task = (np.arange(200) >= 80).astype(np.int64)
    with pytest.raises(DataError, match="tasks of a dataset must be of the same size; got parts of"):
        divide(examples_of(labels, task=task), DataConfig(), 2, Streams(0), 0)
    task = np.repeat([0, 1], 100)
    with pytest.raises(DataError, match="organisations must be at least 2, the tasks of the dataset; got 1"):
        divide(examples_of(labels, task=task), DataConfig(), 1, Streams(0), 0)


def test_everybody_is_measured_on_its_own_task() -> None:
    """A model that knows one task is as good as it is on that task alone."""
    config = small(
        data=DataConfig(dataset="digits_and_turned"),
        organisations=2,
        setting="independent",
    )
    laboratory = Laboratory(config, 0)
    market = ParameterMarket(config, laboratory=laboratory, seed=0)
    for _ in range(3):
        market.step()
    report = market.report
    assert report is not None
    found = report.tables["organisations"]
    examples = load_examples(config.data)
    for organisation in range(2):
        held = laboratory.divisions[0].test[organisation]
        module = laboratory.module(organisation)
        logits = module(torch.as_tensor(examples.inputs[held]))
        right = float((logits.argmax(1).numpy() == examples.labels[held]).mean())
        assert found["test_accuracy"][organisation] == pytest.approx(right)
