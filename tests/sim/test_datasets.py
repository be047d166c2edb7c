import gzip
import hashlib
import json
import shutil
from pathlib import Path
from typing import ClassVar
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets._openml as openml
from omegaconf import OmegaConf
from pydantic.dataclasses import dataclass

from sim.config.data import DataConfig, load_examples
from sim.data.datasets import DATASETS, DataError, Dataset, Examples
from sim.data.division import Division
from sim.data.scaling import scaled

OPENML = {"mnist": 554, "fashion_mnist": 40996, "kuzushiji_mnist": 41982, "cifar10": 40927}
NAMES = ["b", "a", "c"]


def write_cache(
    home: Path, data_id: int, pixels: np.ndarray, targets: list[str], intact: bool = True
) -> None:
    """Write a dataset the way `sklearn.datasets.fetch_openml` caches it (see its _openml.py)."""
    columns = [f"pixel{i + 1}" for i in range(pixels.shape[1])]
    kinds = [*(f"@ATTRIBUTE {c} REAL" for c in columns), f"@ATTRIBUTE class {{{','.join(NAMES)}}}"]
    header = ["@RELATION tiny", *kinds]
    rows = [",".join([*map(str, row.tolist()), target]) for row, target in zip(pixels, targets, strict=True)]
    arff = "\n".join([*header, "@DATA", *rows, ""]).encode()
    flags = {"is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
    numeric = [
        {"index": str(i), "name": c, "data_type": "numeric", "is_target": "false", **flags}
        for i, c in enumerate(columns)
    ]
    target = {
        "index": str(len(columns)), "name": "class", "data_type": "nominal", "is_target": "true", **flags,
    }  # fmt: skip
    description = {
        "id": str(data_id), "name": "tiny", "version": "1", "status": "active", "format": "ARFF",
        "description": "made by a test", "url": f"https://www.openml.org/data/v1/download/{data_id}/tiny.arff",
        "md5_checksum": hashlib.md5(arff if intact else b"other").hexdigest(),
    }  # fmt: skip
    qualities = {"quality": [{"name": "NumberOfInstances", "value": str(len(targets))}]}
    root = home / "openml" / "openml.org"
    for path, content in {
        f"api/v1/json/data/{data_id}.gz": json.dumps({"data_set_description": description}).encode(),
        f"api/v1/json/data/features/{data_id}.gz": json.dumps(
            {"data_features": {"feature": [*numeric, target]}}
        ).encode(),
        f"api/v1/json/data/qualities/{data_id}.gz": json.dumps({"data_qualities": qualities}).encode(),
        f"data/v1/download/{data_id}/tiny.arff.gz": arff,
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(gzip.compress(content))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("no network in tests")

    monkeypatch.setattr(openml, "urlopen", refuse)
    monkeypatch.setattr(openml.time, "sleep", lambda _: None)


def test_digits_are_the_1797_of_scikit_learn() -> None:
    # Alpaydin and Kaynak 1998 in scikit-learn: 1797 x 64 counts of 0..16, class counts from its
    # documentation.
    digits = load_examples(DataConfig())
    assert digits.inputs.shape == (1797, 1, 8, 8)
    assert (digits.inputs.min(), digits.inputs.max()) == (0.0, 1.0)
    assert np.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert digits.class_names == list("0123456789")
    np.testing.assert_array_equal(digits.inputs[0, 0, 0] * 16, [0, 0, 5, 13, 9, 1, 0, 0])


def test_enlarged_digits_interpolate_between_the_centres_of_the_pixels() -> None:
    small, large = load_examples(DataConfig()), load_examples(DataConfig(dataset="digits28"))
    assert (large.inputs.shape, large.inputs.dtype) == ((1797, 1, 28, 28), np.float32)
    assert np.array_equal(large.labels, small.labels)
    assert np.array_equal(large.inputs, DATASETS.build({"name": "digits28"}).load().inputs)
    # bilinear interpolation by definition: pixel j of 28 has its centre at (j + 1/2) / 3.5 - 1/2 of the 8
    centres = np.clip((np.arange(28) + 0.5) / 3.5 - 0.5, 0, 7)
    weight = np.maximum(0, 1 - np.abs(np.arange(8)[:, None] - centres))
    np.testing.assert_allclose(weight.sum(axis=0), 1, rtol=1e-15)
    expected = np.einsum("ai,ecab,bj->ecij", weight, small.inputs.astype(np.float64), weight, optimize=True)
    np.testing.assert_allclose(large.inputs, expected, atol=1e-6)
    assert "28 x 28" in large.source


@pytest.mark.parametrize(("name", "data_id"), OPENML.items())
def test_openml_images_load_from_a_cache_alone(name, data_id, tmp_path, offline) -> None:
    shape = (3, 32, 32) if name == "cifar10" else (1, 28, 28)
    pixels = np.random.default_rng(data_id).integers(0, 256, size=(5, int(np.prod(shape))))
    write_cache(tmp_path, data_id, pixels, ["c", "a", "b", "a", "c"])
    found = load_examples(DataConfig(dataset=name, data_home=str(tmp_path)))
    assert found.labels.tolist() == [2, 0, 1, 0, 2]
    assert (found.class_names, found.classes) == (["a", "b", "c"], 3)
    assert str(data_id) in found.source
    assert found.inputs.dtype == np.float32
    expected = (pixels.reshape(5, *shape) / 255).astype(np.float32)
    np.testing.assert_array_equal(found.inputs, expected)
    # the second load parses nothing: it needs the arrays and what the cache says of the file
    shutil.rmtree(tmp_path / "openml" / "openml.org" / "data")
    again = DATASETS.build({"name": name, "data_home": str(tmp_path)}).load()
    np.testing.assert_array_equal(again.inputs, expected)
    assert vars(again) | {"inputs": 0, "labels": 0} == vars(found) | {"inputs": 0, "labels": 0}
    assert again.labels.tolist() == found.labels.tolist()
    (kept,) = (tmp_path / "parabourse").iterdir()
    with np.load(kept, allow_pickle=False) as arrays:
        assert arrays["pixels"].dtype == np.uint8


@pytest.mark.parametrize("harm", ["cut off", "of another file", "pickled"])
def test_arrays_that_are_not_of_the_cached_file_are_made_again(harm, tmp_path, offline) -> None:
    write_cache(tmp_path, 554, np.zeros((2, 784), dtype=int), ["a", "b"])
    mnist = DATASETS.build({"name": "mnist", "data_home": str(tmp_path)})
    assert mnist.load().inputs.max() == 0
    (kept,) = (tmp_path / "parabourse").iterdir()
    if harm == "cut off":
        kept.write_bytes(kept.read_bytes()[:-100])
    if harm == "of another file":
        write_cache(tmp_path, 554, np.full((3, 784), 255), ["a", "b", "a"])
    if harm == "pickled":
        np.savez(kept, pixels=np.array([{}]), labels=np.zeros(1), names=["a"], url="")
    assert mnist.load().inputs.max() == (harm == "of another file")
    assert np.load(kept, allow_pickle=False)["pixels"].shape == (2, 784)


def test_a_cache_that_takes_no_file_is_read_all_the_same(tmp_path, offline) -> None:
    write_cache(tmp_path, 554, np.zeros((2, 784), dtype=int), ["a", "b"])
    (tmp_path / "parabourse").write_text("in the way")
    assert len(load_examples(DataConfig(dataset="mnist", data_home=str(tmp_path))).labels) == 2


@pytest.mark.parametrize("name", ["digits", "digits28", "digits28_shifted"])
def test_standardised_pixels_are_about_0_and_1(name) -> None:
    examples = load_examples(DataConfig(dataset=name))
    found = scaled(examples, True, {0: Division([np.arange(1)], np.zeros(0), np.zeros(0))}).inputs
    assert found.dtype == np.float32
    assert abs(found.mean(dtype=float)) < 0.05
    assert abs(found.std(dtype=float) - 1) < 0.01


def test_two_tasks_come_from_two_files(tmp_path, offline) -> None:
    pixels = {554: np.full((4, 784), 255), 40996: np.zeros((4, 784), dtype=int)}
    for data_id, content in pixels.items():
        write_cache(tmp_path, data_id, content, ["a", "b", "a", "b"])
    found = load_examples(DataConfig(dataset="mnist_and_fashion", data_home=str(tmp_path)))
    assert found.task_of_each.tolist() == [0] * 4 + [1] * 4
    assert found.inputs.mean(axis=(1, 2, 3)).tolist() == [1.0] * 4 + [0.0] * 4
    assert found.class_names == ["a or a", "b or b"]


@pytest.mark.parametrize("name", OPENML)
def test_without_cache_and_network_the_error_says_what_to_do(name, tmp_path, offline) -> None:
    with pytest.raises(DataError) as caught:
        DATASETS.build({"name": name, "data_home": str(tmp_path)}).load()
    for piece in (
        f"dataset {name}",
        str(tmp_path),
        "no network in tests",
        "load it once with a network",
        "data_home",
    ):
        assert piece in str(caught.value)


@pytest.mark.filterwarnings("ignore:Invalid cache", "ignore:A network error")
def test_a_damaged_cache_is_not_used(tmp_path, offline) -> None:
    write_cache(tmp_path, 554, np.zeros((2, 784), dtype=int), ["a", "b"], intact=False)
    with pytest.raises(DataError, match="dataset mnist"):
        load_examples(DataConfig(dataset="mnist", data_home=str(tmp_path)))


def test_what_holds_no_bytes_is_refused(tmp_path, offline) -> None:
    write_cache(tmp_path, 554, np.full((2, 784), 0.5), ["a", "b"])
    with pytest.raises(DataError, match="dataset mnist must hold bytes, whole numbers from 0 to 255"):
        load_examples(DataConfig(dataset="mnist", data_home=str(tmp_path)))


def test_a_file_of_another_shape_is_refused(tmp_path, offline) -> None:
    write_cache(tmp_path, 554, np.zeros((2, 3), dtype=int), ["a", "b"])
    with pytest.raises(DataError, match="dataset mnist must have 784 features an example; got 3"):
        load_examples(DataConfig(dataset="mnist", data_home=str(tmp_path)))


IMAGES, CLASSES = np.zeros((2, 1, 2, 2), dtype=np.float32), np.array([0, 1])


@pytest.mark.parametrize(
    ("inputs", "labels", "classes", "message"),
    [
        (np.zeros(2, dtype=np.float32), CLASSES, 2, r"inputs must be float32 of shape \[E, ...\]"),
        (IMAGES.astype(np.float64), CLASSES, 2, "got float64"),
        (IMAGES * np.float32("nan"), CLASSES, 2, "inputs must be finite numbers; got NaN or .* row 0"),
        (IMAGES, CLASSES[:1], 2, r"labels must be int64 of shape \(2,\); got int64 \(1,\)"),
        (IMAGES, CLASSES, 1, "classes must count the labels and the class names; got 1"),
    ],
)
def test_examples_are_checked_at_the_door(inputs, labels, classes, message) -> None:
    with pytest.raises(DataError, match=message):
        Examples(inputs, labels, classes, ["a", "b"], "a test")


def test_the_registry_refuses_a_class_that_cannot_load() -> None:
    @dataclass(frozen=True)
    class Mute(Dataset):
        shape: ClassVar[int] = 3
        name: str = "mute"

    with pytest.raises(TypeError, match="dataset Mute must extend Dataset and define load"):
        DATASETS.register(Mute)
    assert "mute" not in DATASETS


@pytest.mark.parametrize("configuration", [DataConfig, *(DATASETS[name] for name in DATASETS)])
def test_omegaconf_reads_the_configurations(configuration) -> None:
    read = OmegaConf.to_container(OmegaConf.structured(configuration))
    assert configuration(**read) == configuration()
