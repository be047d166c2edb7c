"""The memory of a computation stays within its budget, however many organisations there are."""

import weakref
from types import TracebackType
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from agents.learning import Data, Offered, Pairs, try_blocks
from agents.learning.alignment.base import Unaligned
from agents.learning.networks import Architecture
from agents.learning.networks.resnet import ResNet
from agents.learning.networks.vgg import VGG
from agents.learning.stack import memory
from tests.agents.learning.conftest import EXAMPLES, SHAPE, fleet_of, models, named, orders

Examples = tuple[torch.Tensor, torch.Tensor]
NETWORKS = {
    "resnet": ResNet(depth=10, channels=8).bind(SHAPE, 3),
    "vgg": VGG(stages=[[8, 8], [16]]).bind(SHAPE, 3),
}


class Peak(TorchDispatchMode):
    """Most bytes that tensors made inside the context held together."""

    def __enter__(self) -> "Peak":
        self.live: dict[int, int] = {}
        self.bytes = self.peak = 0
        return super().__enter__()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = {
            t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)
        }
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in given and storage._cdata not in self.live:
                    self.live[storage._cdata] = storage.nbytes()
                    self.bytes += storage.nbytes()
                    weakref.finalize(storage, self._freed, storage._cdata)
        self.peak = max(self.peak, self.bytes)
        return out

    def _freed(self, key: int) -> None:
        self.bytes -= self.live.pop(key, 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)


def peak_of(network: str, slots: int, examples: Examples, budget_mb: float) -> list[float]:
    """Return the peak MiB of training, evaluation and trials."""
    fleet = fleet_of(NETWORKS[network], slots, memory_budget_mb=budget_mb)
    order, index = orders([12] * slots), np.arange(48)[None]
    everyone, group = np.arange(slots), np.zeros(slots, np.int64)
    offered, peaks = models(NETWORKS[network], slots, seed=1), []
    pairs, data = Pairs.of(everyone, everyone[::-1]), Data(*examples, index, group)
    for work in (
        lambda: fleet.train(everyone, Data(*examples, order), 12),
        lambda: fleet.evaluate(everyone, data),
        lambda: try_blocks(fleet, Offered(offered), pairs, data, [0, 0.5, 1], alignment=Unaligned()),
    ):
        with Peak() as found:
            work()
        peaks.append(found.peak / 2**20)
    return peaks


@pytest.mark.parametrize("network", named(*NETWORKS))
def test_the_peak_follows_the_budget_and_not_the_number_of_organisations(
    network: str, examples: Examples
) -> None:
    budget = 1.0
    few, many = (peak_of(network, slots, examples, budget) for slots in (3, 7))
    free = peak_of(network, 7, examples, 512)
    for task, (small, large, unbounded) in enumerate(zip(few, many, free, strict=True)):
        # a trial's stems and its passes may each take a budget, and the estimates are not exact
        assert large < 3 * budget, task
        assert large < 1.5 * small, task
        assert unbounded > 1.5 * large, task


@pytest.mark.parametrize("network", named(*NETWORKS))
def test_rows_in_parts_give_the_same_up_to_rounding(
    network: str, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = NETWORKS[network]
    index, group, grid = np.arange(EXAMPLES)[None], np.zeros(4, np.int64), [0, 0.3, 1]

    def play(slots: list[int]) -> list[np.ndarray]:
        fleet = fleet_of(architecture, 4)
        lengths = np.array([50, 37, 5, 20])[slots].tolist()
        order = np.full((len(slots), 50), -1)
        for row, length in enumerate(lengths):
            order[row, :length] = np.random.default_rng(slots[row]).permutation(EXAMPLES)[:length]
        loss, _ = fleet.train(slots, Data(*examples, order), 48)
        offered, data = Offered(models(architecture, 4, seed=1)), Data(*examples, index, group[slots])
        trials = try_blocks(fleet, offered, Pairs.of(slots, slots[::-1]), data, grid, alignment=Unaligned())
        evaluated = fleet.evaluate(slots, data)
        leaves = [fleet.models[name][slots].flatten().numpy() for name in fleet.models]
        return [loss, trials.losses, *evaluated, np.concatenate(leaves)]

    whole = play([0, 1, 2, 3])
    monkeypatch.setattr(memory, "PASS_BYTES", bytes_of(architecture, 16))
    parts = play([0, 1, 2, 3])
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    # a part is a function of the architecture: who else is in the batch changes no bit
    alone = play([2])
    assert alone[0][0] == parts[0][2]
    assert alone[2][0] == parts[2][2]


def bytes_of(architecture: Architecture, rows: int) -> int:
    size = 2 * architecture.activation_count + architecture.input_size
    return memory.FLOAT_BYTES * size * rows


def test_rows_at_once_are_whole_lines_or_few(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, architecture = torch.device("cpu"), NETWORKS["resnet"]
    for rows, expected in ((0, 1), (1, 1), (7, 7), (16, 16), (31, 16), (100, 96)):
        monkeypatch.setattr(memory, "PASS_BYTES", bytes_of(architecture, rows))
        assert memory.training_rows(architecture, 1000, cpu) == expected
        assert memory.training_rows(NETWORKS["vgg"], 1000, cpu) == 1000
    wide = ResNet(depth=22, widen_factor=6).bind((3, 32, 32), 10)
    assert memory.training_bytes(wide, 512, cpu) < 512 * 2**20
