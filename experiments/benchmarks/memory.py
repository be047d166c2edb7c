"""The benchmark of memory: what computations on many large networks take, beside the budget they are given.

Whatever the number of organisations, the working memory of training, evaluation and trials stays under
`memory_budget_mb`: models are taken a few at a time, and the rows of one model in parts where even these
do not fit. What grows with the organisations is the stack of their models and moments alone.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from agents.learning import Data, Fleet, Offered, Pairs, try_blocks
from agents.learning.networks import Network
from agents.learning.networks.module import Module
from agents.learning.networks.resnet import ResNet
from agents.learning.stack.device import resolve_device
from agents.learning.stack.memory import FLOAT_BYTES
from agents.learning.training.optimisers import AdamW
from experiments.benchmarks.command import threads_of_torch
from experiments.benchmarks.tables import print_table, save_table
from experiments.runs.machine import MEBIBYTE, TensorBytes, peak_memory_mib, synchronise
from markets.refusals import require_least
from sim.streams import Streams

SHAPE, CLASSES, EXAMPLES, BATCH, BUDGET_MB, SEED = (3, 32, 32), 10, 512, 512, 512, 0
ADAPTED = Module(factory="experiments.benchmarks.own_mlp:adapted")
HEADINGS = ("network", "N", "stack, MiB", "task", "work", "seconds", "peak, MiB", "of budget", "process, MiB")


@dataclass(frozen=True)
class Case:
    """A network and how much of each computation to do.

    Parameters
    ----------
    name : str
        What the table calls the network.
    network : Network
        The network, for images of 32 x 32.
    organisations : int
        Models in the fleet.
    batch : int
        Examples that the first organisation trains on in one batch; the others train on two each.
    held : int
        Examples of an evaluation of all.
    pairs, tried : int
        Trials, each of one merge weight and on so many examples.
    """

    name: str
    network: Network
    organisations: int
    batch: int
    held: int
    pairs: int
    tried: int


def cases(organisations: int) -> list[Case]:
    """Return what is measured: residual networks of depth 22, of classical width and six times as wide.

    And adapters on a frozen base of a million parameters, which is held once.


    The wide one is what Huang, Vishwakarma and Sala (2023) call "ResNet20"; a few models suffice to show its
    working memory, and the table's remark says what a stack of as many as of the other would take.
    """
    return [
        Case("ResNet-20", ResNet(depth=22), organisations, BATCH, 16, 32, 64),
        Case(
            "ResNet-20, 6 times as wide", ResNet(depth=22, widen_factor=6), min(organisations, 4), 16, 4, 2, 8
        ),
        Case("adapters on one base", ADAPTED, organisations, 64, 16, 32, 64),
    ]


def run_memory_benchmark(
    organisations: int, device: str, threads: int, output: Path | None, markdown: bool = False
) -> None:
    """Measure the working memory, print a table, and save ``memory.csv`` if a folder is given.

    Parameters
    ----------
    organisations : int
        Models of classical width, >= 2; 256 of them take some two minutes of one CPU.
    device : str
        Where to compute, for `resolve_device`.
    threads : int
        Threads of torch during the benchmark, >= 1.
    output : Path or None
        Folder for the table; made if need be.
    markdown : bool
        Whether to print Markdown.

    Raises
    ------
    InputError
        If an argument is not as described.
    RuntimeError
        If a computation takes more than its budget.
    """
    require_least(2, organisations=organisations)
    require_least(1, threads=threads)
    where = resolve_device(device)
    with threads_of_torch(threads):
        table = pd.DataFrame([row for case in cases(organisations) for row in measured(case, where)])
    table = table.assign(budget_mib=float(BUDGET_MB), device=where.type, torch=torch.__version__)
    _show(table, organisations, markdown)
    save_table(output, "memory", table)
    over = table[table.tensors_mib > BUDGET_MB]
    if len(over):
        row = over.iloc[0]
        raise RuntimeError(
            f"{row.task} of {row.organisations} models ({row.network}) must take at most {BUDGET_MB} MiB; "
            f"took {row.tensors_mib:.0f}"
        )


def measured(case: Case, device: torch.device) -> list[dict[str, float | int | str]]:
    """Return a row of the table for training, evaluation and trials of one case."""
    architecture = case.network.bind(SHAPE, CLASSES)
    fleet = Fleet(architecture, case.organisations, AdamW(), str(device), BUDGET_MB)
    stream = Streams(SEED).stream("benchmark of memory")
    for slot in range(case.organisations):
        one = {name: leaf[None] for name, leaf in architecture.initial(stream).items()}
        fleet.set_parameters([slot], one)
    examples = max(case.batch, case.held, case.tried)
    inputs = torch.from_numpy(stream.random((examples, *SHAPE), dtype=np.float32)).to(device)
    labels = torch.from_numpy(stream.integers(0, CLASSES, examples)).to(device)
    stack = (1 + len(fleet.optimiser.decays)) * FLOAT_BYTES * architecture.parameter_count * fleet.slots
    rows = []
    for task, work, run in _computations(case, fleet, inputs, labels):
        synchronise(device)
        start = time.perf_counter()
        with TensorBytes() as counted:
            run()
        synchronise(device)
        rows.append(
            {
                "network": case.name,
                "organisations": case.organisations,
                "parameters": architecture.parameter_count,
                "stack_mib": stack / MEBIBYTE,
                "task": task,
                "work": work,
                "seconds": time.perf_counter() - start,
                "tensors_mib": counted.peak / MEBIBYTE,
                "process_mib": peak_memory_mib(),
            }
        )
    return rows


def _computations(
    case: Case, fleet: Fleet, inputs: torch.Tensor, labels: torch.Tensor
) -> list[tuple[str, str, Callable[[], object]]]:
    """Return name, amount and computation of every task."""
    everyone = np.arange(case.organisations)
    order = np.full((case.organisations, case.batch), -1, dtype=np.int64)
    order[:, :2], order[0] = [0, 1], np.arange(case.batch)
    buyer = np.arange(case.pairs) % case.organisations
    pairs = Pairs.of(buyer, (buyer + 1) % case.organisations)
    visits = Data(inputs=inputs, targets=labels, index=order)
    held, tried = (
        Data(inputs=inputs, targets=labels, index=np.arange(count)[None], group=np.zeros(n, dtype=np.int64))
        for count, n in ((case.held, case.organisations), (case.tried, case.pairs))
    )

    return [
        (
            "training",
            f"a batch of {case.batch}, others of 2",
            lambda: fleet.train(everyone, visits, case.batch),
        ),
        (
            "evaluation",
            f"{case.held} examples each",
            lambda: fleet.evaluate(everyone, held),
        ),
        (
            "trials",
            f"{case.pairs} pairs, {case.tried} examples",
            lambda: try_blocks(fleet, Offered(leaves=fleet.parameters), pairs, tried, [0, 0.5]),
        ),
    ]


def _show(table: pd.DataFrame, organisations: int, markdown: bool) -> None:
    rows = [
        [
            str(row.network),
            str(row.organisations),
            f"{row.stack_mib:,.0f}",
            str(row.task),
            str(row.work),
            f"{row.seconds:.1f}",
            f"{row.tensors_mib:.0f}",
            f"{row.tensors_mib / row.budget_mib:.0%}",
            f"{row.process_mib:,.0f}",
        ]
        for _, row in table.iterrows()
    ]
    largest = int(table.parameters.max())
    needed = 12 * largest * organisations / 2**30
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    remark = (
        "stack: all models and their moments; peak: of the tensors made beside it; process: the most it has "
        f"held so far. {organisations} models of {largest:,} parameters with two moments each would be a "
        f"stack of {needed:.1f} GiB; this machine has {has:.1f}. Their working memory would be the few's."
    )
    title = f"Working memory beside a budget of {BUDGET_MB} MiB: {table.device[0]}, torch {table.torch[0]}"
    print_table(HEADINGS, rows, "" if markdown else title, remark, markdown)
