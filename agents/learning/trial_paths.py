"""How a merge looks at each merge weight, for trials: straight from one model to another, or along a curve.

Core Objects: StraightPath, CurvedPath, PairsOnTrial, Validation, holds
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from agents.learning.alignment.base import Permutations
from agents.learning.alignment.weight_matching import permute
from agents.learning.networks.base import Architecture
from agents.learning.networks.products import whole_lines
from agents.learning.operators.base import MergeOperator, StraightOperator
from agents.learning.operators.interpolation import Interpolation
from agents.learning.operators.recipe import AlignedPairs
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.memory import FLOAT_BYTES, chunks, evaluation_bytes, tile_size, trunk_bytes
from agents.learning.stack.offered import Offered
from agents.learning.stack.packing import Packing
from agents.learning.stack.parameters import Parameters, gather, take
from markets.columns import Floats


@dataclass(frozen=True)
class PairsOnTrial(AlignedPairs):
    """Aligned pairs, the group of examples of each, and what is there of their models.

    `held_by_fleet` says whether the fleet's slots still hold the stems on offer, row by row (see `holds`).
    """

    masks: Mapping[str, Tensor]
    permutations: Permutations
    group: Tensor
    held_by_fleet: bool

    def take(self, rows: Tensor) -> Self:
        """Return some of the pairs, in the order given."""
        return replace(super().take(rows), group=self.group[rows])


@dataclass(frozen=True)
class Validation:
    """Examples on the fleet's device and which of them, ``[G, V]``, each group is measured on.

    The first `count` columns are meant; the others repeat one of them.
    """

    inputs: Tensor
    targets: Tensor
    examples: Tensor
    count: int

    @classmethod
    def of(cls, inputs: Tensor, targets: Tensor, index: Tensor) -> "Validation":
        """Return some of the examples, int64 ``[G, B]``, filled up to whole cache lines."""
        return cls(inputs, targets, whole_lines(index), index.shape[1])

    @property
    def weight(self) -> Tensor:
        """1 for the columns that are meant, 0 for the others, ``[V]``."""
        return (torch.arange(self.examples.shape[1], device=self.examples.device) < self.count).float()

    def inputs_of(self, group: Tensor) -> Tensor:
        """Return the inputs of some groups, ``[n, V, *S]``, or one batch for all, ``[V, *S]``."""
        examples = self.examples[0] if len(self.examples) == 1 else self.examples[group]
        return gather(self.inputs, examples)


class _Path(ABC):
    """Own models of some pairs, their losses without a merge, and merges at weights of their own."""

    base: "_Stems"

    def __init__(self, fleet: Fleet, pairs: PairsOnTrial, held: Validation) -> None:
        self.fleet, self.pairs, self.held = fleet, pairs, held
        self.architecture = fleet.architecture

    @property
    def at_once(self) -> int:
        """How many (pair, weight) to measure in one computation."""
        each = trunk_bytes(self.architecture, self.held.examples.shape[1])
        return tile_size(self.fleet.working_bytes, each, self.fleet.device)

    def own_losses(self) -> Floats:
        """Return each pair's loss without a merge, computed once for each buyer and group."""
        base, held = self.base, self.held
        found, inverse = torch.unique(base.inverse, return_inverse=True)
        row, group = torch.empty_like(found), torch.empty_like(found)
        row[inverse], group[inverse] = self.pairs.buyer, self.pairs.group
        loss = np.empty(len(found))
        for part in chunks(len(found), self.at_once):
            logits = self.architecture.trunk(take(self.fleet.models, row[part]), base.z[found[part]])
            loss[part] = self.architecture.task.mean_loss(
                logits, held.targets[held.examples[group[part]]], held.count
            )
        return loss[inverse.cpu().numpy()]

    @abstractmethod
    def merges(self, some: slice, weights: Floats) -> tuple[Parameters, Tensor]:
        """Return merged models, their stems' tensors left out or not, and their stems, ``[p w, ...]``."""

    def _shares(self, weights: Floats) -> Tensor:
        """Return weights as parameters are kept, which inputs that are tokens are not."""
        return torch.from_numpy(weights).to(self.fleet.device, torch.float32)

    def statistics(self, some: slice, weights: Floats) -> Parameters:
        """Return the running statistics that the merges have on the examples, ``[p w, ...]``."""
        merged, z = self.merges(some, weights)
        return self.architecture.trunk_of_batch(merged, z, self.held.weight.expand(weights.size, -1))[1]

    def losses(self, some: slice, weights: Floats, statistics: Parameters) -> Floats:
        """Return the losses of some pairs at weights of their own, ``[p, w]``.

        `statistics` are the running statistics of the merges, ``[p w, ...]``.
        """
        merged, z = self.merges(some, weights)
        logits = self.architecture.trunk({**merged, **statistics}, z)
        y = self.held.targets[self.held.examples[self.pairs.group[some]]]
        y = y.repeat_interleave(weights.shape[1], 0)
        found = self.architecture.task.mean_loss(logits, y, self.held.count)
        return found.reshape(weights.shape)


class StraightPath(_Path):
    """Merges on the line from a buyer's model to a partner: first layers run once a pair, at most."""

    def __init__(self, fleet: Fleet, offered: Offered, pairs: PairsOnTrial, held: Validation) -> None:
        super().__init__(fleet, pairs, held)
        architecture = self.architecture
        stem = architecture.stem_tensors
        self.packing = Packing({name: s for name, s in architecture.shapes.items() if name not in stem})
        trunk = list(self.packing.shapes)
        own = take({name: fleet.parameters[name] for name in trunk}, pairs.buyer)
        self.bought: _Stems | None = None
        if isinstance(offered.recipe.operator, Interpolation):
            self.base, self.bought = _stems_of_both(fleet, offered.leaves, pairs, held)
            other = take({name: offered.leaves[name] for name in trunk}, pairs.seller)
            other = permute(architecture, other, pairs.permutations)
        else:
            self.base = _stems(architecture, fleet.parameters, pairs.buyer, pairs.group, held)
            other = _partners(fleet, offered, pairs)
            self.partner_stems = architecture.stem(
                {name: other[name] for name in stem}, held.inputs_of(pairs.group)
            )
        steps = {name: _step(own[name], other[name], pairs.masks[name]) for name in trunk}
        self.own, self.step = (
            self.packing.fill(self.packing.zeros(len(pairs.buyer), fleet.device), leaves)
            for leaves in (own, steps)
        )
        self.holds_stem = pairs.masks[stem[0]]
        self._stems: tuple[slice, Tensor, Tensor] | None = None

    @staticmethod
    def serves(architecture: Architecture, operator: MergeOperator) -> bool:
        """Return whether an operator's merges lie on a line, and a network has a stem to gain by it."""
        return isinstance(operator, StraightOperator) and bool(architecture.stem_tensors)

    def merges(self, some: slice, weights: Floats) -> tuple[Parameters, Tensor]:
        """Return merged trunks and stems of some pairs at weights of their own, ``[p w, ...]``."""
        share = self._shares(weights)
        merged = _along(self.own[some], self.step[some], share)
        return self.packing.views(merged), _along(*self._stem_line(some), share)

    def _stem_line(self, some: slice) -> tuple[Tensor, Tensor]:
        """Return the own stems of some pairs and the steps to their partners', kept for the next weights."""
        if self._stems is None or self._stems[0] != some:
            own = self.base.of(some)
            self._stems = some, own, _step(own, self._partner_stem(some), self.holds_stem[some])
        return self._stems[1:]

    def _partner_stem(self, some: slice) -> Tensor:
        if self.bought is None:
            return self.partner_stems[some]
        here = {name: order[some] for name, order in self.pairs.permutations.items()}
        return self.architecture.permute_stem(self.bought.of(some), here)


class CurvedPath(_Path):
    """Merges of any operator: each (pair, weight) is merged and makes a whole forward pass.

    So do merges of networks without a stem.
    """

    def __init__(self, fleet: Fleet, offered: Offered, pairs: PairsOnTrial, held: Validation) -> None:
        super().__init__(fleet, pairs, held)
        self.base = _stems(self.architecture, fleet.parameters, pairs.buyer, pairs.group, held)
        self.recipe = offered.recipe
        self.operands = offered.recipe.operands(fleet, offered.leaves, pairs)

    @property
    def at_once(self) -> int:
        """How many (pair, weight) to merge and measure in one computation."""
        own = 4 * (FLOAT_BYTES * self.architecture.parameter_count + self.recipe.own.bytes_each)
        rows = self.held.examples.shape[1]
        each = evaluation_bytes(self.architecture, rows) + own
        return tile_size(self.fleet.working_bytes, each, self.fleet.device)

    def merges(self, some: slice, weights: Floats) -> tuple[Parameters, Tensor]:
        """Return merged models and stems of some pairs at weights of their own, ``[p w, ...]``."""
        first = torch.arange(some.start, some.stop, device=self.fleet.device)
        rows = first.repeat_interleave(weights.shape[1])
        share = self._shares(weights).flatten()
        merged = self.recipe.operator.merge(self.operands.take(rows), share)
        x = self.held.inputs_of(self.pairs.group[rows])
        return merged, self.architecture.stem(merged, x)


def _partners(fleet: Fleet, offered: Offered, pairs: PairsOnTrial) -> Parameters:
    assert isinstance(offered.recipe.operator, StraightOperator)
    return offered.recipe.operator.partner(offered.recipe.operands(fleet, offered.leaves, pairs))


def _step(own: Tensor, other: Tensor, holds: Tensor) -> Tensor:
    """Return ``other - own`` of ``[p, ...]``, and 0, whatever they hold, where a pair's block does not."""
    return (other - own).masked_fill_(~holds.view(-1, *[1] * (own.dim() - 1)), 0)


def _along(own: Tensor, step: Tensor, share: Tensor) -> Tensor:
    """Return ``own + share * step`` of pairs at shares ``[p, w]``, ``[p w, ...]``."""
    shares = share.view(*share.shape, *[1] * (own.dim() - 1))
    return torch.addcmul(own.unsqueeze(1), shares, step.unsqueeze(1)).flatten(0, 1)


@dataclass(frozen=True)
class _Stems:
    """Stems of the distinct (model, group) among some pairs, ``[U, ...]``, and which is whose, ``[p]``."""

    z: Tensor
    inverse: Tensor

    def of(self, some: slice) -> Tensor:
        """Return the stems of some pairs."""
        return self.z.index_select(0, self.inverse[some])


def holds(fleet: Fleet, offered: Parameters) -> bool:
    """Return whether the fleet's slots still hold the stems on offer, row by row, as they do as a rule."""
    names = fleet.architecture.stem_tensors
    return all(torch.equal(fleet.parameters[name], offered[name]) for name in names)


def _stems_of_both(
    fleet: Fleet, offered: Parameters, pairs: PairsOnTrial, held: Validation
) -> tuple[_Stems, _Stems]:
    """Return the stems of the buyers and of the sellers; a model that is both has one, of the same bits."""
    count = len(pairs.buyer)
    if pairs.held_by_fleet:
        row, group = torch.cat([pairs.buyer, pairs.seller]), torch.cat([pairs.group, pairs.group])
        both = _stems(fleet.architecture, fleet.parameters, row, group, held)
        return _Stems(both.z, both.inverse[:count]), _Stems(both.z, both.inverse[count:])
    return (
        _stems(fleet.architecture, fleet.parameters, pairs.buyer, pairs.group, held),
        _stems(fleet.architecture, offered, pairs.seller, pairs.group, held),
    )


def _stems(
    architecture: Architecture, models: Parameters, row: Tensor, group: Tensor, held: Validation
) -> _Stems:
    groups = len(held.examples)
    distinct, inverse = torch.unique(row * groups + group, return_inverse=True)
    stem = take({name: models[name] for name in architecture.stem_tensors}, distinct // groups)
    inputs = held.inputs_of(distinct % groups)
    if not stem and groups == 1:
        inputs = inputs.expand(len(distinct), *inputs.shape)
    return _Stems(architecture.stem(stem, inputs), inverse)
