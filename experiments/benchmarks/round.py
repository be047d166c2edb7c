"""The benchmark of a whole round: the fleet against the way in which the published code works.

The round is that of Huang, Vishwakarma and Sala (2023): two organisations with an MLP 784-32-32-32-16-10 each
have most examples of one half of the classes. They train for an epoch in batches of 512 with Adam, align the
other's model, try ten merge weights, buy what lowers the loss, and are tested. Both ways start from the same
weights, see the same examples in the same order, and must find the same losses. One thread of the CPU works,
and the time that it works is what counts: on a shared machine, other programs' turns do not.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from agents.learning import Data, Fleet, Offered, Pairs, merge, try_blocks
from agents.learning.networks.mlp import MLP, MLPArchitecture
from agents.learning.operators.interpolation import Interpolation
from agents.learning.training.flops import trial_flops
from agents.learning.training.optimisers import AdamW
from experiments.benchmarks.command import ALLOWED_DIFFERENCE, threads_of_torch
from experiments.benchmarks.plain_market import Images, PublishedMarket, normalised
from experiments.benchmarks.tables import print_table, save_table
from experiments.runs.machine import MEBIBYTE, TensorBytes, matrix_peak, peak_memory_mib
from markets.columns import Floats, Ints
from markets.refusals import require_least
from sim.config.data import DataConfig, load_examples
from sim.streams import Streams

ORGANISATIONS, BATCH, LEARNING_RATE, KEPT, SEED = 2, 512, 0.01, 0.1, 0
TRAINING, HELD = 12_000, 2_000
WEIGHTS = tuple(0.05 + 0.1 * step for step in range(10))
PHASES = ("training", "trials", "tests")
MOST_SHIFT = 2


@dataclass(frozen=True)
class RoundData:
    """Images of bytes ``[E, 28, 28]``, their classes ``[E]``, who visits which, and which are held out."""

    pixels: Tensor
    labels: Tensor
    visits: list[Ints]
    held: Ints


@dataclass(frozen=True)
class Timed:
    """Seconds of each phase, and the losses and accuracies found on the way."""

    seconds: Floats
    found: Floats


def run_round_benchmark(repeats: int, output: Path | None, markdown: bool = False) -> None:
    """Time both ways, print a table, and save ``round.csv`` if a folder is given.

    Parameters
    ----------
    repeats : int
        Timed turns, after one that is not counted, >= 1; a turn takes some seconds.
    output : Path or None
        Folder for the table; made if need be.
    markdown : bool
        Whether to print Markdown.

    Raises
    ------
    InputError
        If an argument is not as described.
    RuntimeError
        If the two ways give different results.
    """
    require_least(1, repeats=repeats)
    with threads_of_torch(1):
        table = round_table(round_data(TRAINING, HELD), repeats).assign(
            torch=torch.__version__, peak_memory_mib=peak_memory_mib()
        )
    _show(table, markdown)
    save_table(output, "round", table)


def round_data(training: int, held: int) -> RoundData:
    """Return enlarged digits, moved by up to two pixels each way, so that they are as many as asked for.

    An organisation visits all training examples of its half of the classes and a tenth of the others.
    """
    rng = Streams(SEED).stream("benchmark of a round")
    examples = load_examples(DataConfig(dataset="digits28"))
    count, side = training + held, examples.inputs.shape[-1]
    chosen = rng.integers(0, len(examples.labels), count)
    shifts = rng.integers(-MOST_SHIFT, MOST_SHIFT + 1, (2, count))
    down, right = ((np.arange(side) + shift[:, None]) % side for shift in shifts)
    images = examples.inputs[chosen, 0][np.arange(count)[:, None, None], down[:, :, None], right[:, None, :]]
    labels = examples.labels[chosen]
    half = labels[:training] * ORGANISATIONS // examples.classes
    visits = []
    for organisation in range(ORGANISATIONS):
        own, other = (np.flatnonzero((half == organisation) == mine) for mine in (True, False))
        kept = rng.permutation(other)[: round(KEPT * len(other))]
        visits.append(rng.permutation(np.concatenate([own, kept])))
    pixels = torch.from_numpy(np.rint(images * 255).astype(np.uint8))
    return RoundData(
        pixels=pixels, labels=torch.from_numpy(labels), visits=visits, held=np.arange(training, count)
    )


def round_table(data: RoundData, repeats: int) -> pd.DataFrame:
    """Return the times of both ways, phase by phase and of the whole round: a row each."""
    architecture = MLP(widths=[32, 32, 32, 16]).bind((1, *data.pixels.shape[1:]), 10)
    starts = [architecture.initial(Streams(SEED).stream("initial weights", i)) for i in range(ORGANISATIONS)]
    fleet_round, published = (
        FleetRound(architecture, starts, data),
        PublishedRound(architecture, starts, data),
    )
    seconds, difference = np.empty((repeats + 1, 2, len(PHASES))), 0.0
    for turn in range(repeats + 1):
        ways = published.play(), fleet_round.play()
        difference = max(difference, float(np.abs(ways[0].found - ways[1].found).max()))
        if not difference <= ALLOWED_DIFFERENCE:
            raise RuntimeError(
                f"a round must give the same in both ways, to {ALLOWED_DIFFERENCE}; got a difference of "
                f"{difference:.3g}"
            )
        seconds[turn] = [way.seconds for way in ways]
    fleet_round.fleet.release()
    with TensorBytes() as counted:
        fleet_round.play()
    peak = matrix_peak(torch.device("cpu"))
    # the first turn pays for lazy initialisation and cold caches
    timed = np.concatenate([seconds[1:], seconds[1:].sum(axis=2, keepdims=True)], axis=2)
    flops = round_flops(architecture, data)
    rows = []
    for column, phase in enumerate((*PHASES, "whole round")):
        ratio = timed[:, 0, column] / timed[:, 1, column]
        plain, fleet = np.median(timed[:, :, column], axis=0)
        rows.append(
            {
                "phase": phase,
                "published_ms": plain * 1e3,
                "fleet_ms": fleet * 1e3,
                "ratio": np.median(ratio),
                "ratio_min": ratio.min(),
                "ratio_max": ratio.max(),
                "gflops": flops[column] / fleet / 1e9,
                "peak_share": flops[column] / fleet / peak,
            }
        )
    return pd.DataFrame(rows).assign(
        difference=difference,
        repeats=repeats,
        peak_gflops=peak / 1e9,
        fleet_tensors_mib=counted.peak / MEBIBYTE,
    )


def round_flops(architecture: MLPArchitecture, data: RoundData) -> list[float]:
    """Return the operations of the fleet's training, trials and tests, and their sum.

    See `agents.learning.training.flops`: either organisation tries the other's model at all weights and at 0.
    """
    visited, held = sum(map(len, data.visits)), len(data.held)
    training = visited * architecture.training_flops
    everyone = np.arange(ORGANISATIONS)
    group = np.zeros(ORGANISATIONS, dtype=np.int64)
    pairs = Pairs.of(everyone, everyone[::-1])
    trials = trial_flops(architecture, Interpolation(), len(WEIGHTS) + 1, pairs, group, examples=held)
    tests = ORGANISATIONS * held * architecture.forward_flops
    return [training, trials, tests, training + trials + tests]


class FleetRound:
    """The round as the fleet plays it, from the same start every time."""

    def __init__(
        self, architecture: MLPArchitecture, starts: list[dict[str, np.ndarray]], data: RoundData
    ) -> None:
        self.starts = starts
        self.inputs, self.labels = normalised(data.pixels), data.labels
        self.order = np.full((ORGANISATIONS, max(map(len, data.visits))), -1, dtype=np.int64)
        for row, visits in zip(self.order, data.visits, strict=True):
            row[: len(visits)] = visits
        self.visits = Data(inputs=self.inputs, targets=self.labels, index=self.order)
        group = np.zeros(ORGANISATIONS, dtype=np.int64)
        self.held = Data(inputs=self.inputs, targets=self.labels, index=data.held[None], group=group)
        self.fleet = Fleet(architecture, ORGANISATIONS, AdamW(lr=LEARNING_RATE, weight_decay=0), "cpu")
        self.everyone = np.arange(ORGANISATIONS)

    def play(self) -> Timed:
        """Train, try, merge and test; setting back to the start is not timed."""
        self.fleet.load(self.starts)
        self.fleet.reset_optimiser(self.everyone)
        return _timed(self._train, self._trade, self._test)

    def _train(self) -> Floats:
        return self.fleet.train(self.everyone, self.visits, BATCH)[0]

    def _trade(self) -> Floats:
        offered = Offered(leaves=self.fleet.copy_of(self.everyone))
        pairs = Pairs.of(self.everyone, (self.everyone + 1) % ORGANISATIONS)
        tried = try_blocks(self.fleet, offered, pairs, self.held, [0, *WEIGHTS])
        bought = np.flatnonzero(tried.gain > 0)
        merge(self.fleet, tried.prepared.of(0).take(bought), pairs.take(bought), tried.weight[bought])
        return tried.losses.ravel()

    def _test(self) -> Floats:
        return np.concatenate(self.fleet.evaluate(self.everyone, self.held))


class PublishedRound:
    """The round as the published code plays it, from the same start every time."""

    def __init__(
        self, architecture: MLPArchitecture, starts: list[dict[str, np.ndarray]], data: RoundData
    ) -> None:
        self.architecture = architecture
        self.stacked = {n: torch.from_numpy(np.stack([s[n] for s in starts])) for n in architecture.shapes}
        self.images = Images(data.pixels, data.labels)
        self.order, self.held = [visits.tolist() for visits in data.visits], data.held.tolist()

    def play(self) -> Timed:
        """Train, try, merge and test; building the modules is not timed."""
        modules = [self.architecture.module(self.stacked, slot) for slot in range(ORGANISATIONS)]
        market = PublishedMarket(self.architecture, modules, _adam, self.images, BATCH, WEIGHTS)
        return _timed(
            lambda: market.train(self.order),
            lambda: market.trade(self.held).ravel(),
            lambda: np.concatenate(market.test(self.held)),
        )


def _adam(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr=LEARNING_RATE)


def _timed(*phases: Callable[[], Floats]) -> Timed:
    seconds, found = [], []
    for phase in phases:
        start = time.process_time()
        found.append(phase())
        seconds.append(time.process_time() - start)
    return Timed(np.array(seconds), np.concatenate(found))


def _show(table: pd.DataFrame, markdown: bool) -> None:
    run = table.iloc[0]
    rows = [
        [
            str(row.phase),
            f"{row.published_ms:.0f}",
            f"{row.fleet_ms:.1f}",
            f"{row.ratio:.0f}",
            f"{row.ratio_min:.0f} to {row.ratio_max:.0f}",
            f"{row.gflops:.1f}",
            f"{row.peak_share:.0%}",
        ]
        for row in table.itertuples()
    ]
    caption = (
        f"ratio: published / fleet, median of {run.repeats}; ms of CPU time; peak: float32 matrix products "
        f"at {run.peak_gflops:.0f} GFLOP/s in this run; the fleet's tensors take at most "
        f"{run.fleet_tensors_mib:.1f} MiB beside data and models; results differ by {run.difference:.0e}"
    )
    title = f"A round of two organisations as published and by the fleet: cpu, 1 thread, torch {run.torch}"
    print_table(
        ("phase", "published, ms", "fleet, ms", "ratio", "least to greatest", "fleet GFLOP/s", "of peak"),
        rows,
        "" if markdown else title,
        "" if markdown else caption,
        markdown,
    )
