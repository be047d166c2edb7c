"""Endowments: disjoint, stratified, shared out as configured, or refused in one sentence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from sim.config.data import DataConfig
from sim.data.datasets import DataError, Examples
from sim.data.division import Division, divide
from sim.data.endowments import ENDOWMENTS, EndowmentRule
from sim.data.endowments.iid import Iid
from sim.streams import Streams


def split(
    labels: np.ndarray, config: DataConfig, organisations: int, streams: Streams, replicate: int
) -> Division:
    """Divide examples of which the labels are all that matters."""
    classes = int(labels.max()) + 1
    inputs = np.zeros((len(labels), 1, 1, 1), dtype=np.float32)
    names = [str(k) for k in range(classes)]
    return divide(Examples(inputs, labels, classes, names, ""), config, organisations, streams, replicate)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dataset": "imagenet"}, "dataset must be one of cifar10, digits, .*; got 'imagenet'"),
        (
            {"validation": 0.5, "test": 0.5},
            r"data.validation \+ data.test must be less than 1; got 0.5 \+ 0.5",
        ),
        ({"endowment": "random"}, "data.endowment must be one of auto, .*dirichlet, iid.*; got 'random'"),
        ({"endowment": {"alpha": 1}}, "data.endowment must be one of .*class_skew, .*; got None"),
        ({"endowment": {"name": "dirichlet", "alpha": 0}}, "data.endowment.alpha must be allowed .*; got 0"),
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
    everything = [*parts.validation, *parts.test, *parts.endowments]
    for part in everything:
        assert part.dtype == np.int64
        assert len(part)
        assert (np.diff(part) > 0).all()
    held_out = np.concatenate([*parts.validation, *parts.test])
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
    for (part,), fraction in ((parts.validation, config.validation), (parts.test, config.test)):
        counts = np.bincount(labels[part], minlength=labels.max() + 1)
        assert (np.abs(counts - fraction * np.bincount(labels)) < 1).all()
        assert counts.min() >= 1
        assert len(part) == round(fraction * len(labels))


@settings(deadline=None, max_examples=80)
@given(case=cases(endowment="iid"))
def test_iid_endowments_are_alike(case) -> None:
    labels, config, organisations, seed, replicate = case
    parts = split(labels, config, organisations, Streams(seed), replicate)
    owned = parts.class_counts(labels, labels.max() + 1)
    assert (np.ptp(owned, axis=0) <= 1).all()
    assert np.ptp(owned.sum(axis=1)) <= 1


@settings(deadline=None, max_examples=120)
@given(case=cases(endowment="class_skew"))
def test_class_skew_keeps_own_classes_whole_and_the_stated_fraction_of_others(case) -> None:
    labels, config, organisations, seed, replicate = case
    classes = labels.max() + 1
    parts = split(labels, config, organisations, Streams(seed), replicate)
    owned = parts.class_counts(labels, classes)
    held_out = np.bincount(labels[np.concatenate([*parts.validation, *parts.test])], minlength=classes)
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
    owned = split(labels, config, 2, Streams(0), 0).class_counts(labels, 10)
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
    owned = np.array([part.class_counts(labels, 300) for part in parts])
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
    used = np.concatenate([*parts.validation, *parts.test, *parts.endowments])
    assert len(used) == len(np.unique(used)) == examples
    quota = np.bincount(labels) * examples / len(labels)
    assert (np.abs(np.bincount(labels[used]) - quota) < 1).all()


def test_what_everybody_owns_is_counted_by_class() -> None:
    labels = np.array([0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1])
    parts = split(labels, DataConfig(), 2, Streams(0), 0)
    expected = [[np.count_nonzero(labels[own] == k) for k in range(3)] for own in parts.endowments]
    np.testing.assert_array_equal(parts.class_counts(labels, 3), expected)


TEN = np.repeat(np.arange(2), 10)


@pytest.mark.parametrize(
    ("labels", "config", "organisations", "message"),
    [
        (TEN, {}, 13, "organisations must be at most 12, the examples in the pool; got 13"),
        (TEN, {}, 0, "organisations must be at least 1, .*; got 0"),
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
    ],
)
def test_what_cannot_be_shared_out_is_named(labels, config, organisations, message) -> None:
    with pytest.raises(DataError, match=message):
        split(labels, DataConfig(**config), organisations, Streams(0), 0)


def test_class_skew_that_keeps_nothing_needs_only_own_classes() -> None:
    labels = np.repeat(np.arange(2), 10)
    config = DataConfig(endowment="class_skew", kept=0.0, disjoint=False)
    owned = split(labels, config, 9, Streams(0), 0).class_counts(labels, 2)
    assert (owned > 0).sum(axis=1).tolist() == [1] * 9


@pytest.mark.parametrize("endowment", ["iid", "class_skew"])
def test_sizes_share_every_class_out_in_proportion(endowment) -> None:
    labels = np.repeat(np.arange(4), 100)
    config = DataConfig(endowment=endowment, kept=1.0, sizes=[4, 1])
    parts = split(labels, config, 4, Streams(0), 0)
    counts = parts.class_counts(labels, 4)
    np.testing.assert_array_equal(counts, np.outer([24, 6, 24, 6], np.ones(4, dtype=int)))


def test_sizes_do_not_go_with_shares_that_are_drawn() -> None:
    with pytest.raises(
        ValidationError, match=r"data.sizes must be empty for endowment dirichlet; got \[2.0, 1.0\]"
    ):
        DataConfig(endowment="dirichlet", sizes=[2, 1])


def test_a_rule_has_the_fields_of_the_configuration_and_its_own_before_them() -> None:
    config = DataConfig(endowment="dirichlet", alpha=3.0)
    assert config.rule() == DataConfig(endowment={"name": "dirichlet", "alpha": 3.0}, alpha=1.0).rule()
    assert DataConfig(endowment={"name": "iid"}) == DataConfig()


def test_a_rule_is_one_class(monkeypatch) -> None:
    """What the first organisation has twice, the others lack; who has nothing is refused for every rule."""
    monkeypatch.setattr(ENDOWMENTS, "_classes", dict(ENDOWMENTS._classes))

    @ENDOWMENTS.register
    @dataclass(frozen=True)
    class Rich(EndowmentRule):
        """The first organisation has a share, the others what is left."""

        name: str = "rich"
        share: float = 0.5

        def share_out(self, pool, organisations, draw):
            rich = [m[: round(self.share * len(m))] for m in pool]
            poor = [m[round(self.share * len(m)) :] for m in pool]
            return [rich, *Iid().share_out(poor, organisations - 1, draw)]

    labels = np.repeat(np.arange(4), 100)
    config = DataConfig(endowment={"name": "rich", "share": 0.8})
    counts = split(labels, config, 3, Streams(0), 0).class_counts(labels, 4)
    np.testing.assert_array_equal(counts, np.outer([48, 6, 6], np.ones(4, dtype=int)))
    with pytest.raises(DataError, match=r"data.endowment rich must give each of 3 organisations an example"):
        split(labels, DataConfig(endowment={"name": "rich", "share": 0.0}), 3, Streams(0), 0)
    with pytest.raises(ValidationError, match=r"data.sizes must be empty for endowment rich; got \[2.0\]"):
        DataConfig(endowment="rich", sizes=[2])


def test_the_registry_refuses_a_rule_that_cannot_share_out() -> None:
    @dataclass(frozen=True)
    class Idle(EndowmentRule):
        """Does nothing."""

        name: str = "idle"

    with pytest.raises(TypeError, match="endowment Idle must extend EndowmentRule and define share_out"):
        ENDOWMENTS.register(Idle)
