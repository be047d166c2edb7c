"""The benchmark: the fleet's batched computations against plain loops over organisations, in one run.

Both ways start from the same weights and see the same examples in the same order. They take turns, so that a
machine that warms up or is shared slows both alike; the ratio is taken turn by turn. Every turn also compares
their results: a fast way that computes something else stops the benchmark.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from agents.learning.stack.device import resolve_device
from experiments.benchmarks.learning import cost_figure, print_learning
from experiments.benchmarks.tables import save_table
from experiments.benchmarks.task import Floats, Task, task_count
from experiments.benchmarks.tasks import NETWORK_CHOICES, benchmark_tasks
from experiments.runs.machine import MEBIBYTE, TensorBytes, matrix_peak, peak_memory_mib, synchronise
from experiments.runs.progress import new_bar
from markets.refusals import InputError, require_least

ALLOWED_DIFFERENCE = 1e-3
"""Between the results of the two ways: nats an example, or cosine of the aligned parameters."""
SHORTEST_TURN = 0.02
"""Seconds: what takes less is done several times a turn, or it would be mostly noise."""


def run_benchmark(
    organisations: list[int],
    repeats: int,
    device: str,
    threads: int,
    output: Path | None,
    network: str = "mlp",
    markdown: bool = False,
) -> None:
    """Time both ways, print a table, and save ``benchmark.csv`` and ``benchmark.png`` if a folder is given.

    `benchmark_tasks` says what is computed.

    Parameters
    ----------
    organisations : list of int
        Numbers of organisations N, each >= 1. Cost: linear in their sum.
    repeats : int
        Timed turns of each task, after one that is not counted, >= 1.
    device : str
        Where both ways compute, for `resolve_device`.
    threads : int
        Threads of torch during the benchmark, >= 1.
    output : Path or None
        Folder for the table and the figure; made if need be.
    network : str
        One of `NETWORK_CHOICES`.
    markdown : bool
        Whether to print the ratios in Markdown, a column a number of organisations.

    Raises
    ------
    InputError
        If an argument is not as described.
    RuntimeError
        If the two ways give different results.
    """
    where = _validated(organisations, repeats, device, threads, output)
    if network not in NETWORK_CHOICES:
        raise InputError(f"network must be one of {', '.join(NETWORK_CHOICES)}; got {network!r}")
    sizes = sorted(set(organisations))
    rows = []
    with threads_of_torch(threads), new_bar() as progress:
        peak = matrix_peak(where)
        bar = progress.add_task("benchmark", total=sum(map(task_count, sizes)) * (repeats + 1))
        for size in sizes:
            for task in benchmark_tasks(size, where, network):
                progress.update(bar, description=f"{size} organisations: {task.name}")
                rows.append(_measured(task, size, repeats, where, partial(progress.advance, bar)))
        clock = clock_of(where)
    table = pd.DataFrame(rows)
    table = table.assign(
        peak_share=table.gflops / (peak / 1e9),
        peak_gflops=peak / 1e9,
        network=network,
        clock=clock,
        repeats=repeats,
        device=torch.cuda.get_device_name(where) if where.type == "cuda" else where.type,
        threads=threads,
        torch=torch.__version__,
        peak_memory_mib=peak_memory_mib(),
    )
    print_learning(table, markdown)
    save_table(output, "benchmark", table, cost_figure)


def _validated(
    organisations: list[int], repeats: int, device: str, threads: int, output: Path | None
) -> torch.device:
    if not organisations or min(organisations) < 1:
        raise InputError(f"organisations must be one or more whole numbers >= 1; got {organisations}")
    require_least(1, repeats=repeats, threads=threads)
    where = resolve_device(device)
    if output is not None:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"output must be a folder, or a place where one can be made; got {output}"
            ) from error
        if not os.access(output, os.W_OK):
            raise InputError(f"output must be a folder that can be written; got {output}")
    return where


def _measured(
    task: Task, size: int, repeats: int, device: torch.device, tick: Callable[[], None]
) -> dict[str, float | int | str]:
    """Return a row of the table: milliseconds an item, ratios turn by turn, and the largest difference."""
    seconds, difference, calls = np.empty((repeats + 1, 2)), 0.0, 1
    for turn in range(repeats + 1):
        if task.reset is not None:
            task.reset()
        elif turn:
            calls = max(1, math.ceil(SHORTEST_TURN / seconds[0].min()))
        seconds[turn, 0], plain = _timed(task.plain, calls, device)
        seconds[turn, 1], fleet = _timed(task.fleet, calls, device)
        apart = float(np.max(np.abs(plain - fleet) / task.scale))
        if not apart <= ALLOWED_DIFFERENCE:
            raise RuntimeError(
                f"{task.name} of {size} organisations must give the same in both ways, to "
                f"{ALLOWED_DIFFERENCE}; got a difference of {apart:.3g}"
            )
        difference = max(difference, apart)
        tick()
    for prepare in (task.reset, task.release):
        if prepare is not None:
            prepare()
    with TensorBytes() as counted:
        task.fleet()
    # the first turn pays for lazy initialisation and cold caches
    ratio = seconds[1:, 0] / seconds[1:, 1]
    plain_ms, fleet_ms = np.median(seconds[1:], axis=0) * 1e3 / task.items
    return {
        "task": task.name,
        "organisations": size,
        "item": task.item,
        "items": task.items,
        "plain_ms": float(plain_ms),
        "fleet_ms": float(fleet_ms),
        "ratio": float(np.median(ratio)),
        "ratio_min": float(ratio.min()),
        "ratio_max": float(ratio.max()),
        "difference": difference,
        "gflops": task.flops / (fleet_ms * task.items) / 1e6 if task.flops else math.nan,
        "fleet_tensors_mib": counted.peak / MEBIBYTE,
    }


def _timed(work: Callable[[], Floats], calls: int, device: torch.device) -> tuple[float, Floats]:
    """Return the seconds a call and what the last call returned."""
    now = time.process_time if clock_of(device) == "CPU" else time.perf_counter
    synchronise(device)
    start = now()
    for _ in range(calls):
        result = work()
    synchronise(device)
    return (now() - start) / calls, result


def clock_of(device: torch.device) -> str:
    """Return what is measured: CPU time where one thread does it all, for other programs share the cores."""
    return "CPU" if device.type == "cpu" and torch.get_num_threads() == 1 else "wall"


@contextmanager
def threads_of_torch(count: int) -> Iterator[None]:
    """Within this context torch has so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
