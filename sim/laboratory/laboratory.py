"""The laboratory: data and the fleet, and every batched computation that worlds ask for.

A world never computes on parameters itself: it yields requests, and the laboratory answers those of all
worlds at once, each kind as one batched computation. Several worlds (arms and replicates of a comparison)
share one laboratory; a single world has its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.learning.operations.ensembles import evaluate_ensembles
from agents.learning.operations.merging import merge
from agents.learning.operations.mixing import mix
from agents.learning.operators import Recipe
from agents.learning.operators.greedy_soup import GreedySoup
from agents.learning.stack.data import Data
from agents.learning.stack.device import resolve_device
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.offered import Offered, Prepared
from agents.learning.stack.pairs import Pairs
from agents.learning.stack.parameters import Parameters
from agents.learning.tasks import Classification
from agents.learning.training.calibration import recalibrate
from agents.learning.training.epochs import Pull
from agents.learning.training.flops import trial_flops
from agents.learning.training.stationarity import squared_gradient_norms
from agents.learning.trials import Trials, try_blocks
from markets.columns import Floats, Ints
from markets.refusals import InputError
from sim.config.data import load_examples
from sim.config.market import MarketConfig
from sim.data.division import Division, divide, trial_examples
from sim.data.scaling import Scaling, scaled
from sim.laboratory.epochs import visiting_order
from sim.laboratory.evidence import collect_evidence, padded
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
        self._inputs = torch.as_tensor(seen.inputs, device=self.device)
        self._targets = torch.as_tensor(seen.targets, device=self.device)
        self.tasks = examples.tasks
        self._parts = {
            part: np.concatenate([getattr(self.divisions[r], part) for r in self.replicates])
            for part in ("validation", "test")
        }
        self.task = examples.task
        self.architecture = config.network.for_task(self.task)
        least = self.architecture.least_batch
        if config.learning.batch_size < least:
            raise InputError(
                f"learning.batch_size must be at least {least} with network={config.network.name}, which "
                f"normalises a batch by its own statistics; got {config.learning.batch_size}"
            )
        if told := config.learning.merge_operator.refuses(self.architecture):
            raise InputError(f"learning.merge_operator {config.learning.merge_operator.name} {told}")
        listed = config.broker.cut_of_blocks().cut(self.architecture)
        self.positions, self.contents = listed.positions, listed.contents
        tested = config.broker.trials.tested(self.classes, config.broker.trial_classes)
        self._parts["trial"] = trial_examples(self._parts["validation"], self.labels, tested)
        self._search = config.broker.search_with(config.learning.merge_operator)
        slots = len(self.replicates) * worlds * config.organisations
        self.fleet = Fleet(
            self.architecture,
            slots,
            config.learning.optimiser,
            str(self.device),
            config.learning.memory_budget_mb,
        )
        self._worlds = worlds
        self.started_from = self._place_first_models(arms or [config.setting.name] * worlds)
        operator, same = config.learning.merge_operator, config.learning.same_start
        base = self.fleet.copy_of(np.arange(slots)) if operator.ancestral and same else None
        self._recipe = Recipe(operator, base=base)

    @property
    def trial_share(self) -> float:
        """The share of the validation examples on which trials are made, (0, 1]."""
        return self._parts["trial"].shape[1] / self._parts["validation"].shape[1]

    def trial_flops(self, pairs: Pairs) -> int:
        """Return the operations of the trials of pairs of slots, [P], of one world.

        See `agents.learning.training.flops`; 0 where the broker lets nobody try.
        """
        if not self.config.broker.trials.tries:
            return 0
        return trial_flops(
            self.architecture,
            self._recipe.operator,
            self._search.evaluations,
            pairs,
            self._groups(pairs.buyer),
            examples=self._parts["trial"].shape[1],
            calibration=self._parts["validation"].shape[1],
        )

    def slots_of(self, replicate: int, world: int) -> Ints:
        """Return the slots [N] of the organisations of one world."""
        first = (self.replicates.index(replicate) * self._worlds + world) * self.config.organisations
        return np.arange(first, first + self.config.organisations, dtype=np.int64)

    def module(self, slot: int) -> nn.Module:
        """Return a plain torch module with a copy of the parameters in a slot."""
        return self.architecture.module(self.fleet.models, slot)

    def perform(self, requests: Sequence[Request]) -> list[Any]:
        """Answer the requests of several worlds, all of one type and key, by one batched computation."""
        answer: dict[type, Callable[[Any], list[Any]]] = {
            Train: self._train,
            Try: self._try,
            Merge: self._merge,
            Mix: self._mix,
            Evaluate: self._evaluate,
            EvaluateTogether: self._evaluate_together,
        }
        return answer[type(requests[0])](requests)

    def _train(self, requests: Sequence[Train]) -> list[Trained]:
        slots = np.concatenate([r.slots for r in requests])
        relabelled = np.concatenate([r.relabelled for r in requests])
        before = self.fleet.models_of(slots)
        loss, examples = np.zeros(len(slots)), np.zeros(len(slots), dtype=np.int64)
        pull = self._pull(requests, before)
        for epoch in range(self.config.learning.local_epochs):
            order = visiting_order(requests, self.divisions, self.streams, epoch, self.tasks)
            seeds = self._seeds(requests, epoch)
            loss, seen = self._train_epoch(slots, order, relabelled, pull, seeds)
            examples += seen
        validation = self._loss_and_accuracy(slots, "validation")[0]
        loss = np.where(examples > 0, loss, validation)
        diverged = ~(np.isfinite(loss) & np.isfinite(validation) & self.fleet.finite(slots))
        if diverged.any():
            lost = torch.as_tensor(np.flatnonzero(diverged), device=self.device)
            self.fleet.write(slots[diverged], {name: leaf[lost] for name, leaf in before.items()})
            validation[diverged] = self._loss_and_accuracy(slots[diverged], "validation")[0]
            loss[diverged] = validation[diverged]
        columns = {
            "training_loss": loss,
            "validation_loss": validation,
            "examples": examples,
            "diverged": diverged,
        }
        return _split(Trained, columns, [len(r.slots) for r in requests])

    def _pull(self, requests: Sequence[Train], anchor: Parameters) -> Pull | None:
        """Return the proximal terms of a training, None where nobody has one."""
        if all(r.pull is None for r in requests):
            return None
        strength = np.concatenate([np.zeros(len(r.slots)) if r.pull is None else r.pull for r in requests])
        return Pull(anchor, torch.as_tensor(strength, device=self.device))

    def _train_epoch(
        self, slots: Ints, order: Ints, relabelled: Ints, pull: Pull | None, seeds: Ints | None
    ) -> tuple[Floats, Ints]:
        """Train slots [n] for one epoch, those with the same labels together."""
        loss, seen = np.empty(len(slots)), np.empty(len(slots), dtype=np.int64)
        labellings, labelling = np.unique(relabelled, axis=0, return_inverse=True)
        for number, labels_of in enumerate(labellings):
            own = labelling.ravel() == number
            targets = self._taught(torch.as_tensor(labels_of, device=self.device))
            rows = torch.as_tensor(np.flatnonzero(own), device=self.device)
            drawn = None if seeds is None else seeds[own]
            visits = Data(inputs=self._inputs, targets=targets, index=order[own], seeds=drawn)
            loss[own], seen[own] = self.fleet.train(
                slots[own], visits, self.config.learning.batch_size, pull and pull.take(rows)
            )
        return loss, seen

    def _seeds(self, requests: Sequence[Train], epoch: int) -> Ints | None:
        """Return of what each slot draws in an epoch, [n], alike in all arms; None where none draws."""
        if not self.architecture.draws:
            return None
        drawn = [self.streams.stream("dropout", r.replicate, r.round, epoch) for r in requests]
        every = [draw.integers(2**63, size=self.config.organisations) for draw in drawn]
        return np.concatenate([of[r.organisation] for of, r in zip(every, requests, strict=True)])

    def _taught(self, relabelled: Tensor) -> Tensor:
        """Return what is learnt of every example where classes are labelled as `relabelled` [K] says."""
        return relabelled[self._targets] if isinstance(self.task, Classification) else self._targets

    def _try(self, requests: Sequence[Try]) -> list[Trials]:
        every = np.arange(self.fleet.slots, dtype=np.int64)
        leaves = self.fleet.copy_of(every)
        evidence = collect_evidence(
            self.fleet,
            self._recipe.operator,
            [(r.replicate, r.round, np.concatenate([r.pairs.buyer, r.pairs.seller])) for r in requests],
            {r: self.divisions[r].endowments for r in self.replicates},
            self.streams,
            self._inputs,
        )
        offered = Offered(
            leaves=leaves,
            positions=self.positions,
            recipe=replace(self._recipe, own=evidence, offered=evidence),
            group=self._groups(every),
        )
        pairs = Pairs.joined([r.pairs for r in requests])
        found = try_blocks(
            self.fleet,
            offered,
            pairs,
            self._data("trial", pairs.buyer),
            self._search,
            alignment=self.config.broker.alignment,
            calibration=self._parts["validation"],
        )
        cuts = np.cumsum([len(r.pairs) for r in requests])[:-1]
        return [found.take(rows) for rows in np.split(np.arange(len(pairs)), cuts)]

    def _merge(self, requests: Sequence[Merge]) -> list[None]:
        prepared = Prepared.joined([r.prepared for r in requests])
        pairs = Pairs.joined([r.pairs for r in requests])
        weight = np.concatenate([r.weight for r in requests])
        loss_of = None
        if isinstance(self._recipe.operator, GreedySoup):
            loss_of = self._trial_loss
            order = np.argsort(loss_of(pairs.seller), kind="stable")
            pairs, weight, prepared = pairs.take(order), weight[order], prepared.take(order)
        merge(
            self.fleet,
            prepared,
            pairs,
            weight,
            reset_optimiser=self.config.learning.reset_after_merge,
            after_merge=self._recalibrate,
            loss_of=loss_of,
        )
        return [None] * len(requests)

    def _mix(self, requests: Sequence[Mix]) -> list[None]:
        mix(
            self.fleet,
            np.stack([r.slots for r in requests]),
            np.stack([r.weights for r in requests]),
            self.config.learning.reset_after_merge,
            after_merge=self._recalibrate,
        )
        return [None] * len(requests)

    def _evaluate(self, requests: Sequence[Evaluate]) -> list[Measured]:
        slots = np.concatenate([r.slots for r in requests])
        loss, accuracy = self._loss_and_accuracy(slots, requests[0].part)
        return _split(Measured, {"loss": loss, "accuracy": accuracy}, [len(r.slots) for r in requests])

    def _evaluate_together(self, requests: Sequence[EvaluateTogether]) -> list[Measured]:
        members = np.stack([r.slots for r in requests])
        data = self._data(requests[0].part, members[:, 0])
        loss, accuracy = evaluate_ensembles(self.fleet, members, data)
        return _split(Measured, {"loss": loss, "accuracy": accuracy}, [1] * len(requests))

    def squared_gradient_norms(self, replicate: int, slots: Ints) -> Floats:
        """Return how far the organisations [N] of a world, or of several in turn, are from stationary points.

        Each by the gradient of the mean loss over its own endowment (see
        `agents.learning.training.stationarity`).
        """
        own = padded(self.divisions[replicate].endowments)
        rows = own[np.arange(len(slots)) % len(own)]
        data = Data(inputs=self._inputs, targets=self._targets, index=rows)
        return squared_gradient_norms(self.fleet, slots, data)

    def accuracy_by_class(self, slots: Ints) -> Floats:
        """Return the accuracy of slots [n] on the test examples of each class, [n, K]; for people to look at.

        NaN for classes that the task of a slot does not have.
        """
        found = np.full((len(slots), self.classes), np.nan)
        groups = self._groups(slots)
        for group in np.unique(groups):
            rows, examples = np.flatnonzero(groups == group), self._parts["test"][group]
            for label in np.unique(self.labels[examples]):
                of_class = examples[self.labels[examples] == label][None]
                none = np.zeros(len(rows), dtype=np.int64)
                data = Data(inputs=self._inputs, targets=self._targets, index=of_class, group=none)
                found[rows, label] = self.fleet.evaluate(slots[rows], data)[1]
        return found

    def _trial_loss(self, slots: Ints) -> Floats:
        """Return the loss of slots [n] on the examples on which their replicates' trials are made."""
        return self._loss_and_accuracy(slots, "trial")[0]

    def _recalibrate(self, slots: Ints) -> None:
        """Estimate the running statistics of slots [n] on the broker's validation inputs."""
        recalibrate(self.fleet, slots, self._data("validation", slots))

    def _groups(self, slots: Ints) -> Ints:
        """Return the place of each slot's replicate and task among the parts of the data, [n]."""
        replicate = slots // (self._worlds * self.config.organisations)
        return replicate * self.tasks + slots % self.config.organisations % self.tasks

    def _data(self, part: str, slots: Ints) -> Data:
        """Return a part of the data with the groups of slots [n]."""
        return Data(
            inputs=self._inputs, targets=self._targets, index=self._parts[part], group=self._groups(slots)
        )

    def _loss_and_accuracy(self, slots: Ints, part: str) -> tuple[Floats, Floats]:
        return self.fleet.evaluate(slots, self._data(part, slots))

    def _place_first_models(self, arms: Sequence[str]) -> dict[int, str]:
        """Let all slots hold the models that they start from; return the contents of their files, if any."""
        starts = Starts(self.config, self.architecture, self.streams)
        contents: dict[int, str] = {}
        for replicate in self.replicates:
            for world, arm in enumerate(arms):
                slots, started = self.slots_of(replicate, world), starts.of(arm, replicate)
                self.fleet.write(slots, started.models)
                contents |= dict(zip(slots.tolist(), started.contents, strict=True))
        return contents


def _split(answer: type[Any], columns: Mapping[str, NDArray[Any]], counts: list[int]) -> list[Any]:
    """Return an answer for each request: its rows of the columns."""
    cuts = np.cumsum(counts)[:-1]
    parts = [np.split(column, cuts) for column in columns.values()]
    return [answer(**dict(zip(columns, each, strict=True))) for each in zip(*parts, strict=True)]
