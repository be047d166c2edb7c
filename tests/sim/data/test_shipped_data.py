"""Data that need no download: MNIST-1D by its recipe, tables of scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression

from sim.config.data import DataConfig, load_examples
from sim.data.datasets import DATASETS, mnist1d
from sim.data.division import divide
from sim.streams import Streams


def test_mnist1d_is_as_hard_as_published():
    """Greydanus and Kobak (2020), table 1: logistic regression is right on 32%, of 1,000, after 4,000."""
    found = load_examples(DataConfig(dataset="mnist1d"))
    assert found.inputs.shape == (5000, 1, 1, 40)
    assert np.bincount(found.labels).tolist() == [500] * 10
    assert (found.inputs.mean(), found.inputs.std()) == (
        pytest.approx(0, abs=0.02),
        pytest.approx(1, abs=0.02),
    )
    series = found.inputs.reshape(5000, 40)
    model = LogisticRegression(max_iter=100).fit(series[:4000], found.labels[:4000])
    assert 0.28 < model.score(series[4000:], found.labels[4000:]) < 0.36
    again = DATASETS.build({"name": "mnist1d", "count": 5000}).load()
    np.testing.assert_array_equal(again.inputs, found.inputs)


def test_a_series_of_mnist1d_is_a_line_that_was_stretched_and_moved(monkeypatch):
    """Without noise, shear and change of height: what np.interp makes of the padded line, rolled."""
    for name in ("STRETCH", "SHEAR", "SMOOTH_NOISE", "PLAIN_NOISE"):
        monkeypatch.setattr(mnist1d, name, 0.0)
    lines = mnist1d.templates()
    assert lines.shape == (10, 12)
    np.testing.assert_allclose(lines.std(axis=1), 1 / 6)
    np.testing.assert_allclose(lines[:, [0, -1]], 0, atol=1e-12)
    found = mnist1d.drawn(lines, np.random.default_rng(5))
    for line, series in zip(lines, found, strict=True):
        candidates = []
        for pad in range(36, 61):
            padded = np.concatenate([line, np.zeros(pad)])
            stretched = np.interp(np.linspace(0, 1, 72), np.linspace(0, 1, 12 + pad), padded)
            for shift in range(48):
                rolled = np.roll(stretched, shift)
                candidates.append(np.interp(np.linspace(0, 1, 40), np.linspace(0, 1, 72), rolled))
        assert np.abs(np.array(candidates) - series).max(axis=1).min() < 1e-12


@pytest.mark.parametrize(
    ("table", "shape", "kind"),
    [
        ("breast_cancer", (569, 30), "classification"),
        ("wine", (178, 13), "classification"),
        ("iris", (149, 4), "classification"),
        ("diabetes", (442, 10), "regression"),
    ],
)
def test_tables_of_scikit_learn(table, shape, kind):
    found = load_examples(DataConfig(dataset={"name": "tabular", "table": table}))
    assert (found.inputs.shape, found.kind) == (shape, kind)
    assert len(found.features) == shape[1]
    if table == "iris":
        assert found.class_names == ["setosa", "versicolor", "virginica"]
        assert len(np.unique(load_iris().data, axis=0)) == len(np.unique(found.inputs, axis=0)) == 149
    if table == "diabetes":
        np.testing.assert_array_equal(found.targets, load_diabetes().target.astype(np.float32))
        assert found.vocabulary == ("progression",)
        parts = divide(found, DataConfig(), 60, Streams(0), 0)
        assert {len(own) for own in parts.endowments} == {4, 5}  # though no stratum has one for each of 60
        assert found.inputs[:, 0].max() == 79  # years, not in units that validation examples had a say in
