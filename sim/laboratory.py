"""The laboratory: data and the fleet, and every batched computation that worlds ask for.

A world never computes on parameters itself: it yields requests, and the laboratory answers those of all
worlds at once, each kind as one batched computation. Several worlds (arms and replicates of a comparison)
share one laboratory; a single world has its own.

Core Objects: Laboratory, Train, Try, Merge, Evaluate
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.learning.alignment import Permutations
from agents.learning.device import resolve_device
from agents.learning.fleet import Fleet
from agents.learning.merging import merge
from agents.learning.parameters import Parameters
from agents.learning.trials import try_blocks
from sim.blocks import cut
from sim.config import MarketConfig
from sim.endowments import Split, load_examples, split
from sim.streams import Streams

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Train:
    """Train `slots` [n], which hold `organisation` [n] of a replicate, for the epochs of round `round`."""

    slots: Ints
    organisation: Ints
    replicate: int
    round: int


@dataclass(frozen=True)
class Trained:
    """Mean training loss, validation loss (nats an example), examples seen, and who `diverged`; all [n].

    Who diverged has its parameters of before this training back, and the validation loss that they have.
    """

    training_loss: Floats
    validation_loss: Floats
    examples: Ints
    diverged: Bools


@dataclass(frozen=True)
class Try:
    """Try the block at `position` [P] of the slot `seller` [P] in the model of the slot `buyer` [P]."""

    buyer: Ints
    seller: Ints
    position: Ints
    replicate: int


@dataclass(frozen=True)
class Tried:
    """Losses before and at the best merge weight (nats), that weight, the gain, the alignment; all [P]."""

    loss_before: Floats
    loss_after: Floats
    weight: Floats
    gain: Floats
    permutations: Permutations


@dataclass(frozen=True)
class Merge:
    """Merge the blocks bought, with `weight` [T]; permutations are those of the trials."""

    buyer: Ints
    seller: Ints
    position: Ints
    weight: Floats
    permutations: Permutations


@dataclass(frozen=True)
class Evaluate:
    """Measure `slots` [n] on the ``validation`` or the ``test`` part of a replicate."""

    slots: Ints
    part: str
    replicate: int


@dataclass(frozen=True)
class Measured:
    """Loss (nats an example) and accuracy (share right), both [n]."""

    loss: Floats
    accuracy: Floats


Request = Train | Try | Merge | Evaluate


class Laboratory:
    """Data of all replicates and the fleet of all worlds.

    Parameters
    ----------
    config : MarketConfig
        What the worlds have in common: data, network, learning, broker, device.
    seed : int
        Root of all random streams.
    replicates : sequence of int
        The replicates; each has its own division of the data and its own initial weights.
    worlds : int
        Worlds a replicate, each with `config.organisations` slots. All start from the same weights.

    Raises
    ------
    ValueError
        If the data cannot be divided as configured or there is no such device.
    """

    def __init__(
        self, config: MarketConfig, seed: int, replicates: Sequence[int] = (0,), worlds: int = 1
    ) -> None:
        self.config = config
        self.streams = Streams(seed)
        self.device = resolve_device(config.device)
        examples = load_examples(config.data)
        self.classes = examples.classes
        self.labels = examples.labels
        self._inputs = torch.as_tensor(examples.inputs, device=self.device)
        self._labels = torch.as_tensor(examples.labels, device=self.device)
        self.replicates = tuple(replicates)
        self.splits: dict[int, Split] = {
            r: split(examples.labels, config.data, config.organisations, self.streams, r)
            for r in self.replicates
        }
        self._parts = {
            part: np.stack([getattr(self.splits[r], part) for r in self.replicates])
            for part in ("validation", "test")
        }
        self.architecture = config.network.bind(examples.inputs.shape[1:], examples.classes)
        listed = cut(self.architecture, config.broker.blocks, config.broker.bundles)
        self.positions, self.contents = listed.positions, listed.contents
        self._weights = np.linspace(0.0, 1.0, config.broker.merge_weights)
        slots = len(self.replicates) * worlds * config.organisations
        self.fleet = Fleet(
            self.architecture,
            slots,
            config.learning.optimiser,
            str(self.device),
            config.learning.memory_budget_mb,
        )
        self._worlds = worlds
        self._place_initial_weights()
        self._offered: Parameters = {}

    def slots_of(self, replicate: int, world: int) -> Ints:
        """Return the slots [N] of the organisations of one world."""
        first = (self.replicates.index(replicate) * self._worlds + world) * self.config.organisations
        return np.arange(first, first + self.config.organisations, dtype=np.int64)

    def module(self, slot: int) -> nn.Module:
        """Return a plain torch module with a copy of the parameters in a slot."""
        return self.architecture.module(self.fleet.parameters, slot)

    def perform(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests of several worlds, all of one kind, by one batched computation."""
        answer = {Train: self._train, Try: self._try, Merge: self._merge, Evaluate: self._evaluate}
        return answer[type(requests[0])](requests)  # type: ignore[operator]

    def _train(self, requests: Sequence[Train]) -> list[Trained]:
        slots = np.concatenate([r.slots for r in requests])
        before = self.fleet.copy_of(slots)
        loss, examples = np.zeros(len(slots)), np.zeros(len(slots), dtype=np.int64)
        for epoch in range(self.config.learning.local_epochs):
            order = self._visiting_order(requests, epoch)
            epoch_loss, seen = self.fleet.train(
                slots, self._inputs, self._labels, order, self.config.learning.batch_size
            )
            loss, examples = epoch_loss, examples + seen
        group = self._groups([(r.replicate, len(r.slots)) for r in requests])
        validation = self._loss_and_accuracy(slots, "validation", group)[0]
        diverged = ~(np.isfinite(loss) & np.isfinite(validation) & self.fleet.finite(slots))
        if diverged.any():
            lost = torch.as_tensor(np.flatnonzero(diverged), device=self.device)
            self.fleet.write(slots[diverged], {name: leaf[lost] for name, leaf in before.items()})
            validation[diverged] = self._loss_and_accuracy(slots[diverged], "validation", group[diverged])[0]
            loss[diverged] = validation[diverged]
        return _split(Trained, (loss, validation, examples, diverged), [len(r.slots) for r in requests])

    def _try(self, requests: Sequence[Try]) -> list[Tried]:
        every_slot = np.arange(self.fleet.slots, dtype=np.int64)
        self._offered = self.fleet.copy_of(every_slot)
        found = try_blocks(
            self.fleet,
            self._offered,
            buyer=np.concatenate([r.buyer for r in requests]),
            seller=np.concatenate([r.seller for r in requests]),
            position=np.concatenate([r.position for r in requests]),
            names=self.positions,
            weights=self._weights,
            inputs=self._inputs,
            labels=self._labels,
            index=self._parts["validation"],
            group=self._groups([(r.replicate, len(r.buyer)) for r in requests]),
            align=self.config.broker.alignment == "weight_matching",
        )
        before = found.loss[:, 0]
        counts = [len(r.buyer) for r in requests]
        cuts = np.cumsum(counts)[:-1]
        columns = [np.split(c, cuts) for c in (before, before - found.gain, found.weight, found.gain)]
        permutations = [dict[str, Tensor]() for _ in requests]
        for name, every in found.permutations.items():
            for own, part in zip(permutations, torch.split(every, counts), strict=True):
                own[name] = part
        return [Tried(*answer) for answer in zip(*columns, permutations, strict=True)]

    def _merge(self, requests: Sequence[Merge]) -> list[None]:
        names = list(requests[0].permutations)
        merge(
            self.fleet,
            self._offered,
            buyer=np.concatenate([r.buyer for r in requests]),
            seller=np.concatenate([r.seller for r in requests]),
            position=np.concatenate([r.position for r in requests]),
            names=self.positions,
            weight=np.concatenate([r.weight for r in requests]),
            permutations={n: torch.cat([r.permutations[n] for r in requests]) for n in names},
            reset_optimiser=self.config.learning.reset_after_merge,
        )
        return [None] * len(requests)

    def _evaluate(self, requests: Sequence[Evaluate]) -> list[Measured]:
        group = self._groups([(r.replicate, len(r.slots)) for r in requests])
        slots = np.concatenate([r.slots for r in requests])
        columns = self._loss_and_accuracy(slots, requests[0].part, group)
        return _split(Measured, columns, [len(r.slots) for r in requests])

    def _loss_and_accuracy(self, slots: Ints, part: str, group: Ints) -> tuple[Floats, Floats]:
        return self.fleet.evaluate(slots, self._inputs, self._labels, self._parts[part], group)

    def _groups(self, counts: list[tuple[int, int]]) -> Ints:
        """Return the place of each row's replicate among the replicates."""
        places = [self.replicates.index(replicate) for replicate, _ in counts]
        return np.repeat(np.array(places, dtype=np.int64), [count for _, count in counts])

    def _visiting_order(self, requests: Sequence[Train], epoch: int) -> Ints:
        """Return the examples in the order in which each slot visits them, [n, longest], padded with -1.

        The order of an organisation depends on its replicate, the round and the epoch alone, so all arms
        visit alike.
        """
        orders = {
            (r.replicate, r.round): shuffled(
                self.splits[r.replicate].endowments,
                self.streams.stream("batches", r.replicate, r.round, epoch),
            )
            for r in requests
        }
        longest = max(order.shape[1] for order in orders.values())
        padded = {
            key: np.pad(order, ((0, 0), (0, longest - order.shape[1])), constant_values=-1)
            for key, order in orders.items()
        }
        return np.concatenate([padded[r.replicate, r.round][r.organisation] for r in requests])

    def _place_initial_weights(self) -> None:
        for replicate in self.replicates:
            starts = [
                self.architecture.initial(
                    self.streams.stream(
                        "initial weights", replicate, 0 if self.config.learning.same_start else i
                    )
                )
                for i in range(self.config.organisations)
            ]
            stacked = {name: np.stack([start[name] for start in starts]) for name in starts[0]}
            leaves: dict[str, Tensor] = {
                n: torch.as_tensor(leaf, device=self.device) for n, leaf in stacked.items()
            }
            for world in range(self._worlds):
                self.fleet.write(self.slots_of(replicate, world), leaves)


def shuffled(endowments: Sequence[Ints], rng: np.random.Generator) -> Ints:
    """Return each endowment in a random order, one a row, padded with -1: int64 [N, longest]."""
    sizes = np.array([len(e) for e in endowments])
    padded = np.full((len(endowments), sizes.max()), -1, dtype=np.int64)
    held = np.arange(sizes.max()) < sizes[:, None]
    padded[held] = np.concatenate(endowments)
    keys = np.where(held, rng.random(padded.shape), np.inf)
    return np.take_along_axis(padded, np.argsort(keys, axis=1, kind="stable"), axis=1)


def _split(answer: type[Any], columns: Sequence[NDArray[Any]], counts: list[int]) -> list[Any]:
    cuts = np.cumsum(counts)[:-1]
    return [answer(*parts) for parts in zip(*(np.split(column, cuts) for column in columns), strict=True)]
