"""Rules by which the data's own owners, a feature or a power law decide who owns what."""

import itertools

import numpy as np
import pytest

from sim.config.data import DataConfig
from sim.data.datasets import DataError, Examples
from sim.data.division import divide
from sim.data.endowments.base import proportional
from sim.streams import Streams

COUNT = 240
RNG = np.random.default_rng(0)
LABELS = np.arange(COUNT) % 3
ROWS = np.stack([RNG.permutation(COUNT) / COUNT, RNG.random(COUNT) / 10, LABELS / 30], axis=1)


def examples(**fields):
    """Rows of three named numbers, the first of which spreads most."""
    inputs = ROWS.astype(np.float32)[:, :, None, None]
    known = {"features": ("age", "height", "kind"), **fields}
    return Examples(inputs, LABELS, 3, ["a", "b", "c"], "a test", **known)


def divided(data, endowment, organisations=4, replicate=0, **fields):
    config = DataConfig(endowment=endowment, **fields)
    return divide(data, config, organisations, Streams(0), replicate)


def owned(parts):
    held_out = np.concatenate([*parts.validation, *parts.test])
    everything = np.concatenate([held_out, *parts.endowments])
    assert len(np.unique(everything)) == len(everything)
    return everything


@pytest.mark.parametrize("feature", [0, "age", None])
@pytest.mark.parametrize("cut", ["quantiles", "ranges"])
def test_by_feature_everybody_owns_a_range_of_one_feature(feature, cut):
    """The first principal component of these rows is their first column, but for a tenth."""
    parts = divided(examples(), {"name": "by_feature", "feature": feature, "cut": cut})
    assert len(owned(parts)) == COUNT
    values = [ROWS[own, 0] for own in parts.endowments]
    slack = 0.1 if feature is None else 0
    for below, above in itertools.pairwise(values):
        assert below.max() < above.min() + slack
    if cut == "quantiles":
        assert {len(own) for own in values} == {36}
    elif feature is not None:
        pool = np.concatenate(values)
        ends = np.linspace(pool.min(), pool.max(), 5)
        assert [len(own) for own in values] == np.histogram(pool, ends)[0].tolist()


def test_by_feature_a_share_is_dealt_to_everybody_alike():
    rule = {"name": "by_feature", "feature": "age", "mixed": 0.5}
    parts = divided(examples(), rule)
    assert len(owned(parts)) == COUNT
    lowest = ROWS[parts.endowments[0], 0]
    assert np.count_nonzero(lowest > 0.5) == pytest.approx(0.5 * 0.5 * 36, abs=4)
    alike = divided(examples(), rule | {"mixed": 1.0})
    for one, other in zip(alike.endowments, divided(examples(), "iid").endowments, strict=True):
        np.testing.assert_array_equal(one, other)


def test_sizes_fall_by_a_power_law():
    parts = divided(examples(), {"name": "sizes", "exponent": 1.0})
    assert len(owned(parts)) == COUNT
    sizes = [len(own) for own in parts.endowments]
    assert sizes == (1 + proportional([1, 1 / 2, 1 / 3, 1 / 4], 144 - 4)).tolist()
    counts = parts.class_counts(LABELS, 3)
    assert (np.abs(counts - counts.sum(axis=1, keepdims=True) / 3) <= 1).all()
    assert min(len(own) for own in divided(examples(), {"name": "sizes", "exponent": 9}, 140).endowments) == 1


@pytest.mark.parametrize("rule", ["by_owner", "auto"])
def test_the_data_say_who_owns_what(rule):
    owner = RNG.integers(0, 4, COUNT)
    data = examples(organisation=owner, organisation_names=("a", "b", "c", "d"))
    parts = divided(data, rule)
    assert len(owned(parts)) == COUNT
    assert [set(owner[own]) for own in parts.endowments] == [{0}, {1}, {2}, {3}]
    for one, other in zip(
        divided(examples(), "auto").endowments, divided(examples(), "iid").endowments, strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_owners_own_examples_of_their_task():
    """Two tasks by turns: the owners of the first are organisations 0 and 2, those of the second 1 and 3."""
    task = np.arange(COUNT) // 120
    owner = task * 2 + np.arange(COUNT) // 7 % 2
    data = examples(task_numbers=task, organisation=owner, organisation_names=("a", "b", "c", "d"))
    assert [set(owner[own]) for own in divided(data, "by_owner").endowments] == [{0}, {2}, {1}, {3}]
    mixed = examples(task_numbers=task, organisation=np.arange(COUNT) % 2, organisation_names=("a", "b"))
    with pytest.raises(DataError, match="must own examples of one task; got 'a' with examples of"):
        divided(mixed, "by_owner")


THREE = {"organisation": np.arange(COUNT) % 3, "organisation_names": ("north", "south", "west")}
FEW = {"organisation": (np.arange(COUNT) > 0) * 1, "organisation_names": ("tiny", "large")}


@pytest.mark.parametrize(
    ("data", "rule", "told"),
    [
        ({}, "by_owner", "data.endowment must be another rule where the data have no .* organisation"),
        (THREE, "by_owner", r"organisations must be 3, .* name \(north, south, west\), .*; got 4"),
        (THREE, "auto", "organisations must be 3"),
        (
            {},
            {"name": "by_feature", "feature": 3},
            "feature must be a place from 0 to 2, or a name among age",
        ),
        ({}, {"name": "by_feature", "feature": "weight"}, "a name among age, height, kind; got 'weight'"),
        (
            {"features": ()},
            {"name": "by_feature", "feature": "age"},
            "feature must be a place from 0 to 2; got 'age'",
        ),
        (
            {},
            {"name": "by_feature", "feature": "kind", "cut": "ranges"},
            "cut must be quantiles, or organisations fewer, .* organisation 1 got none",
        ),
    ],
)
def test_what_the_data_do_not_say_is_told_in_a_sentence(data, rule, told):
    with pytest.raises(DataError, match=told):
        divided(examples(**data), rule)


def test_an_owner_of_nothing_but_what_is_held_out_is_named():
    """The only example of one owner is in the validation or the test set of some replicate."""
    with pytest.raises(DataError, match=r"must keep an example beside .*; got 'tiny' with 1 in all"):
        [divided(examples(**FEW), "by_owner", 2, replicate) for replicate in range(20)]


def test_relative_sizes_do_not_go_with_owners():
    with pytest.raises(DataError, match=r"data.sizes must be empty where the data say .*; got \[2"):
        divided(examples(**THREE), "auto", 3, sizes=[2, 1])
    assert [len(own) for own in divided(examples(), "auto", 2, sizes=[2, 1]).endowments] == [96, 48]
