"""The laboratory: data and the models, and every batched computation that worlds ask for.

A world never computes on parameters itself: it yields requests, and the laboratory answers those of all
worlds at once, each kind as one batched computation. Several worlds (arms and replicates of a comparison)
share one laboratory; a single world has its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from agents.learning.networks import Architecture
from agents.learning.operations.ensembles import evaluate_ensembles
from agents.learning.operations.mixing import mix
from agents.learning.stack.device import resolve_device
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.pairs import Pairs
from agents.learning.stack.stock import Stock
from agents.learning.training.stationarity import squared_gradient_norms
from markets.columns import Floats, Ints
from markets.refusals import InputError
from sim.config.data import load_examples
from sim.config.market import MarketConfig
from sim.data.division import Division, divide, trial_examples
from sim.data.scaling import Scaling, scaled
from sim.laboratory.evidence import padded
from sim.laboratory.materials import Materials
from sim.laboratory.requests import (
    Evaluate,
    EvaluateTogether,
    Measured,
    Merge,
    Mix,
    Request,
    Train,
    Trained,
    Try,
)
from sim.laboratory.starts import Starts
from sim.laboratory.teaching import Teaching
from sim.laboratory.trying import Trying
from sim.laboratory.ways import Ways
from sim.streams import Streams


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
    arms : sequence of str, optional
        The name of each world, by which those who start from files find theirs; by default the setting's.

    Raises
    ------
    InputError
        If the data cannot be divided as configured, batches are too small for the network, the merge
        operator does not serve it, or there is no such device.
    """

    def __init__(
        self,
        config: MarketConfig,
        seed: int,
        replicates: Sequence[int] = (0,),
        worlds: int = 1,
        arms: Sequence[str] | None = None,
    ) -> None:
        self.config = config
        self.streams = Streams(seed)
        self.device = resolve_device(config.device)
        examples = load_examples(config.data)
        self.classes = examples.classes
        self.replicates = tuple(replicates)
        divisions = {
            r: divide(examples, config.data, config.organisations, self.streams, r, config.endowing())
            for r in self.replicates
        }
        seen = scaled(examples, config.data.standardise, divisions)
        self.labels = seen.labels
        self.divisions: dict[int, Division] = seen.divisions
        self.scalings: dict[int, Scaling] = seen.scalings
        self.tasks, self.task = examples.tasks, examples.task
        parts = {
            part: np.concatenate([getattr(self.divisions[r], part) for r in self.replicates])
            for part in ("validation", "test")
        }
        tested = config.broker.trials.tested(self.classes, config.broker.trial_classes)
        parts["trial"] = trial_examples(parts["validation"], self.labels, tested)
        self.materials = Materials(
            task=self.task,
            inputs=torch.as_tensor(seen.inputs, device=self.device),
            targets=torch.as_tensor(seen.targets, device=self.device),
            parts=parts,
            organisations=config.organisations,
            worlds=worlds,
            tasks=self.tasks,
        )
        ways = Ways.of(config)
        self.stock = self._stocked(ways)
        self.started_from = self._place_first_models(arms or [config.setting.name] * worlds)
        self._teaching = Teaching(self.stock, self.materials, self.divisions, self.streams, ways)
        self._trying = Trying(config, self.stock, self.materials, self.divisions, self.streams)
        self.positions, self.contents = self._trying.listed.names, self._trying.listed.contents

    @property
    def fleet(self) -> Fleet:
        """The one fleet; ``InputError`` where networks differ."""
        return self.stock.only

    @property
    def architecture(self) -> Architecture:
        """The one architecture; ``InputError`` where networks differ."""
        return self.stock.only.architecture

    @property
    def architectures(self) -> list[Architecture]:
        """The architectures, one a fleet."""
        return [fleet.architecture for fleet in self.stock.fleets]

    @property
    def family(self) -> Ints:
        """The number of the architecture of each organisation, [N]; weights trade within one."""
        return self.stock.fleet_of[: self.config.organisations]

    @property
    def own_positions(self) -> Ints | None:
        """The first of each one's positions, and the one after its last, [N, 2]; None if all alike."""
        if len(self.stock.fleets) == 1:
            return None
        listed = self._trying.listed
        first = listed.first[self.family]
        return np.column_stack([first, first + np.array([len(own) for own in listed.own])[self.family]])

    @property
    def trial_share(self) -> float:
        """The share of the validation examples on which trials are made, (0, 1]."""
        return self._trying.share

    def trial_flops(self, pairs: Pairs) -> int:
        """Return the operations of the trials of pairs of slots, [P], of one world.

        See `agents.learning.training.flops`; 0 where the broker lets nobody try.
        """
        return self._trying.flops(pairs)

    def flops_of(self, slots: Ints) -> tuple[Ints, Ints]:
        """Return the operations of slots [n] for training on an example, and for a forward pass of one."""
        return self.stock.architecture_flops(slots)

    def trial_flops_of(self, slots: Ints, pairs: Pairs) -> Ints:
        """Return the operations of the trials of slots [n] among pairs, as if each alone had tried."""
        return self._trying.flops_of_buyers(pairs)[slots]

    def slots_of(self, replicate: int, world: int) -> Ints:
        """Return the slots [N] of the organisations of one world."""
        number = self.config.organisations
        first = (self.replicates.index(replicate) * self.materials.worlds + world) * number
        return np.arange(first, first + number, dtype=np.int64)

    def module(self, slot: int) -> nn.Module:
        """Return a plain torch module with a copy of the parameters in a slot."""
        return self.stock.module(slot)

    def perform(self, requests: Sequence[Request]) -> list[Any]:
        """Answer the requests of several worlds, all of one type and key, by one batched computation."""
        answer: dict[type, Callable[[Any], list[Any]]] = {
            Train: self._train,
            Try: self._trying.try_all,
            Merge: self._merge,
            Mix: self._mix,
            Evaluate: self._evaluate,
            EvaluateTogether: self._evaluate_together,
        }
        return answer[type(requests[0])](requests)

    def _train(self, requests: Sequence[Train]) -> list[Trained]:
        return _split(Trained, self._teaching.train(requests), [len(r.slots) for r in requests])

    def _merge(self, requests: Sequence[Merge]) -> list[None]:
        self._trying.merge_all(requests)
        return [None] * len(requests)

    def _mix(self, requests: Sequence[Mix]) -> list[None]:
        mix(
            self.fleet,
            np.stack([r.slots for r in requests]),
            np.stack([r.weights for r in requests]),
            self.config.learning.reset_after_merge,
            after_merge=partial(self._trying.recalibrate, 0),
        )
        return [None] * len(requests)

    def _evaluate(self, requests: Sequence[Evaluate]) -> list[Measured]:
        slots = np.concatenate([r.slots for r in requests])
        loss, accuracy = self._loss_and_accuracy(slots, requests[0].part)
        return _split(Measured, {"loss": loss, "accuracy": accuracy}, [len(r.slots) for r in requests])

    def _evaluate_together(self, requests: Sequence[EvaluateTogether]) -> list[Measured]:
        members = np.stack([r.slots for r in requests])
        data = self.materials.data(requests[0].part, members[:, 0])
        loss, accuracy = evaluate_ensembles(self.fleet, members, data)
        return _split(Measured, {"loss": loss, "accuracy": accuracy}, [1] * len(requests))

    def squared_gradient_norms(self, replicate: int, slots: Ints) -> Floats:
        """Return how far the organisations [N] of a world, or of several in turn, are from stationary points.

        Each by the gradient of the mean loss over its own endowment (see
        `agents.learning.training.stationarity`).
        """
        own = padded(self.divisions[replicate].endowments)
        rows = own[np.arange(len(slots)) % len(own)]
        return squared_gradient_norms(self.fleet, slots, self.materials.visits(rows))

    def accuracy_by_class(self, slots: Ints) -> Floats:
        """Return the accuracy of slots [n] on the test examples of each class, [n, K]; for people to look at.

        NaN for classes that the task of a slot does not have.
        """
        found = np.full((len(slots), self.classes), np.nan)
        groups = self.materials.groups(slots)
        for group in np.unique(groups):
            rows, examples = np.flatnonzero(groups == group), self.materials.parts["test"][group]
            for label in np.unique(self.labels[examples]):
                of_class = examples[self.labels[examples] == label][None]
                none = np.zeros(len(rows), dtype=np.int64)
                data = replace(self.materials.visits(of_class), group=none)
                found[rows, label] = self.stock.evaluate(slots[rows], data)[1]
        return found

    def _loss_and_accuracy(self, slots: Ints, part: str) -> tuple[Floats, Floats]:
        return self.stock.evaluate(slots, self.materials.data(part, slots))

    def _stocked(self, ways: Ways) -> Stock:
        """Return the fleets of all worlds, without parameters yet."""
        config = self.config
        networks, family = config.networks()
        copies = len(self.replicates) * self.materials.worlds
        fleets = []
        for number, network in enumerate(networks):
            architecture, own = network.for_task(self.task), np.flatnonzero(family == number)
            batch, least = int(ways.batch[own].min()), architecture.least_batch
            if batch < least:
                raise InputError(
                    f"learning.batch_size must be at least {least} with network={network.name}, which "
                    f"normalises a batch by its own statistics; got {batch}"
                )
            if told := config.learning.merge_operator.refuses(architecture):
                raise InputError(f"learning.merge_operator {config.learning.merge_operator.name} {told}")
            optimiser, budget = ways.optimiser_for(own), config.learning.memory_budget_mb
            fleet = Fleet(architecture, copies * len(own), optimiser, str(self.device), budget)
            rates = fleet.optimiser_state.learning_rate
            rates[:] = torch.as_tensor(np.tile(ways.rate[own], copies)).to(rates)
            fleets.append(fleet)
        return Stock(fleets, np.tile(family, copies))

    def _place_first_models(self, arms: Sequence[str]) -> dict[int, str]:
        """Let all slots hold the models that they start from; return the contents of their files, if any."""
        starts = Starts(self.config, self.architectures, self.streams)
        contents: dict[int, str] = {}
        for replicate in self.replicates:
            for world, arm in enumerate(arms):
                slots = self.slots_of(replicate, world)
                for part in self.stock.parts(slots):
                    started = starts.of(arm, replicate, part.number)
                    part.fleet.write(part.slots, started.models)
                    contents |= dict(zip(slots[part.rows].tolist(), started.contents, strict=True))
        return contents


def _split(answer: type[Any], columns: Mapping[str, NDArray[Any]], counts: list[int]) -> list[Any]:
    """Return an answer for each request: its rows of the columns."""
    cuts = np.cumsum(counts)[:-1]
    parts = [np.split(column, cuts) for column in columns.values()]
    return [answer(**dict(zip(columns, each, strict=True))) for each in zip(*parts, strict=True)]
