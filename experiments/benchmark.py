"""The benchmark: the fleet's batched computations against plain loops over organisations, in one run.

Both ways start from the same weights and see the same examples in the same order. They take turns, so that a
machine that warms up or is shared slows both alike; the ratio is taken turn by turn. Every turn also compares
their results: a fast way that computes something else stops the benchmark.

Core Objects: run_benchmark
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
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from agents.learning.device import resolve_device
from experiments.benchmark_tasks import TASKS, Floats, Task, benchmark_tasks
from experiments.machine import MEBIBYTE, TensorBytes, matrix_peak, peak_memory_mib, synchronise
from sim.records import write_atomically

ALLOWED_DIFFERENCE = 1e-3
"""Between the results of the two ways: nats an example, or cosine of the aligned parameters."""
SHORTEST_TURN = 0.02
"""Seconds: what takes less is done several times a turn, or it would be mostly noise."""
TABLE_WIDTH = 140
"""Columns that the table needs; narrower terminals and pipes get long lines instead of cut numbers."""
# Okabe and Ito (2008), told apart with any colour vision; shape says the same once more.
STYLES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#000000", "v"))


def run_benchmark(
    organisations: list[int], repeats: int, device: str, threads: int, output: Path | None
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

    Raises
    ------
    ValueError
        If an argument is not as described.
    RuntimeError
        If the two ways give different results.
    """
    where = _validated(organisations, repeats, device, threads, output)
    sizes = sorted(set(organisations))
    rows = []
    with threads_of_torch(threads), _progress() as progress:
        peak = matrix_peak(where)
        bar = progress.add_task("benchmark", total=sum(map(_task_count, sizes)) * (repeats + 1))
        for size in sizes:
            for task in benchmark_tasks(size, where):
                progress.update(bar, description=f"{size} organisations: {task.name}")
                rows.append(_measured(task, size, repeats, where, partial(progress.advance, bar)))
    table = pd.DataFrame(rows)
    table = table.assign(
        peak_share=table.gflops / (peak / 1e9),
        peak_gflops=peak / 1e9,
        repeats=repeats,
        device=_device_name(where),
        threads=threads,
        torch=torch.__version__,
        peak_memory_mib=peak_memory_mib(),
    )
    _show(table)
    if output is not None:
        write_atomically(output / "benchmark.csv", partial(table.to_csv, index=False))
        write_atomically(output / "benchmark.png", partial(_figure(table).savefig, format="png", dpi=150))


def _validated(
    organisations: list[int], repeats: int, device: str, threads: int, output: Path | None
) -> torch.device:
    if not organisations or min(organisations) < 1:
        raise ValueError(f"organisations must be one or more whole numbers >= 1; got {organisations}")
    for name, value in (("repeats", repeats), ("threads", threads)):
        if value < 1:
            raise ValueError(f"{name} must be a whole number >= 1; got {value}")
    where = resolve_device(device)
    if output is not None:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"output must be a folder, or a place where one can be made; got {output}"
            ) from error
        if not os.access(output, os.W_OK):
            raise ValueError(f"output must be a folder that can be written; got {output}")
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
    if task.reset is not None:
        task.reset()
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
    synchronise(device)
    start = time.perf_counter()
    for _ in range(calls):
        result = work()
    synchronise(device)
    return (time.perf_counter() - start) / calls, result


@contextmanager
def threads_of_torch(count: int) -> Iterator[None]:
    """Within this context torch has so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


def _task_count(size: int) -> int:
    return len(TASKS) if size > 1 else len(TASKS) - 2  # one organisation has no pairs


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _show(table: pd.DataFrame) -> None:
    run = table.iloc[0]
    shown = Table(
        title=f"Fleet against plain loops: {run.device}, {run.threads} thread(s), torch {run.torch}, "
        f"peak memory {run.peak_memory_mib:.0f} MiB",
        caption=f"ratio: plain / fleet, median of {run.repeats}, above 1 the fleet is faster; "
        "ms: median, an item (training: an epoch); peak: float32 matrix products at "
        f"{run.peak_gflops:.0f} GFLOP/s in this run; MiB: the fleet's tensors beside data and models",
    )
    headings = ["task", "N", "items timed", "plain ms", "fleet ms", "ratio", "min - max"]
    for heading in (*headings, "GFLOP/s", "of peak", "MiB", "difference"):
        shown.add_column(heading, justify="left" if heading == "task" else "right", no_wrap=True)
    for row in table.itertuples():
        shown.add_row(
            str(row.task),
            str(row.organisations),
            f"{row.items} {row.item}{'s' * (row.items != 1)}",
            f"{row.plain_ms:.3f}",
            f"{row.fleet_ms:.3f}",
            f"{row.ratio:.2f}",
            f"{row.ratio_min:.2f} - {row.ratio_max:.2f}",
            f"{row.gflops:.1f}".replace("nan", ""),
            f"{row.peak_share:.0%}".replace("nan%", ""),
            f"{row.fleet_tensors_mib:.1f}",
            f"{row.difference:.0e}",
        )
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    console.print(shown)


def _figure(table: pd.DataFrame) -> Figure:
    """Return the ratio against the number of organisations, a line a task, bars from least to greatest."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for name, rows in table.groupby("task", sort=False):
        colour, marker = STYLES[TASKS.index(str(name))]
        bars = [rows.ratio - rows.ratio_min, rows.ratio_max - rows.ratio]
        axes.errorbar(
            rows.organisations, rows.ratio, bars, color=colour, marker=marker, capsize=3, label=str(name)
        )
    axes.axhline(1, color="0.5", linewidth=1, linestyle="--")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    sizes = sorted(set(table.organisations))
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("organisations")
    axes.set_ylabel("time of plain loops / time of the fleet")
    axes.set_title(f"{table.device[0]}, {table.threads[0]} thread(s), torch {table.torch[0]}", fontsize=9)
    axes.legend(frameon=False)
    return figure
