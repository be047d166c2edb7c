"""Units of inputs and of numbers to be foretold: found from endowments alone, each replicate's own."""

import numpy as np
import pytest

from sim.config.data import DataConfig
from sim.data.datasets import DataError, Examples
from sim.data.division import divide
from sim.data.scaling import scaled
from sim.streams import Streams

COUNT = 120
RNG = np.random.default_rng(0)
TABLE = RNG.normal([5, -3, 0, 7], [2, 0.1, 1, 0], (COUNT, 4)).astype(np.float32)
SERIES = RNG.normal(3, 2, (COUNT, 2, 5)).astype(np.float32)
NAMES = ["a", "b"]
LABELS = np.arange(COUNT) % 2


def divisions(examples, replicates=2, config=None):
    return {r: divide(examples, config or DataConfig(), 3, Streams(0), r) for r in range(replicates)}


@pytest.mark.parametrize("inputs", [TABLE, SERIES, SERIES[..., None]])
def test_inputs_are_measured_in_units_of_what_organisations_own(inputs):
    """Whatever validation and test examples are, what organisations see of their own does not change."""
    examples = Examples(inputs, LABELS, 2, NAMES, "a test")
    parts = divisions(examples)
    found = scaled(examples, True, parts)
    axes = (0, *range(2, inputs.ndim))
    for r, part in parts.items():
        own = np.concatenate(found.divisions[r].endowments)
        seen = found.inputs[own]
        np.testing.assert_allclose(seen.mean(axes), 0, atol=1e-5)
        assert np.allclose(seen.std(axes), [1, 1, 1, 0] if inputs is TABLE else 1, atol=1e-5)
        np.testing.assert_array_equal(found.labels[own], LABELS[np.concatenate(part.endowments)])
        other = inputs.copy()
        other[np.concatenate([part.validation[0], part.test[0]])] *= 1000
        again = scaled(Examples(other, LABELS, 2, NAMES, "a test"), True, {r: part})
        np.testing.assert_array_equal(
            again.inputs[again.divisions[r].endowments[0]], found.inputs[found.divisions[r].endowments[0]]
        )
        assert found.scalings[r].told() == again.scalings[r].told()
    assert found.scalings[0].told() != found.scalings[1].told()
    np.testing.assert_array_equal(found.divisions[1].test - COUNT, parts[1].test)


def test_categories_and_what_never_differs_keep_their_units():
    examples = Examples(TABLE, LABELS, 2, NAMES, "a test", numbers=np.array([True, False, False, True]))
    found = scaled(examples, True, divisions(examples, 1))
    np.testing.assert_array_equal(found.inputs[:, 1:3], TABLE[:, 1:3])
    np.testing.assert_allclose(found.inputs[:, 3], 0)


def test_what_needs_no_units_is_not_copied():
    examples = Examples(TABLE, LABELS, 2, NAMES, "a test")
    found = scaled(examples, False, divisions(examples))
    assert found.inputs is examples.inputs
    assert found.scalings[1].told() is None


def test_numbers_to_be_foretold_are_measured_in_units_of_the_endowments():
    right = (TABLE[:, 0] * 100).astype(np.float32)
    examples = Examples(
        TABLE, LABELS, 2, NAMES, "a test", kind="regression", targets=right, vocabulary=("y",)
    )
    found = scaled(examples, False, divisions(examples))
    for division in found.divisions.values():
        own = found.targets[np.concatenate(division.endowments)]
        assert (abs(own.mean()), own.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))
    told = found.scalings[0].told()
    assert told is not None
    assert set(told) == {"target_mean", "target_deviation"}
    assert found.targets.dtype == np.float32


def test_tokens_have_no_units():
    tokens = np.arange(COUNT * 3).reshape(COUNT, 3) % 7
    examples = Examples(
        tokens, LABELS * 0, 1, ["all"], "", kind="next_token", targets=tokens, vocabulary=tuple("abcdefg")
    )
    found = scaled(examples, True, divisions(examples))
    assert found.inputs is examples.inputs
    assert found.targets is examples.targets


FLOATS = TABLE[:2]
TOKENS = np.zeros((2, 3), np.int64)


@pytest.mark.parametrize(
    ("inputs", "fields", "told"),
    [
        (
            FLOATS,
            {"kind": "ranking"},
            "kind must be one of classification, next_token, .*; got 'ranking'",
        ),
        (FLOATS, {"kind": "regression"}, "targets must be given for regression; got none"),
        (FLOATS, {"kind": "regression", "targets": np.zeros(2)}, r"targets must be float32 of shape \(2,\)"),
        (
            FLOATS,
            {"kind": "regression", "targets": np.array([0, np.inf], np.float32)},
            "targets must be finite numbers; got inf in row 1",
        ),
        (FLOATS, {"kind": "next_token"}, r"inputs must be int64 of shape \[E, T\]"),
        (TOKENS, {}, r"inputs must be float32 of shape \[E, ...\]"),
        (
            TOKENS + 2,
            {"kind": "next_token", "vocabulary": ("a",)},
            r"inputs must be tokens 0\.\.0, .*; got 2",
        ),
        (
            TOKENS,
            {"kind": "next_token", "vocabulary": ("a",), "targets": TOKENS[:, 1:]},
            r"targets must be int64 tokens of shape \(2, 3\)",
        ),
        (
            TOKENS,
            {"kind": "next_token", "vocabulary": ("a",), "targets": TOKENS - 1},
            r"targets must be tokens 0\.\.0, .*; got -1 to -1",
        ),
        (FLOATS, {"organisation": np.zeros(3, np.int64)}, r"organisation must be int64 of shape \(2,\)"),
        (FLOATS, {"task_numbers": np.array([-1, 0])}, "task_numbers must be int64 .* none negative"),
    ],
)
def test_examples_of_any_task_are_checked_at_the_door(inputs, fields, told):
    with pytest.raises(DataError, match=told):
        Examples(inputs, np.array([0, 1]), 2, NAMES, "a test", **fields)
