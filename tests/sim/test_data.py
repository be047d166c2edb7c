import gzip
import hashlib
import json
from pathlib import Path
from typing import ClassVar
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets._openml as openml
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from sim.data import DATASETS, DataError, Dataset, Examples
from sim.endowments import DataConfig, describe_endowments, load_examples, split
from sim.streams import Streams

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
    np.testing.assert_array_equal(found.inputs, (pixels.reshape(5, *shape) / 255).astype(np.float32))


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


def test_a_file_of_another_shape_is_refused(tmp_path, offline) -> None:
    write_cache(tmp_path, 554, np.zeros((2, 3), dtype=int), ["a", "b"])
    with pytest.raises(DataError, match="dataset mnist must have 784 features an example; got 3"):
        load_examples(DataConfig(dataset="mnist", data_home=str(tmp_path)))


IMAGES, CLASSES = np.zeros((2, 1, 2, 2), dtype=np.float32), np.array([0, 1])


@pytest.mark.parametrize(
    ("inputs", "labels", "classes", "message"),
    [
        (np.zeros((2, 4), dtype=np.float32), CLASSES, 2, r"inputs must be float32 of shape \[E, C, H, W\]"),
        (IMAGES.astype(np.float64), CLASSES, 2, "got float64"),
        (IMAGES + 2, CLASSES, 2, r"inputs must be in \[0, 1\]; got 2.0 to 2.0"),
        (IMAGES * np.float32("nan"), CLASSES, 2, r"inputs must be in \[0, 1\]; got nan"),
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
        data_home: str | None = None

    with pytest.raises(TypeError, match="dataset Mute must be a Dataset with a load"):
        DATASETS.register(Mute)
    assert "mute" not in DATASETS


@pytest.mark.parametrize("configuration", [DataConfig, *(DATASETS[name] for name in DATASETS)])
def test_omegaconf_reads_the_configurations(configuration) -> None:
    read = OmegaConf.to_container(OmegaConf.structured(configuration))
    assert configuration(**read) == configuration()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dataset": "imagenet"}, "dataset must be one of cifar10, digits, .*; got 'imagenet'"),
        (
            {"validation": 0.5, "test": 0.5},
            r"data.validation \+ data.test must be less than 1; got 0.5 \+ 0.5",
        ),
        ({"endowment": "random"}, "endowment"),
        ({"kept": 1.1}, "kept"),
        ({"alpha": 0.0}, "alpha"),
        ({"examples": 0}, "examples"),
        ({"skew": 1}, "skew"),
    ],
)
def test_data_config_refuses(wrong, message) -> None:
    with pytest.raises(ValidationError, match=message):
        DataConfig(**wrong)


@st.composite
def cases(draw: st.DrawFn, **fixed: object) -> tuple[np.ndarray, DataConfig, int, int, int]:
    """Labels of 2 to 6 classes of unlike size, shuffled, and a configuration that can share them out."""
    counts = draw(st.lists(st.integers(30, 90), min_size=2, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 100)))
    organisations = draw(st.integers(1, 8))
    config = DataConfig(
        **{
            "endowment": draw(st.sampled_from(["iid", "class_skew", "dirichlet"])),
            "groups": draw(st.integers(1, min(organisations, len(counts)))),
            "kept": draw(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])),
            "alpha": 5.0,
            "disjoint": draw(st.booleans()),
            "validation": draw(st.sampled_from([0.1, 0.2, 0.3])),
            "test": draw(st.sampled_from([0.05, 0.2, 0.3])),
            **fixed,
        }
    )
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return labels, config, organisations, draw(st.integers(0, 5)), draw(st.integers(0, 5))


@settings(deadline=None, max_examples=150)
@given(case=cases())
def test_parts_are_disjoint_sorted_and_complete(case) -> None:
    labels, config, organisations, seed, replicate = case
    parts = split(labels, config, organisations, Streams(seed), replicate)
    assert len(parts.endowments) == organisations
    everything = [parts.validation, parts.test, *parts.endowments]
    for part in everything:
        assert part.dtype == np.int64
        assert len(part)
        assert (np.diff(part) > 0).all()
    held_out = np.concatenate([parts.validation, parts.test])
    owned = np.concatenate(parts.endowments)
    assert len(np.unique(held_out)) == len(held_out)
    assert not np.isin(owned, held_out).any()
    if config.endowment != "class_skew" or config.disjoint:
        assert len(np.unique(owned)) == len(owned)
    if config.endowment in ("iid", "dirichlet"):
        assert len(owned) + len(held_out) == len(labels)


@settings(deadline=None, max_examples=80)
@given(case=cases())
def test_validation_and_test_are_stratified(case) -> None:
    labels, config, organisations, seed, replicate = case
    parts = split(labels, config, organisations, Streams(seed), replicate)
    for part, fraction in ((parts.validation, config.validation), (parts.test, config.test)):
        counts = np.bincount(labels[part], minlength=labels.max() + 1)
        assert (np.abs(counts - fraction * np.bincount(labels)) < 1).all()
        assert counts.min() >= 1
        assert len(part) == round(fraction * len(labels))


@settings(deadline=None, max_examples=80)
@given(case=cases(endowment="iid"))
def test_iid_endowments_are_alike(case) -> None:
    labels, config, organisations, seed, replicate = case
    parts = split(labels, config, organisations, Streams(seed), replicate)
    owned = describe_endowments(parts, labels, labels.max() + 1)
    assert (np.ptp(owned, axis=0) <= 1).all()
    assert np.ptp(owned.sum(axis=1)) <= 1


@settings(deadline=None, max_examples=120)
@given(case=cases(endowment="class_skew"))
def test_class_skew_keeps_own_classes_whole_and_the_stated_fraction_of_others(case) -> None:
    labels, config, organisations, seed, replicate = case
    classes = labels.max() + 1
    parts = split(labels, config, organisations, Streams(seed), replicate)
    owned = describe_endowments(parts, labels, classes)
    held_out = np.bincount(labels[np.concatenate([parts.validation, parts.test])], minlength=classes)
    pool = np.bincount(labels) - held_out
    blocks = np.array_split(np.arange(classes), config.groups)
    for i in range(organisations):
        for k in range(classes):
            # Dealt: the share of a class is its pool over organisations, rounded down or up.
            low, high = (
                (pool[k] // organisations, -(-pool[k] // organisations))
                if config.disjoint
                else (pool[k],) * 2
            )
            if k not in blocks[i % config.groups]:
                low, high = (
                    0 if config.kept == 0 else max(1, int(np.floor(config.kept * n + 0.5)))
                    for n in (low, high)
                )
            assert low <= owned[i, k] <= high


def test_class_skew_of_two_is_that_of_the_parameter_market() -> None:
    # Huang, Vishwakarma and Sala 2023: A keeps a fraction of the first half of the classes, all of the
    # second; B reverse.
    labels = np.repeat(np.arange(10), 100)
    config = DataConfig(endowment="class_skew", kept=0.1, disjoint=False)
    owned = describe_endowments(split(labels, config, 2, Streams(0), 0), labels, 10)
    assert owned.tolist() == [[60] * 5 + [6] * 5, [6] * 5 + [60] * 5]


def test_class_skew_draws_do_not_depend_on_how_many_share() -> None:
    labels = np.repeat(np.arange(4), 50)
    config = DataConfig(endowment="class_skew", disjoint=False)
    few, many = (split(labels, config, n, Streams(3), 1).endowments for n in (2, 6))
    for one, other in zip(few, many, strict=False):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(many[0], many[2])


def test_dirichlet_shares_have_the_moments_of_their_distribution() -> None:
    # Dirichlet(a, ..., a) over n: mean 1 / n, variance (n - 1) / (n^2 (n a + 1)).
    labels = np.repeat(np.arange(300), 500)
    config = DataConfig(endowment="dirichlet", alpha=0.5)
    parts = [split(labels, config, 4, Streams(1), replicate) for replicate in range(10)]
    owned = np.array([describe_endowments(part, labels, 300) for part in parts])
    shares = owned / owned.sum(axis=1, keepdims=True)
    # Over 3000 draws: deviation of the mean 0.25 / sqrt(3000) = 0.0046, of the variance 0.0007; four of them.
    assert shares.mean(axis=(0, 2)) == pytest.approx(np.full(4, 0.25), abs=0.018)
    assert shares.var() == pytest.approx(3 / (16 * 3), abs=0.0028)


@settings(deadline=None, max_examples=60)
@given(case=cases())
def test_a_replicate_is_drawn_again_alike_and_others_differ(case) -> None:
    labels, config, organisations, seed, replicate = case
    streams = Streams(seed)
    first = split(labels, config, organisations, streams, replicate)
    other = split(labels, config, organisations, streams, replicate + 1)
    again = split(labels, config, organisations, Streams(seed), replicate)
    for one, two in zip(
        [first.validation, first.test, *first.endowments],
        [again.validation, again.test, *again.endowments],
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.validation, other.validation)


def test_validation_and_test_do_not_depend_on_the_endowments() -> None:
    labels = np.repeat(np.arange(4), 50)
    rules = [DataConfig(), DataConfig(endowment="class_skew"), DataConfig(endowment="dirichlet", alpha=5.0)]
    parts = [split(labels, config, n, Streams(0), 0) for config in rules for n in (2, 5)]
    for part in parts[1:]:
        np.testing.assert_array_equal(part.validation, parts[0].validation)
        np.testing.assert_array_equal(part.test, parts[0].test)


@settings(deadline=None, max_examples=60)
@given(case=cases(endowment="iid"), examples=st.integers(55, 60))
def test_a_subset_is_stratified(case, examples) -> None:
    labels, config, _, seed, replicate = case
    config = DataConfig(examples=examples, validation=config.validation, test=config.test)
    parts = split(labels, config, 1, Streams(seed), replicate)
    used = np.concatenate([parts.validation, parts.test, *parts.endowments])
    assert len(used) == len(np.unique(used)) == examples
    quota = np.bincount(labels) * examples / len(labels)
    assert (np.abs(np.bincount(labels[used]) - quota) < 1).all()


def test_describe_endowments_counts() -> None:
    labels = np.array([0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1])
    parts = split(labels, DataConfig(), 2, Streams(0), 0)
    expected = [[np.count_nonzero(labels[own] == k) for k in range(3)] for own in parts.endowments]
    np.testing.assert_array_equal(describe_endowments(parts, labels, 3), expected)


TEN = np.repeat(np.arange(2), 10)


@pytest.mark.parametrize(
    ("labels", "config", "organisations", "message"),
    [
        (TEN, {}, 13, "organisations must be at most 12, the examples in the pool; got 13"),
        (TEN, {}, 0, "organisations must be >= 1; got 0"),
        (
            TEN,
            {},
            7,
            "too small for a class: the 6 examples of class [01] .*; got organisations=7",
        ),
        (TEN, {"endowment": "class_skew", "kept": 0.1}, 7, "endowment too small for a class"),
        (
            TEN,
            {"endowment": "class_skew", "groups": 3},
            4,
            "groups must be at most 2, the smaller of 2 classes and 4",
        ),
        (TEN, {"endowment": "class_skew", "groups": 2}, 1, "groups must be at most 1, .*; got 2"),
        (
            TEN,
            {"endowment": "dirichlet", "alpha": 1e-3},
            8,
            "alpha must be larger, or organisations fewer, .*0.001 and 8",
        ),
        (TEN, {"examples": 21}, 2, "examples must be at most 20, all there are; got 21"),
        (TEN, {"examples": 1}, 1, "examples of class 0 must be enough for validation .* got 1"),
        (np.array([0] * 20 + [1, 1]), {}, 1, "examples of class 1 must be enough for validation .* got 2"),
        (np.array([0, 2, 2, 0]), {}, 1, "labels must hold every class of 0..2; got none of 1"),
        (np.array([0.5, 1.0]), {}, 1, "labels must be a column of classes >= 0; got float64"),
        (np.array([-1, 1]), {}, 1, "labels must be a column of classes >= 0"),
    ],
)
def test_what_cannot_be_shared_out_is_named(labels, config, organisations, message) -> None:
    with pytest.raises(DataError, match=message):
        split(labels, DataConfig(**config), organisations, Streams(0), 0)


def test_class_skew_that_keeps_nothing_needs_only_own_classes() -> None:
    labels = np.repeat(np.arange(2), 10)
    config = DataConfig(endowment="class_skew", kept=0.0, disjoint=False)
    owned = describe_endowments(split(labels, config, 9, Streams(0), 0), labels, 2)
    assert (owned > 0).sum(axis=1).tolist() == [1] * 9
