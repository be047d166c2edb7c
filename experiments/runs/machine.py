"""What a machine can do at best, and what a computation takes of it."""

import resource
import sys
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MEBIBYTE = 2**20
PEAK_SIZE, PEAK_TURNS = 768, 12
CPU_BUDGET_MB = 512


def matrix_peak(device: torch.device) -> float:
    """Return the speed of large matrix products in float32, operations a second: the best of several."""
    left, right = (torch.ones(PEAK_SIZE, PEAK_SIZE, device=device) for _ in range(2))
    best = min(_seconds(lambda: left @ right, device) for _ in range(PEAK_TURNS))
    return 2 * PEAK_SIZE**3 / best


def working_budget_mb(device: torch.device) -> float:
    """Return how many mebibytes a benchmark lets computations use: half of what an accelerator has free."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 2 / MEBIBYTE
    return CPU_BUDGET_MB


def synchronise(device: torch.device) -> None:
    """Wait until a device has done what it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_memory_mib() -> float:
    """Return the most memory that this process has held so far, in mebibytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux kibibytes
    return round(peak / (MEBIBYTE if sys.platform == "darwin" else 2**10), 1)


class TensorBytes(TorchDispatchMode):
    """Within this context, counts the bytes of the tensors that are made.

    What an operation needs inside and gives back before it ends is not seen. Counting takes time: never time
    what is counted.

    Attributes
    ----------
    now, peak : int
        Bytes of the tensors made since the start that are alive, now and at the most.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Do an operation and note the storages among its results that are new."""
        inputs = {_storage(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        results = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(results):
            if isinstance(leaf, Tensor) and _storage(leaf) not in inputs:
                self._note(leaf)
        return results

    def _note(self, leaf: Tensor) -> None:
        storage, key = leaf.untyped_storage(), _storage(leaf)
        if key in self._known:
            return
        self._known.add(key)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def _storage(leaf: Tensor) -> int:
    return int(leaf.untyped_storage()._cdata)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    start = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - start
