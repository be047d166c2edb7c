import ctypes

import numpy as np
import pytest
import torch

from agents.learning import Data, Fleet
from agents.learning.networks.convnet import ConvNet
from agents.learning.networks.mlp import MLP
from agents.learning.training.optimisers import AdamW
from experiments.runs import allocator
from experiments.runs.machine import TensorBytes, matrix_peak, peak_memory_mib


def test_bytes_of_tensors_are_counted_while_they_live() -> None:
    outside = torch.ones(1000)
    with TensorBytes() as counted:
        outside.add_(1)
        view = outside[10:]
        assert (counted.now, counted.peak) == (0, 0)  # nothing was made
        first = torch.ones(1000)
        part = first.view(10, 100)[3:]
        assert counted.now == 4000  # a view has no memory of its own
        second = part + 1
        assert counted.now == 4000 + 4 * 700
        del first, view
        assert counted.now == 4000 + 4 * 700  # `part` still holds the first one's memory
        del part
        assert counted.now == 4 * 700
        for _ in range(5):
            second = second * 2
    assert counted.peak == 4000 + 4 * 700
    del second
    assert counted.now == 0


def test_the_peak_of_matrix_products_is_a_speed() -> None:
    # a processor does between a hundred million and a hundred million million operations a second
    assert 1e8 < matrix_peak(torch.device("cpu")) < 1e14
    assert peak_memory_mib() > 50


@pytest.mark.parametrize("kind", ["mlp", "convnet"])
def test_training_many_models_stays_within_the_memory_budget(kind: str) -> None:
    rng, budget, slots = np.random.default_rng(0), 2, 96
    network = MLP(widths=[64, 64]) if kind == "mlp" else ConvNet(channels=[8])
    architecture = network.bind((1, 8, 8), 10)
    inputs = torch.from_numpy(rng.random((100, 1, 8, 8), dtype=np.float32))
    labels = torch.from_numpy(rng.integers(0, 10, 100))
    order = rng.integers(0, 100, (slots, 64))
    starts = [architecture.initial(rng) for _ in range(slots)]
    peaks = []
    fleets = [Fleet(architecture, slots, AdamW(), "cpu", megabytes) for megabytes in (budget, 512)]
    for fleet in fleets:
        fleet.load(starts)
        with TensorBytes() as counted:
            fleet.train(np.arange(slots), Data(inputs, labels, order), 32)
        peaks.append(counted.peak / 2**20)
    # the estimates are meant to be right to a factor of two
    assert peaks[0] <= 2 * budget < peaks[1]
    for name, leaf in fleets[0].parameters.items():
        assert torch.equal(leaf, fleets[1].parameters[name])


def test_memory_that_is_freed_is_kept_where_glibc_can(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[int, int] = {}

    class Library:
        @staticmethod
        def mallopt(setting: int, value: int) -> int:
            asked[setting] = value
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "12345")
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    assert allocator.keep_freed_memory()
    assert asked == {-3: 32 * 2**20, -1: 12345}  # what the user has set stays
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not allocator.keep_freed_memory()
