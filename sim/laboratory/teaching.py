"""Teaching: organisations train on their endowments, all of a laboratory together.

Core Objects: Teaching
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from agents.learning.stack.data import Data
from agents.learning.stack.parameters import take
from agents.learning.stack.stock import Part, Stock
from agents.learning.training.epochs import Pull
from markets.columns import Bools, Floats, Ints
from sim.data.division import Division
from sim.laboratory.epochs import visiting_order
from sim.laboratory.materials import Materials
from sim.laboratory.requests import Train
from sim.laboratory.ways import Ways
from sim.streams import Streams

ANY = 2**62
"""Any number of examples."""

ANY = 2**62
"""Any number of examples."""


class Teaching:
    """Answers requests to train.

    Parameters
    ----------
    stock : Stock
        The models.
    materials : Materials
        What is learnt and measured.
    divisions : mapping
        From a replicate to the division of its data.
    streams : Streams
        Randomness; see `sim.laboratory.epochs.visiting_order`.
    ways : Ways
        How each organisation trains.
    """

    def __init__(
        self,
        stock: Stock,
        materials: Materials,
        divisions: Mapping[int, Division],
        streams: Streams,
        ways: Ways,
    ) -> None:
        self.stock, self.materials, self.ways = stock, materials, ways
        self._divisions, self._streams = divisions, streams

    def train(self, requests: Sequence[Train]) -> dict[str, Floats | Ints | Bools]:
        """Train the slots of requests, n in all, and return the columns [n] of `Trained`."""
        slots, who, relabelled = (
            np.concatenate([getattr(r, name) for r in requests])
            for name in ("slots", "organisation", "relabelled")
        )
        parts = self.stock.parts(slots)
        before = [part.fleet.models_of(part.slots) for part in parts]
        pulls = [self._pull(requests, part, anchor) for part, anchor in zip(parts, before, strict=True)]
        most = self._most(requests, slots, who)
        loss, examples = np.zeros(len(slots)), np.zeros(len(slots), dtype=np.int64)
        for epoch in range(int(self.ways.epochs[who].max(initial=0))):
            order = visiting_order(requests, self._divisions, self._streams, epoch, self.materials.tasks)
            left = np.where(epoch < self.ways.epochs[who], most - examples, 0)
            if (left < order.shape[1]).any():
                order = np.where(np.arange(order.shape[1]) < left[:, None], order, -1)
            seeds = self._seeds(requests, epoch)
            for part, pull in zip(parts, pulls, strict=True):
                drawn = seeds[part.rows] if part.fleet.architecture.draws else None
                visits = replace(self.materials.visits(order[part.rows]), seeds=drawn)
                found, seen = self._train_epoch(part, visits, who[part.rows], relabelled[part.rows], pull)
                loss[part.rows] = np.where(seen > 0, found, loss[part.rows])
                examples[part.rows] += seen
        validation = self._measured(slots)
        loss = np.where(examples > 0, loss, validation)
        diverged = ~(np.isfinite(loss) & np.isfinite(validation) & self.stock.finite(slots))
        if diverged.any():
            for part, leaves in zip(parts, before, strict=True):
                lost = np.flatnonzero(diverged[part.rows])
                part.fleet.write(part.slots[lost], take(leaves, torch.from_numpy(lost).to(part.fleet.device)))
            validation[diverged] = self._measured(slots[diverged])
            loss[diverged] = validation[diverged]
        return {
            "training_loss": loss,
            "validation_loss": validation,
            "examples": examples,
            "diverged": diverged,
        }

    def _measured(self, slots: Ints) -> Floats:
        """Return the validation loss of slots [n]."""
        return self.stock.evaluate(slots, self.materials.data("validation", slots))[0]

    def _most(self, requests: Sequence[Train], slots: Ints, who: Ints) -> Ints:
        """Return on how many examples each slot may train in the round, [n]."""
        training, _ = self.stock.architecture_flops(slots)
        within = np.minimum(np.floor(self.ways.budget[who] / training), ANY).astype(np.int64)
        asked = [np.full(len(r.slots), ANY) if r.most is None else r.most for r in requests]
        return np.minimum(within, np.concatenate(asked))

    def _pull(self, requests: Sequence[Train], part: Part, anchor: dict[str, torch.Tensor]) -> Pull | None:
        """Return the proximal terms of a training, None where nobody has one."""
        if all(r.pull is None for r in requests):
            return None
        strength = np.concatenate([np.zeros(len(r.slots)) if r.pull is None else r.pull for r in requests])
        return Pull(anchor, torch.as_tensor(strength[part.rows], device=part.fleet.device))

    def _seeds(self, requests: Sequence[Train], epoch: int) -> Ints:
        """Return of what each slot draws in an epoch, [n], alike in all arms; 0 where none draws."""
        if not any(fleet.architecture.draws for fleet in self.stock.fleets):
            return np.zeros(sum(len(r.slots) for r in requests), dtype=np.int64)
        drawn = [self._streams.stream("dropout", r.replicate, r.round, epoch) for r in requests]
        every = [draw.integers(2**63, size=self.materials.organisations) for draw in drawn]
        return np.concatenate([of[r.organisation] for of, r in zip(every, requests, strict=True)])

    def _train_epoch(
        self, part: Part, visits: Data, who: Ints, relabelled: Ints, pull: Pull | None
    ) -> tuple[Floats, Ints]:
        """Train the slots [m] of a part for one epoch, those that learn alike together."""
        ways, device = self.ways, part.fleet.device
        loss, seen = np.empty(len(who)), np.empty(len(who), dtype=np.int64)
        keys = np.column_stack([relabelled, ways.optimiser[who], ways.batch[who]])
        kinds, kind = np.unique(keys, axis=0, return_inverse=True)
        for number, (*labels, optimiser, batch) in enumerate(kinds.tolist()):
            rows = np.flatnonzero(kind.ravel() == number)
            targets = self.materials.taught(torch.as_tensor(labels, device=device))
            loss[rows], seen[rows] = part.fleet.train(
                part.slots[rows],
                replace(visits.of(rows), targets=targets),
                batch,
                pull and pull.take(torch.as_tensor(rows, device=device)),
                ways.optimisers[optimiser],
            )
        return loss, seen
