"""The loss between two models of one module, as they are and aligned by what a trace of it finds.

Two models start from different weights and train on the same digits. On the straight line between them the
loss rises; the barrier is what it is half way above the mean of both ends. Weight matching by the derived
symmetries brings the second model into the first one's order of units.

Source: Ainsworth, Hayase and Srinivasa (2023), "Git Re-Basin", section 4, which measures barriers so.

Core Objects: run_barriers, barriers_of
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from agents.learning import Data, Fleet, Offered, Pairs, try_blocks
from agents.learning.alignment.base import Alignment, Unaligned
from agents.learning.alignment.weight_matching import WeightMatching
from agents.learning.networks.module import Module
from agents.learning.training.optimisers import AdamW
from experiments.benchmarks.tables import print_table, save_table
from experiments.findings.statistics import interval
from experiments.runs.progress import new_bar
from markets.refusals import require_least
from sim.config.data import DataConfig, load_examples
from sim.data.division import divide
from sim.laboratory.evidence import shuffled
from sim.streams import Streams

Row = dict[str, float | int | str]
OURS = tuple(
    f"experiments.studies.barriers.networks:{name}" for name in ("mlp", "resnet", "VisionTransformer", "LSTM")
)
ALIGNMENTS: dict[str, Alignment] = {"none": Unaligned(), "weight_matching": WeightMatching()}
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
BATCH, RATE = 32, 0.003
HEADINGS = (
    "module",
    "permutations",
    "loss alone",
    "half way, as they are",
    "half way, aligned",
    "barrier, as they are",
    "barrier, aligned",
)


def run_barriers(
    factories: Sequence[str],
    epochs: int,
    replicates: int,
    seed: int,
    output: Path | None,
    markdown: bool = False,
) -> None:
    """Measure, print a table, and save it as ``barriers.csv`` (a row a replicate) if a folder is given.

    Parameters
    ----------
    factories : sequence of str
        What makes modules, as ``./nets.py:make``; by default those of `networks`.
    epochs : int
        Passes of training, >= 1.
    replicates : int
        Pairs of starts, with divisions of the digits of their own, >= 2.
    seed : int
        Of all draws.
    output : Path or None
        Folder for the table; made if need be.
    markdown : bool
        Whether to print Markdown.

    Raises
    ------
    InputError
        If an argument is not as described.
    """
    require_least(1, epochs=epochs)
    require_least(2, replicates=replicates)
    rows: list[Row] = []
    chosen = list(factories) or list(OURS)
    with new_bar() as progress:
        bar = progress.add_task("barriers", total=len(chosen) * replicates)
        for factory in chosen:
            for replicate in range(replicates):
                progress.update(bar, description=factory.rpartition(":")[2])
                rows += barriers_of(factory, epochs, Streams(seed), replicate)
                progress.advance(bar)
    table = pd.DataFrame(rows)
    print_table(HEADINGS, list(_lines(table)), markdown=markdown)
    save_table(output, "barriers", table)


def barriers_of(factory: str, epochs: int, streams: Streams, replicate: int) -> list[Row]:
    """Return a row an alignment: validation losses of both models and between them, nats an example."""
    config = DataConfig(endowment="iid")
    examples = load_examples(config)
    parts = divide(examples, config, 1, streams, replicate)
    inputs, labels = torch.as_tensor(examples.inputs), torch.as_tensor(examples.labels)
    architecture = Module(factory=factory).for_task(examples.task)
    fleet = Fleet(architecture, 2, AdamW(lr=RATE), "cpu")
    fleet.load([architecture.initial(streams.stream("initial weights", replicate, one)) for one in (0, 1)])
    both = np.arange(2)
    for epoch in range(epochs):
        order = shuffled([parts.endowments[0]] * 2, streams.stream("batches", replicate, epoch))
        seeds = streams.stream("dropout", replicate, epoch).integers(2**63, size=2)
        fleet.train(both, Data(inputs=inputs, targets=labels, index=order, seeds=seeds), BATCH)
    pairs, group = Pairs.of([0, 1], [1, 0]), np.zeros(2, dtype=np.int64)
    held = Data(inputs=inputs, targets=labels, index=parts.validation, group=group)
    offered = Offered(leaves=fleet.copy_of(both))
    rows: list[Row] = []
    for name, alignment in ALIGNMENTS.items():
        losses = try_blocks(fleet, offered, pairs, held, WEIGHTS, alignment=alignment).losses.mean(0)
        alone = float(losses[[0, -1]].mean())
        half_way = float(losses[len(WEIGHTS) // 2])
        rows.append(
            {
                "module": factory,
                "permutations": len(architecture.permutations),
                "replicate": replicate,
                "alignment": name,
                "alone": alone,
                "half_way": half_way,
                "barrier": half_way - alone,
            }
        )
    return rows


def _lines(table: pd.DataFrame) -> Iterator[list[str]]:
    for module, rows in table.groupby("module", sort=False):
        apart, aligned = (rows[rows.alignment == name] for name in ALIGNMENTS)
        yield [
            str(module).rpartition(":")[2],
            str(rows.permutations.iloc[0]),
            f"{apart.alone.mean():.3f}",
            *(f"{found.half_way.mean():.3f}" for found in (apart, aligned)),
            *(str(_interval(found.barrier)) for found in (apart, aligned)),
        ]


def _interval(values: pd.Series) -> str:
    found = interval(values)
    return f"{found.mean:.3f} ± {found.high - found.mean:.3f}"
