"""What is timed: each computation in two ways, by the fleet and by plain loops, on the same data."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from agents.learning import Data, Fleet
from agents.learning.networks import Network
from agents.learning.networks.convnet import ConvNet
from agents.learning.networks.mlp import MLP
from agents.learning.networks.module import Module
from agents.learning.networks.resnet import ResNet
from agents.learning.stack.parameters import Parameters
from agents.learning.training.optimisers import SGD, AdamW, Optimiser
from experiments.benchmarks.pairs import pair_tasks
from experiments.benchmarks.plain_learning import (
    evaluate_one_by_one,
    forget,
    torch_optimiser,
    train_one_by_one,
)
from experiments.benchmarks.task import EVALUATION, TRAINING, Task
from experiments.runs.machine import working_budget_mb
from sim.config.data import DataConfig, load_examples
from sim.data.division import divide
from sim.laboratory.evidence import shuffled
from sim.streams import Streams

BATCH, EPOCHS_BEFORE, SEED = 64, 5, 0
NETWORK_CHOICES: dict[str, Network] = {
    "mlp": MLP(widths=[64, 64]),
    "convnet": ConvNet(),
    "resnet": ResNet(),
    "module": Module(factory="experiments.benchmarks.own_mlp:make"),
}
"""Networks without running statistics, which plain loops and the fleet would estimate at different times."""


def benchmark_tasks(size: int, device: torch.device, network: str = "mlp") -> Iterator[Task]:
    """Yield the tasks for a number of organisations >= 1, one made when the one before has been measured.

    An organisation has about 600 digits whatever their number (class skew, endowments that overlap), so that
    the work of one is the same in every row of the table; its batches have 64 rows and its model is one of
    `NETWORK_CHOICES`. Plain training uses torch's optimisers as they come, and then its fused ones. A single
    organisation has no pairs.
    """
    streams = Streams(SEED)
    config = DataConfig(endowment="class_skew", disjoint=False, groups=min(2, size))
    examples = load_examples(config)
    parts = divide(examples, config, size, streams, 0)
    inputs, labels = (torch.as_tensor(a, device=device) for a in (examples.inputs, examples.labels))
    order = shuffled(parts.endowments, streams.stream("batches", 0))
    visits = [torch.as_tensor(row[row >= 0], device=device) for row in order]
    architecture = NETWORK_CHOICES[network].for_task(examples.task)
    starts = [architecture.initial(streams.stream("initial weights", i)) for i in range(size)]
    everyone = np.arange(size)
    training_data = Data(inputs=inputs, targets=labels, index=order)

    def training(name: str, optimiser: Optimiser, fused: bool) -> Task:
        fleet = Fleet(architecture, size, optimiser, str(device), working_budget_mb(device))
        fleet.load(starts)
        initial = fleet.copy_of(everyone)
        modules = modules_of(fleet)
        steppers = [torch_optimiser(optimiser, module, fused) for module in modules]

        def reset() -> None:
            fleet.write(everyone, initial)
            fleet.reset_optimiser(everyone)
            _load(modules, initial)
            for stepper in steppers:
                forget(stepper)

        return Task(
            name=name,
            item="organisation",
            items=size,
            plain=lambda: train_one_by_one(modules, steppers, inputs, labels, visits, BATCH),
            fleet=lambda: fleet.train(everyone, training_data, BATCH)[0],
            reset=reset,
            flops=architecture.training_flops * float((order >= 0).sum()),
            release=fleet.release,
        )

    yield training(TRAINING[0], SGD(), fused=False)
    yield training(TRAINING[1], SGD(), fused=True)
    yield training(TRAINING[2], AdamW(), fused=False)
    yield training(TRAINING[3], AdamW(), fused=True)

    # what follows is timed on models that have learnt something, as in a market
    fleet = Fleet(architecture, size, SGD(), str(device), working_budget_mb(device))
    fleet.load(starts)
    for _ in range(EPOCHS_BEFORE):
        fleet.train(everyone, training_data, BATCH)
    modules, held = modules_of(fleet), parts.validation[0]
    rows = torch.as_tensor(held, device=device)
    x, y = inputs[rows], labels[rows]
    validation = Data(inputs=inputs, targets=labels, index=held[None], group=np.zeros(size, dtype=np.int64))
    yield Task(
        name=EVALUATION,
        item="organisation",
        items=size,
        plain=lambda: np.stack(evaluate_one_by_one(modules, x, y)),
        fleet=lambda: np.stack(fleet.evaluate(everyone, validation)),
        flops=float(size * len(held) * architecture.forward_flops),
    )
    if size > 1:
        yield from pair_tasks(fleet, modules, validation)


def modules_of(fleet: Fleet) -> list[nn.Module]:
    """Return the models of a fleet as plain modules on its device."""
    return [fleet.architecture.module(fleet.parameters, i).to(fleet.device) for i in range(fleet.slots)]


def _load(modules: list[nn.Module], parameters: Parameters) -> None:
    for slot, module in enumerate(modules):
        module.load_state_dict({name: leaf[slot] for name, leaf in parameters.items()})
