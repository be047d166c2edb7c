"""What the benchmark times: each computation in two ways, by the fleet and by plain loops, on the same data.

Core Objects: Task, benchmark_tasks
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from agents.learning import Fleet, match_weights, try_blocks
from agents.learning.networks.mlp import MLP
from agents.learning.optimisers import SGD, AdamW, Optimiser
from agents.learning.parameters import Parameters, take
from experiments.plain import (
    align_one_by_one,
    evaluate_one_by_one,
    forget,
    torch_optimiser,
    train_one_by_one,
    try_one_by_one,
)
from sim.endowments import DataConfig, load_examples, split
from sim.evidence import shuffled
from sim.streams import Streams

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TASKS = ("training, SGD", "training, AdamW", "evaluation", "trials", "alignment")
BATCH, MERGE_WEIGHTS, BUYERS, SELLERS, EPOCHS_BEFORE, SEED = 64, 11, 16, 4, 5, 0


@dataclass(frozen=True)
class Task:
    """One computation in two ways.

    `reset`, not timed, sets both ways back to the same start where they change anything; `plain` and `fleet`
    compute the same numbers, which are compared in units of `scale`. `items` counts what milliseconds are
    divided by: organisations or pairs, as `item` says. `flops` are the operations of the fleet's matrix
    products in one call, 0 where they are not what takes the time.
    """

    name: str
    item: str
    items: int
    plain: Callable[[], Floats]
    fleet: Callable[[], Floats]
    reset: Callable[[], None] | None = None
    scale: Floats | float = 1.0
    flops: float = 0.0


def benchmark_tasks(size: int, device: torch.device) -> Iterator[Task]:
    """Yield `TASKS` for a number of organisations >= 1, one made when the one before has been measured.

    An organisation has about 600 digits whatever their number (class skew, endowments that overlap), so that
    the work of one is the same in every row of the table; its model is an MLP 64-64-64-10, its batches have
    64 rows. Trials and alignment are of whole models, ``min(N, 16)`` buyers times ``min(N - 1, 4)`` sellers;
    a single organisation has none. In trials the units count as matched already, so no permutation is looked
    for: the fleet applies one that moves nothing, the plain loop none.
    """
    streams = Streams(SEED)
    config = DataConfig(endowment="class_skew", disjoint=False, groups=min(2, size))
    examples = load_examples(config)
    parts = split(examples.labels, config, size, streams, 0)
    inputs, labels = (torch.as_tensor(a, device=device) for a in (examples.inputs, examples.labels))
    order = shuffled(parts.endowments, streams.stream("batches", 0))
    visits = [torch.as_tensor(row[row >= 0], device=device) for row in order]
    architecture = MLP(widths=[64, 64]).bind(examples.inputs.shape[1:], examples.classes)
    starts = [architecture.initial(streams.stream("initial weights", i)) for i in range(size)]
    everyone = np.arange(size)

    def training(name: str, optimiser: Optimiser) -> Task:
        fleet = Fleet(architecture, size, optimiser, str(device))
        fleet.load(starts)
        initial = fleet.copy_of(everyone)
        modules = _modules(fleet)
        steppers = [torch_optimiser(optimiser, module, device) for module in modules]

        def reset() -> None:
            fleet.write(everyone, initial)
            fleet.reset_optimiser(everyone)
            _load(modules, initial)
            for stepper in steppers:
                forget(stepper)

        return Task(
            name,
            "organisation",
            size,
            lambda: train_one_by_one(modules, steppers, inputs, labels, visits, BATCH),
            lambda: fleet.train(everyone, inputs, labels, order, BATCH)[0],
            reset,
            flops=architecture.training_flops * float((order >= 0).sum()),
        )

    yield training(TASKS[0], SGD())
    yield training(TASKS[1], AdamW())

    # what follows is timed on models that have learnt something, as in a market
    fleet = Fleet(architecture, size, SGD(), str(device))
    fleet.load(starts)
    for _ in range(EPOCHS_BEFORE):
        fleet.train(everyone, inputs, labels, order, BATCH)
    modules, held = _modules(fleet), parts.validation
    rows = torch.as_tensor(held, device=device)
    x, y = inputs[rows], labels[rows]
    yield Task(
        TASKS[2],
        "organisation",
        size,
        lambda: np.stack(evaluate_one_by_one(modules, x, y)),
        lambda: np.stack(
            fleet.evaluate(everyone, inputs, labels, held[None], np.zeros(size, dtype=np.int64))
        ),
        flops=float(size * len(held) * architecture.forward_flops),
    )
    if size > 1:
        yield from _pair_tasks(fleet, modules, inputs, labels, held)


def _pair_tasks(
    fleet: Fleet,
    modules: list[nn.Module],
    inputs: torch.Tensor,
    labels: torch.Tensor,
    held: NDArray[np.int64],
) -> Iterator[Task]:
    buyers = np.arange(min(fleet.slots, BUYERS))
    sellers = (buyers[:, None] + 1 + np.arange(min(fleet.slots - 1, SELLERS))) % fleet.slots
    buyer, seller = np.repeat(buyers, sellers.shape[1]), sellers.ravel()
    nowhere, grid = np.zeros(len(buyer), dtype=np.int64), np.linspace(0, 1, MERGE_WEIGHTS)
    offered = fleet.copy_of(np.arange(fleet.slots))
    rows = torch.as_tensor(held, device=fleet.device)
    x, y = inputs[rows], labels[rows]
    own, other = fleet.rows(buyer), fleet.rows(seller)
    norm = np.sqrt(_squares(take(offered, own)) * _squares(take(offered, other)))
    stem = 2 * fleet.architecture.input_size * fleet.architecture.stem_size
    trunk, tried = fleet.architecture.forward_flops - stem, len(buyers) + len(buyer) * (MERGE_WEIGHTS - 1)
    yield Task(
        TASKS[3],
        "pair",
        len(buyer),
        lambda: try_one_by_one(modules, buyers.tolist(), sellers, grid, x, y),
        lambda: (
            try_blocks(
                fleet,
                offered,
                buyer,
                seller,
                nowhere,
                ["model"],
                grid,
                inputs,
                labels,
                held[None],
                nowhere,
                align=False,
            ).loss
        ),
        flops=float(len(held) * (len(np.union1d(buyer, seller)) * stem + tried * trunk)),
    )
    yield Task(
        TASKS[4],
        "pair",
        len(buyer),
        lambda: align_one_by_one(fleet.architecture, modules, buyers.tolist(), sellers),
        lambda: match_weights(
            fleet.architecture, take(fleet.parameters, own), take(offered, other)
        ).objective[-1],
        scale=norm,
    )


def _modules(fleet: Fleet) -> list[nn.Module]:
    return [fleet.architecture.module(fleet.parameters, i).to(fleet.device) for i in range(fleet.slots)]


def _load(modules: list[nn.Module], parameters: Parameters) -> None:
    for slot, module in enumerate(modules):
        module.load_state_dict({name: leaf[slot] for name, leaf in parameters.items()})


def _squares(parameters: Parameters) -> Floats:
    leaves = [leaf.cpu().numpy().astype(np.float64) for leaf in parameters.values()]
    return np.asarray(sum(np.square(leaf).reshape(len(leaf), -1).sum(axis=1) for leaf in leaves))
