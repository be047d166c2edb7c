"""A user's own data: every form is read as what it is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sim.config.data import DataConfig
from sim.data.datasets import DataError
from sim.data.division import divide
from sim.streams import Streams
from tests.sim.data.own_files import COUNT, RNG, ROWS, TEXTS, TOKENS, arrays, code, images, loaded, table

pytestmark = pytest.mark.usefixtures("folder")


def test_arrays_of_a_file_are_examples():
    found = loaded(arrays(organisation=np.arange(COUNT) % 4, features=["a", "b", "c"]))
    assert (found.kind, found.class_names, found.features) == (
        "classification",
        ["no", "yes"],
        ("a", "b", "c"),
    )
    np.testing.assert_array_equal(found.inputs, ROWS.astype(np.float32))
    np.testing.assert_array_equal(found.labels, TEXTS == "yes")
    assert found.organisation.tolist() == (np.arange(COUNT) % 4).tolist()
    assert found.organisation_names == ("0", "1", "2", "3")
    assert found.mean is None
    assert "mine.npz" in found.source


@pytest.mark.parametrize(
    ("labels", "kind", "names"),
    [
        (TEXTS.astype(bytes), "classification", ["b'no'", "b'yes'"]),
        (TEXTS == "yes", "classification", ["False", "True"]),
        (np.arange(COUNT) % 12 - 1, "classification", [str(k) for k in range(-1, 11)]),
        (np.arange(COUNT) % 2.0, "classification", ["0", "1"]),
        (ROWS[:, 0], "regression", None),
    ],
)
def test_labels_of_any_type_say_what_the_task_is(labels, kind, names):
    found = loaded(arrays(labels=labels))
    assert found.kind == kind == found.task.name
    assert names is None or found.class_names == names


def test_numbers_to_be_foretold_are_stratified_by_size():
    target = np.arange(200) * 3
    config = arrays(inputs=RNG.normal(size=(200, 2)), labels=target) | {"task": "regression"}
    found = loaded(config)
    assert (found.kind, found.vocabulary, found.classes) == ("regression", ("labels",), 10)
    np.testing.assert_array_equal(found.targets, target.astype(np.float32))
    np.testing.assert_array_equal(found.labels, np.arange(200) // 20)
    parts = divide(found, DataConfig(**config), 2, Streams(0), 0)
    assert np.bincount(found.labels[parts.test[0]]).tolist() == [4] * 10


def test_sequences_of_tokens_are_one_stratum():
    config = arrays(inputs=TOKENS, vocabulary=list("abcde"))
    np.savez("mine.npz", inputs=TOKENS, vocabulary=list("abcde"))
    found = loaded(config)
    assert (found.kind, found.classes, found.vocabulary) == ("next_token", 1, tuple("abcde"))
    np.testing.assert_array_equal(found.inputs, TOKENS[:, :-1])
    np.testing.assert_array_equal(found.targets, TOKENS[:, 1:])
    assert len(divide(found, DataConfig(**config), 3, Streams(0), 0).endowments) == 3
    given = loaded(arrays("2", inputs=TOKENS, labels=TOKENS[:, ::-1]))
    np.testing.assert_array_equal(given.targets, TOKENS[:, ::-1])
    assert given.vocabulary == tuple("01234")


@pytest.mark.parametrize("shape", [(COUNT, 9, 7), (COUNT, 1, 9, 7), (COUNT, 9, 7, 3), (COUNT, 3, 9, 7)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_images_have_their_channels_first_and_bytes_are_fractions(shape, kind):
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    found = loaded(arrays(inputs=pixels.astype(kind))).inputs
    channels_last = shape[-1] == 3
    expected = np.moveaxis(pixels, 3, 1) if channels_last else pixels
    if kind is np.uint8:
        expected = (expected / 255).astype(np.float32)
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)
    assert found.dtype == np.float32
    assert len(found.shape) == 4 or kind is np.float32


def test_tasks_of_a_file_have_classes_of_their_own():
    task = np.repeat(["digits", "letters"], COUNT // 2)
    labels = np.where(task == "digits", np.char.mod("%d", np.arange(COUNT) % 2), TEXTS)
    found = loaded(arrays(task=task, labels=labels))
    assert found.task_numbers.tolist() == [0] * 30 + [1] * 30
    assert found.class_names == ["0 or no", "1 or yes"]
    assert found.classes == 2


@pytest.mark.parametrize("path", ["mine.csv", "mine.parquet"])
def test_a_table_has_numbers_and_categories(path):
    owner = np.where(np.arange(COUNT) % 2, "north", "south")
    config = table(path, organisation=owner, rich=ROWS[:, 1] > 0, id=TEXTS)
    found = loaded(config | {"dataset": {"name": "file", "ignore": ["id"]}})
    assert found.features == ("age", "sex=f", "sex=m", "rich")
    assert found.numbers.tolist() == [True, False, False, False]
    np.testing.assert_array_equal(found.inputs[:, 0], ROWS[:, 0].astype(np.float32))
    np.testing.assert_array_equal(found.inputs[:, 1:3].sum(axis=1), 1)
    assert found.organisation_names == ("north", "south")
    codes = loaded(config | {"dataset": {"name": "file", "ignore": ["id"], "categories": "codes"}})
    assert codes.features == ("age", "sex", "rich")
    np.testing.assert_array_equal(codes.inputs[:, 1], found.inputs[:, 2])
    kept = loaded(config | {"dataset": {"name": "file", "organisation": None}})
    assert "organisation=north" in kept.features
    assert kept.organisation is None
    assert loaded(config | {"label": "age", "duplicates": "keep"}).kind == "regression"


@pytest.mark.parametrize(("mode", "shape"), [("RGB", (3, 9, 7)), ("L", (1, 9, 7)), ("RGBA", (3, 9, 7))])
def test_a_folder_of_images_has_a_class_a_folder(mode, shape):
    found = loaded(images(mode=mode))
    (Path("images") / "notes.txt").write_text("no image")
    assert found.inputs.shape == (8, *shape)
    assert (found.class_names, found.labels.tolist()) == (["cat", "dog"], [0] * 4 + [1] * 4)
    first = np.asarray(Image.open("images/cat/0.png").convert("L" if mode == "L" else "RGB"))
    pixels = found.inputs[0] if mode == "L" else np.moveaxis(found.inputs[0], 0, 2)
    np.testing.assert_array_equal(pixels.reshape(first.shape), (first / 255).astype(np.float32))
    sized = loaded(images(((9, 7), (5, 5))) | {"dataset": {"name": "folder", "size": [4, 6]}})
    assert sized.inputs.shape[2:] == (4, 6)


RETURNED = {
    "a pair": "(X, Y)",
    "tensors": "(torch.as_tensor(X), torch.as_tensor(Y))",
    "a mapping": "{'inputs': X, 'labels': Y}",
    "a table": "pd.DataFrame({'a': X[:, 0], 'b': X[:, 1], 'label': Y})",
    "a dataset": "torch.utils.data.TensorDataset(torch.as_tensor(X), torch.as_tensor(Y))",
    "items": "[{'inputs': x, 'labels': y} for x, y in zip(X, Y)]",
    "a stream": "((x, int(y)) for x, y in zip(X, Y))",
}


@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED)
def test_a_function_may_return_any_of_these(returned):
    config = code(
        f"def load(n=20):\n    X, Y = np.random.rand(n, 2), np.arange(n) % 2\n    return {returned}\n"
    )
    state = np.random.get_state
    before = state()[1].tolist()
    found = loaded(config | {"options": {"n": 24}})
    assert (found.inputs.shape, found.labels.tolist()) == ((24, 2), [0, 1] * 12)
    again = DataConfig(**config, options={"n": 24}).source().load()
    np.testing.assert_array_equal(again.inputs, found.inputs)
    assert state()[1].tolist() == before


def test_a_changed_file_is_read_again():
    config = arrays()
    first, digest = loaded(config), DataConfig(**config).source().digest()
    assert loaded(config) is first
    np.savez("mine.npz", inputs=ROWS + 1, labels=TEXTS)
    assert loaded(config) is not first
    assert DataConfig(**config).source().digest() != digest


def test_equal_rows_are_refused_left_out_or_kept():
    rows = np.concatenate([ROWS, ROWS[:2]])
    config = arrays(inputs=rows, labels=np.concatenate([TEXTS, TEXTS[:2]]))
    with pytest.raises(
        DataError, match=r"inputs must all differ, .*; got rows 0 and 60 alike, and 2 such rows"
    ):
        loaded(config)
    assert len(loaded(config | {"duplicates": "drop"}).labels) == COUNT
    assert len(loaded(config | {"duplicates": "keep"}).labels) == COUNT + 2
